"""From evidence to one verdict.

``RULES`` is read from top to bottom: the first rule that finds evidence for its verdict decides. The reasons
for the order are in ``docs/decisions/0005-verdicts.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from detectors.evidence import Claim, Evidence, EvidenceType, Outcome, Strength
from detectors.wording import CHECKS, LIMITS, NOT_EXAMINED, NOTES, SUMMARIES, Limit, Note, Text, VerdictName

PART_OF_FILE_BELOW = 0.75
"""Share of the upload's pictures below which a match is said to concern a part of the file only."""

MADE_HERE_FROM = 0.5
"""Share of the upload's pictures from which a confirmed watermark says where the file comes from. Below, a few seconds
of ours in somebody else's film would make the whole film ours."""


class Verdict(BaseModel):
    """What the evidence comes to.

    Attributes:
        verdict: One of the fixed list.
        basis: The types of evidence that the verdict rests on, strongest first; empty for ``inconclusive``.
        summary: One sentence each in ``en`` and ``de``.
        notes: What else the evidence shows, sentences in ``en`` and ``de``.
        limits: What the verdict does not show, sentences in ``en`` and ``de``.
        revoked: Whether a release that the file belongs to has been revoked; where the pictures alone lead to several,
            one of them.
        release_ids: The releases that the file was traced to, sorted.
        revoked_ids: Those of them that have been revoked, also where the file is known to belong to another.
        named_revoked_ids: Revoked releases that only a watermark names: the file may be a heavily edited copy, or the
            watermark may have been copied onto other pictures, so that it is traced to none of them.
        evidence: All evidence, strongest type first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: VerdictName
    basis: tuple[EvidenceType, ...]
    summary: dict[str, str]
    notes: dict[str, tuple[str, ...]]
    limits: dict[str, tuple[str, ...]]
    revoked: bool
    release_ids: tuple[str, ...]
    revoked_ids: tuple[str, ...]
    named_revoked_ids: tuple[str, ...]
    evidence: tuple[Evidence, ...]


_EXACT = (Claim.OWN_RELEASE, Claim.OWN_RELEASE_REVOKED)
_UNCONFIRMED = (Claim.OWN_MARK_COPIED, Claim.OWN_MARK_UNRESOLVED, Claim.OWN_MARK_UNREADABLE)
_AI = (Claim.DECLARES_AI, Claim.DECLARES_AI_EDIT)
_BROKEN = (Claim.TAMPERED, Claim.NOT_FULLY_PROTECTED)

_Found = tuple[Evidence, ...]


class _Case:
    """Detected evidence, sorted by what it says."""

    def __init__(self, evidence: Iterable[Evidence]) -> None:
        self.detected = tuple(item for item in evidence if item.outcome is Outcome.DETECTED)
        self.exact = self.claiming(*_EXACT)
        resolved = self.claiming(Claim.OWN_MARK_RESOLVED)
        self.confirmed = tuple(item for item in resolved if _share(item) >= MADE_HERE_FROM)
        self.unconfirmed = self.claiming(*_UNCONFIRMED)
        excerpts = tuple(item for item in resolved if item not in self.confirmed)
        self.matches = excerpts + self.claiming(Claim.FINGERPRINT_MATCH)
        self.payloads = self.claiming(Claim.KNOWN_AI_PAYLOAD)
        self.broken = self.claiming(*_BROKEN)
        self.stale = self.claiming(Claim.INGREDIENT_TAMPERED)
        # A statement in credentials that do not hold is nobody's statement.
        signed = () if self.broken else self.claiming(*_AI, Claim.DECLARES_CAPTURE, type_=EvidenceType.C2PA)
        trusted = tuple(item for item in signed if item.strength is Strength.CRYPTOGRAPHIC)
        self.issuer_ai = tuple(item for item in trusted if item.claim in _AI)
        # A camera's recording edited with AI carries both statements; the later one describes the file.
        capture = tuple(item for item in trusted if item.claim is Claim.DECLARES_CAPTURE)
        self.issuer_capture = () if self.issuer_ai else capture
        unsigned = self.claiming(*_AI, type_=EvidenceType.METADATA)
        strangers = tuple(item for item in signed if item.claim in _AI and item.strength is Strength.DECLARED)
        self.declared = strangers + unsigned

    def claiming(self, *claims: Claim, type_: EvidenceType | None = None) -> _Found:
        return tuple(item for item in self.detected if item.claim in claims and type_ in (None, item.type))

    def scoring(self, claim: Claim) -> _Found:
        """Learned scores that may decide: calibrated ones."""
        return tuple(item for item in self.claiming(claim) if item.strength is Strength.STATISTICAL)

    @property
    def traced(self) -> _Found:
        """Evidence that ties the file's own content to a release."""
        return self.exact + self.confirmed + self.matches

    @property
    def named_revoked(self) -> set[str]:
        """Revoked releases that a watermark names and nothing traces the file to."""
        return _releases(_revoked(self.claiming(Claim.OWN_MARK_COPIED))) - _releases(self.traced)

    @property
    def owning(self) -> _Found:
        """Of that, what says which release the file belongs to: pictures alone may be those of several."""
        return self.exact + self.confirmed or self.traced


