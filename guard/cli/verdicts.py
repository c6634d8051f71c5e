"""A verdict as lines of text."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from guard.cli.common import Language

_NAME, _OUTCOME = 17, 15
"""Least widths of the columns of kinds and of outcomes."""
_WORDS = {
    "en": {
        "verdict": "verdict",
        "basis": "basis",
        "none": "nothing found to rest on",
        "evidence": "evidence",
        "notes": "notes",
        "limits": "limits",
        "detected": "found",
        "not_detected": "not found",
        "inconclusive": "inconclusive",
        "unavailable": "unavailable",
        "error": "not completed",
        "visual": "picture, {start} s to {end} s",
        "audio": "sound, {start} s to {end} s",
    },
    "de": {
        "verdict": "Ergebnis",
        "basis": "Grundlage",
        "none": "nichts gefunden, worauf es sich stützen ließe",
        "evidence": "Befunde",
        "notes": "Hinweise",
        "limits": "Grenzen",
        "detected": "gefunden",
        "not_detected": "nicht gefunden",
        "inconclusive": "unklar",
        "unavailable": "nicht verfügbar",
        "error": "nicht abgeschlossen",
        "visual": "Bild, {start} s bis {end} s",
        "audio": "Ton, {start} s bis {end} s",
    },
}


def print_verdict(console: Console, verdict: dict[str, Any], language: Language) -> None:
    """Print a verdict.

    Args:
        console: where to.
        verdict: a :class:`detectors.Verdict` as JSON, from here or from the service.
        language: of the texts.
    """
    words = _WORDS[language]
    kinds = _kinds(language)
    basis = ", ".join(kinds.get(kind, kind) for kind in verdict["basis"]) or words["none"]
    names = [kinds.get(item["type"], item["type"]) for item in verdict["evidence"]]
    width = max(_NAME, *(len(name) + 2 for name in names))
    outcomes = max(_OUTCOME, *(len(words[item["outcome"]]) + 2 for item in verdict["evidence"]))
    console.print(f"{words['verdict']}: {verdict['verdict']}", style="bold", markup=False)
    console.print(f"  {verdict['summary'][language]}", markup=False)
    console.print(f"{words['basis']}: {basis}", markup=False)
    console.print(f"{words['evidence']}:")
    for name, item in zip(names, verdict["evidence"], strict=True):
        head = f"  {name:<{width}}{words[item['outcome']]:<{outcomes}}"
        console.print(f"{head}{item['summary'][language]}", markup=False)
        for segment in item.get("segments", ()):
            place = words[segment["track"]].format(
                start=_seconds(segment["start_ms"], language), end=_seconds(segment["end_ms"], language)
            )
            console.print(f"{'':<{len(head)}}{place}", markup=False)
    for part in ("notes", "limits"):
        if verdict[part].get(language):
            console.print(f"{words[part]}:")
            for sentence in verdict[part][language]:
                console.print(f"  - {sentence}", markup=False)


def _kinds(language: Language) -> dict[str, str]:
    """What kinds of evidence are called; their codes are English words already."""
    if language == "en":
        return {}
    from detectors.wording import CHECKS

    return {kind.value: name[language] for kind, name in CHECKS.items()}


def _seconds(milliseconds: int, language: Language) -> str:
    text = f"{milliseconds / 1000:.1f}"
    return text.replace(".", ",") if language == "de" else text
