"""What a detector may say: evidence, its strength, and the fixed list of claims.

A claim is what a positive says. Which detector may make which claim, and how far it can be relied on, is
fixed in ``CLAIMS``; evidence that breaks the table cannot be built. ``docs/verdicts.md`` explains each claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator


class EvidenceType(StrEnum):
    """Where evidence comes from, strongest first."""

    REGISTRY = "registry"
    C2PA = "c2pa"
    WATERMARK = "watermark"
    FINGERPRINT = "fingerprint"
    KNOWN_WATERMARK = "known_watermark"
    METADATA = "metadata"
    LEARNED = "learned"


class Outcome(StrEnum):
    """How an examination ended. Only ``detected`` carries a claim."""

    DETECTED = "detected"
    NOT_DETECTED = "not_detected"
    INCONCLUSIVE = "inconclusive"
    UNAVAILABLE = "unavailable"
    ERROR = "error"


class Strength(StrEnum):
    """How far a claim can be relied on.

    ``cryptographic``: forging it means breaking a hash or a trusted issuer's key. ``statistical``: wrong with
    a stated, small probability. ``declared``: anyone could have written it. ``hint``: never decides alone.
    """

    CRYPTOGRAPHIC = "cryptographic"
    STATISTICAL = "statistical"
    DECLARED = "declared"
    HINT = "hint"


class Claim(StrEnum):
    """What a positive says.

    Made by the registry (sha256 of the whole file):

    - ``own_release``: this very file was released here. Details: ``release_id``.
    - ``own_release_revoked``: the same, and the release has been revoked since. Details: ``release_id``,
      ``revoked_at`` (ISO 8601).

    Made by the fingerprint:

    - ``fingerprint_match``: the pictures match a release. Details: ``release_id``, ``fraction_of_upload``
      (0 to 1), and ``revoked: true`` with ``revoked_at`` where the release was revoked.

    Made by our watermark:

    - ``own_mark_resolved``: the payload names a release *and* the fingerprint confirms its pictures. Details:
      ``release_id``, ``fraction_of_upload``, ``revoked``, ``revoked_at``.
    - ``own_mark_copied``: the payload names a release, but the pictures could not be matched to it. Details:
      ``release_id``, ``revoked``, ``revoked_at``.
    - ``own_mark_unresolved``: a valid payload that the registry does not know.
    - ``own_mark_unreadable``: our watermark is there, its payload cannot be read.

    Made by the credentials (C2PA). ``declares_*`` is ``cryptographic`` when the signature is valid and its
    issuer trusted, ``declared`` when the signature is valid but the issuer unknown; ``details["trusted"]``, a
    bool, says the same:

    - ``declares_ai``: made by a trained model. ``declares_ai_edit``: partly so.
    - ``declares_capture``: recorded by a camera or another device.
    - ``declares_other``: any other origin, or none.
    - ``tampered``: the signature or a hash of the file's own manifest does not hold.
    - ``ingredient_tampered``: the same for a manifest that the file was made from.
    - ``not_fully_protected``: the hashes leave out a part of the file that players show.

    Made by declared metadata (unsigned): ``declares_ai``, ``declares_ai_edit``, and ``mentions_generator``, a
    trace of a generator's name that does not say what it did (a hint).

    Made by known third-party watermarks: ``known_ai_payload``. Details: ``payload``.

    Made by a learned detector: ``score_generated`` and ``score_edited_region``, ``statistical`` only with a
    calibrated false-positive rate, otherwise a hint.
    """

    OWN_RELEASE = "own_release"
    OWN_RELEASE_REVOKED = "own_release_revoked"
    FINGERPRINT_MATCH = "fingerprint_match"
    OWN_MARK_RESOLVED = "own_mark_resolved"
    OWN_MARK_COPIED = "own_mark_copied"
    OWN_MARK_UNRESOLVED = "own_mark_unresolved"
    OWN_MARK_UNREADABLE = "own_mark_unreadable"
    DECLARES_AI = "declares_ai"
    DECLARES_AI_EDIT = "declares_ai_edit"
    DECLARES_CAPTURE = "declares_capture"
    DECLARES_OTHER = "declares_other"
    TAMPERED = "tampered"
    INGREDIENT_TAMPERED = "ingredient_tampered"
    NOT_FULLY_PROTECTED = "not_fully_protected"
    MENTIONS_GENERATOR = "mentions_generator"
    KNOWN_AI_PAYLOAD = "known_ai_payload"
    SCORE_GENERATED = "score_generated"
    SCORE_EDITED_REGION = "score_edited_region"


@dataclass(frozen=True)
class ClaimRule:
    """Who may make a claim.

    Attributes:
        strengths: For each type of evidence that may make the claim, the strengths it may have.
        names_release: Whether ``details["release_id"]`` is required.
    """

    strengths: dict[EvidenceType, frozenset[Strength]]
    names_release: bool = False


_SIGNED = frozenset({Strength.CRYPTOGRAPHIC})
_ISSUED = frozenset({Strength.CRYPTOGRAPHIC, Strength.DECLARED})
_MEASURED = frozenset({Strength.STATISTICAL})
_DECLARED = frozenset({Strength.DECLARED})
_HINT = frozenset({Strength.HINT})
_SCORED = frozenset({Strength.STATISTICAL, Strength.HINT})
_T = EvidenceType

CLAIMS: dict[Claim, ClaimRule] = {
    Claim.OWN_RELEASE: ClaimRule({_T.REGISTRY: _SIGNED}, names_release=True),
    Claim.OWN_RELEASE_REVOKED: ClaimRule({_T.REGISTRY: _SIGNED}, names_release=True),
    Claim.FINGERPRINT_MATCH: ClaimRule({_T.FINGERPRINT: _MEASURED}, names_release=True),
    Claim.OWN_MARK_RESOLVED: ClaimRule({_T.WATERMARK: _MEASURED}, names_release=True),
    Claim.OWN_MARK_COPIED: ClaimRule({_T.WATERMARK: _MEASURED}, names_release=True),
    Claim.OWN_MARK_UNRESOLVED: ClaimRule({_T.WATERMARK: _MEASURED}),
    Claim.OWN_MARK_UNREADABLE: ClaimRule({_T.WATERMARK: _MEASURED}),
    Claim.DECLARES_AI: ClaimRule({_T.C2PA: _ISSUED, _T.METADATA: _DECLARED}),
    Claim.DECLARES_AI_EDIT: ClaimRule({_T.C2PA: _ISSUED, _T.METADATA: _DECLARED}),
    Claim.DECLARES_CAPTURE: ClaimRule({_T.C2PA: _ISSUED}),
    Claim.DECLARES_OTHER: ClaimRule({_T.C2PA: _ISSUED}),
    Claim.TAMPERED: ClaimRule({_T.C2PA: _SIGNED}),
    Claim.INGREDIENT_TAMPERED: ClaimRule({_T.C2PA: _SIGNED}),
    Claim.NOT_FULLY_PROTECTED: ClaimRule({_T.C2PA: _SIGNED}),
    Claim.MENTIONS_GENERATOR: ClaimRule({_T.METADATA: _HINT}),
    Claim.KNOWN_AI_PAYLOAD: ClaimRule({_T.KNOWN_WATERMARK: _MEASURED}),
    Claim.SCORE_GENERATED: ClaimRule({_T.LEARNED: _SCORED}),
    Claim.SCORE_EDITED_REGION: ClaimRule({_T.LEARNED: _SCORED}),
}

DECLARATIONS = frozenset(
    {Claim.DECLARES_AI, Claim.DECLARES_AI_EDIT, Claim.DECLARES_CAPTURE, Claim.DECLARES_OTHER}
)


class Segment(BaseModel):
    """A stretch of a track that evidence speaks of; times in milliseconds, end not before start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    track: Literal["visual", "audio"]
    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end_ms < self.start_ms:
            raise ValueError("end_ms lies before start_ms")
        return self