def _conflict(case: _Case) -> _Found:
    against = case.traced + case.unconfirmed + case.payloads + case.declared
    if case.issuer_capture and against:
        return case.issuer_capture + against
    if case.exact and case.confirmed and not _releases(case.exact) & _releases(case.confirmed):
        return case.exact + case.confirmed
    return ()


def _exact(case: _Case) -> _Found:
    return case.exact + _agreeing(case, case.exact)


def _issuer_capture(case: _Case) -> _Found:
    return () if case.stale else case.issuer_capture


def _confirmed(case: _Case) -> _Found:
    return case.confirmed + _agreeing(case, case.confirmed)


def _agreeing(case: _Case, found: _Found) -> _Found:
    releases = _releases(found)
    return tuple(item for item in case.traced if item not in found and _releases((item,)) & releases)


def _broken(case: _Case) -> _Found:
    # A capture whose source was tampered with is not vouched for by anyone.
    return case.broken + (case.stale if case.broken or case.issuer_capture else ())


RULES: tuple[tuple[VerdictName, Callable[[_Case], _Found]], ...] = (
    (VerdictName.CONFLICT, _conflict),
    (VerdictName.GENERATED_HERE, _exact),
    (VerdictName.DECLARED_AI_BY_ISSUER, lambda case: case.issuer_ai),
    (VerdictName.AUTHENTIC_CAPTURE_CREDENTIALS_VALID, _issuer_capture),
    (VerdictName.GENERATED_HERE, _confirmed),
    (VerdictName.REGISTRY_MATCH, lambda case: case.matches),
    (VerdictName.CREDENTIALS_INVALID_OR_TAMPERED, _broken),
    (VerdictName.COPIED_OR_HEAVILY_EDITED, lambda case: case.unconfirmed),
    (VerdictName.KNOWN_AI_WATERMARK, lambda case: case.payloads),
    (VerdictName.DECLARED_AI_UNSIGNED, lambda case: case.declared),
    (VerdictName.LIKELY_GENERATED, lambda case: case.scoring(Claim.SCORE_GENERATED)),
    (VerdictName.LIKELY_EDITED_REGION, lambda case: case.scoring(Claim.SCORE_EDITED_REGION)),
)

_NOTE_OF_CLAIM: dict[Claim, Note] = {
    Claim.TAMPERED: Note.TAMPERED,
    Claim.INGREDIENT_TAMPERED: Note.INGREDIENT_TAMPERED,
    Claim.NOT_FULLY_PROTECTED: Note.NOT_FULLY_PROTECTED,
    Claim.OWN_MARK_COPIED: Note.MARK_COPIED,
    Claim.OWN_MARK_UNRESOLVED: Note.MARK_UNRESOLVED,
    Claim.OWN_MARK_UNREADABLE: Note.MARK_UNREADABLE,
    Claim.MENTIONS_GENERATOR: Note.MENTIONS_GENERATOR,
}

_LIMIT_OF_TYPE: dict[EvidenceType, Limit] = {
    EvidenceType.C2PA: Limit.CREDENTIALS,
    EvidenceType.WATERMARK: Limit.MARK,
    EvidenceType.FINGERPRINT: Limit.FINGERPRINT,
    EvidenceType.KNOWN_WATERMARK: Limit.PAYLOAD,
    EvidenceType.METADATA: Limit.DECLARATION,
    EvidenceType.LEARNED: Limit.SCORE,
}

_TYPES = tuple(EvidenceType)


