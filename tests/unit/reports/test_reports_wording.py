"""Every text that a report can need is there in both languages."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import get_args

import guard.reports
from guard.ledger import KeyEntry
from guard.reports.wording import LIMITS, WORDS

TEMPLATES = Path(guard.reports.__file__).parent / "templates"


def test_both_languages_have_the_same_keys_and_no_empty_text() -> None:
    assert WORDS["en"].keys() == WORDS["de"].keys()
    assert all(text.strip() for words in WORDS.values() for text in words.values())


def test_no_text_is_left_untranslated() -> None:
    same = {key for key, text in WORDS["en"].items() if WORDS["de"][key] == text}
    assert same <= {"log"}


def test_every_key_that_the_templates_name_exists() -> None:
    named: set[str] = set()
    for template in TEMPLATES.iterdir():
        named |= set(re.findall(r"\bwords\.([a-z_]+)", template.read_text("utf-8")))
    assert len(named) > 20
    assert named - {"at"} <= WORDS["en"].keys()


def test_every_event_of_a_key_has_words() -> None:
    fields = KeyEntry.model_fields
    pairs = product(get_args(fields["purpose"].annotation), get_args(fields["event"].annotation))
    assert {f"key_{purpose}_{event}" for purpose, event in pairs} <= WORDS["en"].keys()


def test_the_limits_exist_and_nothing_claims_compliance() -> None:
    assert set(LIMITS) <= WORDS["en"].keys()
    for words in WORDS.values():
        text = " ".join(words.values()).lower()
        assert "compliant" not in text
        assert "konform" not in text
