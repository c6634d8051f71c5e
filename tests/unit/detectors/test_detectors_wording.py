from __future__ import annotations

import re

import pytest

from detectors import EvidenceType, VerdictName
from detectors.declared_metadata import _CONVENTIONS, _SENTENCES
from detectors.wording import CHECKS, LIMITS, NOT_EXAMINED, NOTES, SUMMARIES, Limit, Note

SENTENCES = [*SUMMARIES.values(), *LIMITS.values(), *NOTES.values(), NOT_EXAMINED]


def test_every_code_has_its_text() -> None:
    assert set(SUMMARIES) == set(VerdictName)
    assert set(LIMITS) == set(Limit)
    assert set(NOTES) == set(Note)
    assert set(CHECKS) == set(EvidenceType)


@pytest.mark.parametrize("text", [*SENTENCES, *CHECKS.values()])
def test_both_languages_are_there_and_differ(text: dict[str, str]) -> None:
    assert set(text) == {"en", "de"}
    assert text["en"] != text["de"]


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_are_whole(text: dict[str, str]) -> None:
    for sentence in text.values():
        assert re.match(r"[A-ZÄÖÜ]", sentence)
        assert sentence.endswith(".")
        assert "  " not in sentence
    assert not re.search(r"\b(Sie haben|Ihre?[rmns]?|Ihnen|du|dein)\b", text["de"])


def test_no_verdict_calls_a_file_real() -> None:
    for text in [*SUMMARIES.values(), *NOTES.values()]:
        assert not re.search(r"\b(real|genuine|true)\b", text["en"], re.IGNORECASE)
        assert not re.search(r"\b(echt|real|wahr)\b", text["de"], re.IGNORECASE)


def test_evidence_of_metadata_speaks_both_languages() -> None:
    for english, german in _SENTENCES.values():
        assert english != german
        assert "{where}" in english
        assert "{where}" in german
    assert all(len(pair) == 2 for pair in _CONVENTIONS.values())