class Evidence(BaseModel):
    """One detector's statement about one file.

    Attributes:
        type: The kind of source.
        detector: The detector's id.
        version: The detector's version.
        outcome: How the examination ended.
        strength: How far a positive can be relied on.
        claim: What the positive says; set if and only if the outcome is ``detected``.
        summary: One sentence each in English (``en``) and German (``de``).
        details: Figures and names behind the claim, JSON-able.
        segments: Where in the file, if not all of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: EvidenceType
    detector: str = Field(min_length=1)
    version: str = Field(min_length=1)
    outcome: Outcome
    strength: Strength
    claim: Claim | None = None
    summary: dict[str, str]
    details: dict[str, JsonValue] = Field(default_factory=dict)
    segments: tuple[Segment, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not all(self.summary.get(language) for language in ("en", "de")):
            raise ValueError("a summary needs a sentence in 'en' and in 'de'")
        if (self.claim is None) == (self.outcome is Outcome.DETECTED):
            raise ValueError("a claim goes with the outcome 'detected', and with no other")
        if self.claim is not None:
            self._check_claim(self.claim)
        return self

    def _check_claim(self, claim: Claim) -> None:
        rule = CLAIMS[claim]
        if self.strength not in rule.strengths.get(self.type, frozenset()):
            raise ValueError(f"{self.type} evidence of strength {self.strength} may not claim {claim}")
        if rule.names_release and not isinstance(self.details.get("release_id"), str):
            raise ValueError(f"{claim} needs details['release_id']")
        # Two places must agree, so that one slip cannot turn a stranger's signature into a trusted one.
        trusted = self.strength is Strength.CRYPTOGRAPHIC
        if (
            self.type is EvidenceType.C2PA
            and claim in DECLARATIONS
            and self.details.get("trusted") is not trusted
        ):
            raise ValueError("details['trusted'] must be true for 'cryptographic', false for 'declared'")
