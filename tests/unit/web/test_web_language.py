"""The pages' texts: complete in both languages, and written as each language writes."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import get_args

import pytest

import guard.web
from detectors import Outcome, Strength
from guard.credentials.report import IngredientState, State
from guard.credentials.source_types import KNOWN
from guard.web.language import LANGUAGES, Language, Speaker, catalogue, choose

TEMPLATES = sorted((Path(guard.web.__file__).parent / "templates").glob("*.html"))
PAGE_ERRORS = [
    "media_empty",
    "media_unreadable",
    "media_truncated",
    "media_no_video",
    "media_too_large",
    "media_bomb",
    "media_timeout",
    "media_crashed",
    "upload_too_large",
    "upload_stalled",
    "upload_not_written",
    "missing_required_parameter",
    "invalid_multipart",
    "unexpected_file",
    "rate_limit_exceeded",
    "busy",
    "database_unavailable",
    "other",
]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_say_the_same_things() -> None:
    english, german = catalogue("en"), catalogue("de")
    assert list(english) == list(german)
    for key, text in english.items():
        assert text.strip(), key
        assert german[key].strip(), key
        assert placeholders(text) == placeholders(german[key]), key


def test_most_texts_differ_between_the_languages() -> None:
    english, german = catalogue("en"), catalogue("de")
    same = {key for key in english if english[key] == german[key]}
    months = {f"month.{number}" for number in (4, 8, 9, 11)}
    names = {
        "language.en",
        "language.de",
        "technical.sha256",
        "technical.seconds",
        "manifest.id",
        "error.code",
    }
    assert same == months | names


def test_every_key_in_the_templates_exists_and_every_key_is_used() -> None:
    source = "\n".join(path.read_text("utf-8") for path in TEMPLATES)
    used = set(re.findall(r"\bt\('([\w.]+)'[,)]", source))
    texts = catalogue("en")
    assert used
    assert used <= set(texts)
    by_code = (
        "language.",
        "landing.",
        "outcome.",
        "strength.",
        "segments.",
        "state.",
        "relationship.",
        "action.",
    )
    by_code += ("source.", "error.", "month.", "technical.sound_")
    unused = {key for key in texts if key not in used and not key.startswith(by_code)}
    assert unused == {"time", "date", "result.revoked.headline"}  # said by code


def test_every_code_that_may_be_shown_has_a_text() -> None:
    wanted = {f"outcome.{outcome}" for outcome in Outcome} | {f"strength.{strength}" for strength in Strength}
    wanted |= {f"state.{state}" for state in get_args(State) + get_args(IngredientState)}
    wanted |= {f"source.{uri.rpartition('/')[2]}" for uri in KNOWN}
    wanted |= {f"error.{code}" for code in PAGE_ERRORS}
    assert wanted <= set(catalogue("de"))


@pytest.mark.parametrize(
    ("asked", "accept", "expected"),
    [
        (None, None, "en"),
        (None, "de-DE,de;q=0.9,en;q=0.8", "de"),
        (None, "en-GB,de;q=0.9", "en"),
        (None, "fr, de;q=0.4, en;q=0.7", "en"),
        (None, "fr, de;q=0.7, en;q=0.4", "de"),
        (None, "de;q=0, fr", "en"),
        (None, "de;q=high", "en"),
        (None, "fr-CH", "en"),
        ("de", "en", "de"),
        ("DE-at", "en", "de"),
        ("xx", "de", "de"),
        ("../../etc/passwd", None, "en"),
    ],
)
def test_the_reader_gets_a_language(asked: str | None, accept: str | None, expected: str) -> None:
    assert choose(asked, accept) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_and_times(language: Language) -> None:
    speaker = Speaker(language)
    german = language == "de"
    assert speaker.number(1234567.891, 2) == ("1.234.567,89" if german else "1,234,567.89")
    assert speaker.size(0) == "0 B"
    assert speaker.size(999) == "999 B"
    assert speaker.size(1000) == ("1,0 kB" if german else "1.0 kB")
    assert speaker.size(999_960) == ("1,0 MB" if german else "1.0 MB")
    assert speaker.size(536_870_912) == ("536,9 MB" if german else "536.9 MB")
    for most, said in (
        (536_870_912, "512 MiB"),
        (20_000_000, "20 MB"),
        (2**30, "1 GiB"),
        (1536, "1,5 kB" if german else "1.5 kB"),
    ):
        assert speaker.limit(most) == said
    assert speaker.size(7_000_000_000_000) == ("7.000,0 GB" if german else "7,000.0 GB")
    assert speaker.rate(Fraction(24)) == "24"
    assert speaker.rate(Fraction(30000, 1001)) == ("29,97" if german else "29.97")
    moment = "3. März 2026, 08:05 Uhr (UTC)" if german else "3 March 2026, 08:05 UTC"
    assert speaker.time(datetime(2026, 3, 3, 8, 5, tzinfo=UTC)) == moment
    assert speaker.time("2026-03-03T09:05:59+01:00") == moment
    assert speaker.time("2026-03-03T08:05:00") == moment
    assert speaker.time("yesterday") == "yesterday"
    assert speaker.date("2026-03-03") == ("3. März 2026" if german else "3 March 2026")
    assert speaker.date("then") == "then"


def test_a_code_without_a_name_is_shown_as_it_is() -> None:
    speaker = Speaker("de")
    assert speaker.name("action", "c2pa.created") == "Erstellt"
    assert speaker.name("action", "com.example.{odd}") == "com.example.{odd}"
    with pytest.raises(KeyError):
        speaker("no.such.key")
