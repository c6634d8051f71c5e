from __future__ import annotations

import pytest
from pydantic import ValidationError

from detectors import Claim, Evidence, EvidenceType, Outcome, Segment, Strength
from detectors.evidence import CLAIMS
from tests.unit.detectors.samples import TEXT, every_positive, negative, positive


@pytest.mark.parametrize("evidence", every_positive(), ids=lambda e: f"{e.type}-{e.claim}-{e.strength}")
def test_every_allowed_claim_survives_json(evidence: Evidence) -> None:
    assert Evidence.model_validate_json(evidence.model_dump_json()) == evidence


def test_every_claim_has_a_maker_and_every_type_a_claim() -> None:
    assert set(CLAIMS) == set(Claim)
    assert {type_ for rule in CLAIMS.values() for type_ in rule.strengths} == set(EvidenceType)


@pytest.mark.parametrize("claim", Claim)
@pytest.mark.parametrize("type_", EvidenceType)
@pytest.mark.parametrize("strength", Strength)
def test_nobody_else_may_make_a_claim(claim: Claim, type_: EvidenceType, strength: Strength) -> None:
    allowed = strength in CLAIMS[claim].strengths.get(type_, ())
    if allowed:
        assert positive(type_, claim, strength).claim is claim
    else:
        with pytest.raises(ValidationError, match="may not claim"):
            positive(type_, claim, strength)


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.DETECTED])
def test_only_a_detection_carries_a_claim(outcome: Outcome) -> None:
    with pytest.raises(ValidationError, match="claim goes with"):
        Evidence(
            type=EvidenceType.REGISTRY,
            detector="test",
            version="1",
            outcome=outcome,
            strength=Strength.CRYPTOGRAPHIC,
            claim=Claim.OWN_RELEASE,
            summary=TEXT,
            details={"release_id": "video_1"},
        )
    with pytest.raises(ValidationError, match="claim goes with"):
        negative(EvidenceType.REGISTRY, Outcome.DETECTED)


@pytest.mark.parametrize("trusted", [None, False, 1, "true"])
def test_a_trusted_issuer_must_be_said_in_two_places(trusted: object) -> None:
    with pytest.raises(ValidationError, match="trusted"):
        positive(EvidenceType.C2PA, Claim.DECLARES_CAPTURE, Strength.CRYPTOGRAPHIC, trusted=trusted)
    with pytest.raises(ValidationError, match="trusted"):
        positive(EvidenceType.C2PA, Claim.DECLARES_CAPTURE, Strength.DECLARED, trusted=True)


def test_a_release_must_be_named() -> None:
    with pytest.raises(ValidationError, match="release_id"):
        positive(EvidenceType.REGISTRY, Claim.OWN_RELEASE, release_id=None)


@pytest.mark.parametrize("summary", [{}, {"en": "x"}, {"de": "x"}, {"en": "x", "de": ""}])
def test_both_languages_are_needed(summary: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="summary"):
        Evidence(
            type=EvidenceType.C2PA,
            detector="test",
            version="1",
            outcome=Outcome.NOT_DETECTED,
            strength=Strength.CRYPTOGRAPHIC,
            summary=summary,
        )


def test_a_segment_runs_forward() -> None:
    assert Segment(track="visual", start_ms=0, end_ms=0).end_ms == 0
    with pytest.raises(ValidationError):
        Segment(track="visual", start_ms=2, end_ms=1)
    with pytest.raises(ValidationError):
        Segment(track="visual", start_ms=-1, end_ms=1)
