"""How a verdict looks on a page."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from detectors import EvidenceType, Verdict, VerdictName
from detectors.wording import CHECKS, NOTES, Note
from guard.web.language import Language, Speaker

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
    """What the page says first: a revocation before anything else; nobody should have to read on to learn of it."""
    summary = verdict.summary[language]
    return f"{_revocation(language, verdict)} {summary}" if verdict.revoked else summary


def _revocation(language: Language, verdict: Verdict) -> str:
    several, one = _revocations(language)
    if several in verdict.notes[language]:
        return several
    moments = [revoked_at(verdict, release) for release in verdict.revoked_ids]
    if len(moments) != 1 or moments[0] is None:
        return one
    t = Speaker(language)
    return t("result.revoked.headline", date=t.date(moments[0].date().isoformat()))


def notes_of(language: Language, verdict: Verdict) -> list[str]:
    """The notes, without what the headline says already."""
    return [note for note in verdict.notes[language] if note not in _revocations(language)]


def _revocations(language: Language) -> tuple[str, ...]:
    return NOTES[Note.ONE_REVOKED][language], NOTES[Note.REVOKED][language]


def revoked_at(verdict: Verdict, release_id: str) -> datetime | None:
    """When a release was revoked, as the evidence has it; None where it does not say."""
    for item in verdict.evidence:
        moment = item.details.get("revoked_at")
        if item.details.get("release_id") == release_id and isinstance(moment, str):
            return datetime.fromisoformat(moment)
    return None


def check_name(language: Language, kind: EvidenceType, *, capital: bool = False) -> str:
    """What a kind of evidence is called, to begin a line with or within a sentence."""
    name = CHECKS[kind][language]
    return name[0].upper() + name[1:] if capital else name
