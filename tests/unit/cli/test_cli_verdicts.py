"""A verdict as lines of text, in both languages."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from detectors import EvidenceType
from guard.cli.common import Language
from guard.cli.verdicts import print_verdict

BOTH = {"en": "What was found.", "de": "Was gefunden wurde."}


def verdict(*kinds: str) -> dict[str, Any]:
    segments = [{"track": "visual", "start_ms": 0, "end_ms": 1500}]
    evidence = [
        {"type": kind, "outcome": outcome, "summary": BOTH, "segments": segments}
        for kind, outcome in zip(kinds, ("detected", "error", "not_detected") * 3, strict=False)
    ]
    return {
        "verdict": "generated_here", "summary": BOTH, "basis": list(kinds[:2]), "evidence": evidence,
        "notes": {"en": [], "de": []}, "limits": {"en": [], "de": []},
    }  # fmt: skip


def printed(found: dict[str, Any], language: Language) -> list[str]:
    console = Console(file=io.StringIO(), width=400)
    print_verdict(console, found, language)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]


def test_german_is_german_throughout() -> None:
    kinds = [kind.value for kind in EvidenceType]
    lines = printed(verdict(*kinds), "de")
    assert "Grundlage: Register der Freigaben, Herkunftsangaben (C2PA)" in lines
    assert not [line for line in lines for kind in kinds if line.startswith(f"  {kind} ")]
    assert printed(verdict(*kinds), "en")[2] == "basis: registry, c2pa"


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_columns_are_as_wide_as_what_stands_in_them(language: Language) -> None:
    lines = printed(verdict(*EvidenceType, "of_the_future"), language)
    columns = {line.index(BOTH[language]) for line in lines if BOTH[language] in line[3:]}
    assert len(columns) == 1
    (column,) = columns
    starts = {len(line) - len(line.lstrip()) for line in lines if "1.5 s" in line or "1,5 s" in line}
    assert starts == {column}
    assert {line[column - 2 : column] for line in lines if BOTH[language] in line[3:]} == {"  "}
