"""How a verdict looks on a page."""

from __future__ import annotations

from typing import Literal

from detectors import EvidenceType, Verdict, VerdictName
from detectors.wording import CHECKS, NOTES, Note
from guard.web.language import Language

Tone = Literal["ours", "ai", "warn", "capture", "unknown"]
"""The colour of a verdict; what it says stands in words beside it."""

_TONES: dict[VerdictName, Tone] = {
    VerdictName.GENERATED_HERE: "ours",
    VerdictName.REGISTRY_MATCH: "ours",
    VerdictName.DECLARED_AI_BY_ISSUER: "ai",
    VerdictName.DECLARED_AI_UNSIGNED: "ai",
    VerdictName.KNOWN_AI_WATERMARK: "ai",
    VerdictName.LIKELY_GENERATED: "ai",
    VerdictName.LIKELY_EDITED_REGION: "ai",
    VerdictName.AUTHENTIC_CAPTURE_CREDENTIALS_VALID: "capture",
    VerdictName.CREDENTIALS_INVALID_OR_TAMPERED: "warn",
    VerdictName.COPIED_OR_HEAVILY_EDITED: "warn",
    VerdictName.CONFLICT: "warn",
    VerdictName.INCONCLUSIVE: "unknown",
}


def tone_of(verdict: Verdict) -> Tone:
    """The tone of a verdict; what has been revoked is a warning."""
    return "warn" if verdict.revoked else _TONES[verdict.verdict]


def headline_of(language: Language, verdict: Verdict) -> str:
    """What the page says first; nobody should have to read on to learn of a revocation."""
    summary = verdict.summary[language]
    if not verdict.revoked:
        return summary
    several = NOTES[Note.ONE_REVOKED][language]
    return f"{summary} {several if several in verdict.notes[language] else NOTES[Note.REVOKED][language]}"


def check_name(language: Language, kind: EvidenceType, *, capital: bool = False) -> str:
    """What a kind of evidence is called, to begin a line with or within a sentence."""
    name = CHECKS[kind][language]
    return name[0].upper() + name[1:] if capital else name