def decide(evidence: Sequence[Evidence], *, sound: bool = True) -> Verdict:
    """Weigh all evidence about one file.

    Pure and total: any evidence gives a verdict, and its order does not matter. Only evidence of the outcome
    ``detected`` can lead to anything but ``inconclusive``; a check that failed adds a note and nothing else.

    Args:
        evidence: What the detectors said about one file.
        sound: Whether the file has sound, of which the limits then speak.

    Returns:
        The verdict, with what it rests on and what it does not show.
    """
    ordered = tuple(sorted(evidence, key=_order))
    case = _Case(ordered)
    verdict, found = _first_match(case)
    revoked = bool(_revoked(case.owning))
    basis = tuple(kind for kind in _TYPES if any(item.type is kind for item in found))
    notes = _notes(case, ordered, revoked=revoked, found=found)
    return Verdict(
        verdict=verdict,
        basis=basis,
        summary=dict(SUMMARIES[verdict]),
        notes={language: tuple(note[language] for note in notes) for language in ("en", "de")},
        limits=_limits(verdict, basis, revoked=revoked, sound=sound),
        revoked=revoked,
        release_ids=tuple(sorted(_releases(case.traced))),
        revoked_ids=tuple(sorted(_releases(_revoked(case.traced)))),
        named_revoked_ids=tuple(sorted(case.named_revoked)),
        evidence=ordered,
    )


def _first_match(case: _Case) -> tuple[VerdictName, _Found]:
    for verdict, rule in RULES:
        if found := rule(case):
            return verdict, found
    return VerdictName.INCONCLUSIVE, ()


def _notes(case: _Case, evidence: _Found, *, revoked: bool, found: _Found) -> list[Text]:
    claims = {item.claim for item in case.detected}
    codes = {note for claim, note in _NOTE_OF_CLAIM.items() if claim in claims}
    if revoked:
        codes.add(Note.REVOKED if _all_revoked(case.owning) else Note.ONE_REVOKED)
    elif _revoked(case.traced):
        codes.add(Note.ANOTHER_REVOKED)
    if case.named_revoked:
        codes.add(Note.MARK_REVOKED)
    if not case.exact and any(_partial(item) for item in found if item in case.traced):
        codes.add(Note.PART_OF_FILE)
    ai = [item for item in found if item.claim in _AI]
    if ai and all(item.claim is Claim.DECLARES_AI_EDIT for item in ai):
        codes.add(Note.EDITED_WITH_AI)
    if not case.broken and any(
        item.type is EvidenceType.C2PA and item.details.get("trusted") is False for item in case.detected
    ):
        codes.add(Note.UNKNOWN_SIGNER)
    notes = [NOTES[note] for note in Note if note in codes]
    failed = {item.type for item in evidence if item.outcome in (Outcome.ERROR, Outcome.UNAVAILABLE)}
    if failed:
        notes.append(
            {
                language: text.format(checks=", ".join(CHECKS[t][language] for t in _TYPES if t in failed))
                for language, text in NOT_EXAMINED.items()
            }
        )
    return notes


def _limits(
    verdict: VerdictName, basis: tuple[EvidenceType, ...], *, revoked: bool, sound: bool
) -> dict[str, tuple[str, ...]]:
    codes = {_LIMIT_OF_TYPE[kind] for kind in basis if kind in _LIMIT_OF_TYPE}
    if sound:
        codes.add(Limit.SOUND)
    if verdict in (VerdictName.INCONCLUSIVE, VerdictName.CREDENTIALS_INVALID_OR_TAMPERED):
        codes.add(Limit.ABSENCE)
    if verdict is VerdictName.AUTHENTIC_CAPTURE_CREDENTIALS_VALID:
        codes.add(Limit.CAPTURE)
    if revoked:
        codes.add(Limit.REVOKED)
    return {
        language: tuple(LIMITS[limit][language] for limit in Limit if limit in codes)
        for language in ("en", "de")
    }


def _releases(found: _Found) -> set[str]:
    return {release for item in found if isinstance(release := item.details.get("release_id"), str)}


def _revoked(found: _Found) -> _Found:
    return tuple(
        item
        for item in found
        if item.claim is Claim.OWN_RELEASE_REVOKED or item.details.get("revoked") is True
    )


def _all_revoked(found: _Found) -> bool:
    return _releases(found) == _releases(_revoked(found))


def _share(item: Evidence) -> float:
    """Share of the upload's pictures that match; all of them where the evidence does not say."""
    share = item.details.get("fraction_of_upload")
    return float(share) if isinstance(share, int | float) else 1.0


def _partial(item: Evidence) -> bool:
    return _share(item) < PART_OF_FILE_BELOW


def _order(item: Evidence) -> tuple[int, str]:
    return _TYPES.index(item.type), item.model_dump_json()
