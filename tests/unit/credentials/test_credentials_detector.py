"""What credentials are evidence of, and the verdicts that follow."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from detectors import Claim, Outcome, Strength, Subject, VerdictName, decide, examine
from guard.credentials import (
    CredentialsDetector,
    CredentialsReport,
    Identity,
    Ingredient,
    ManifestSpec,
    Trust,
    evidence_of,
    sign,
)
from tests.credentials_actor import sign_with_actor
from tests.credentials_forge import IPTC, altered, box, created, definition, flipped, retyped, sign_as_is


def subject(path: Path) -> Subject:
    data = path.read_bytes()
    return Subject(path=path, media=None, size=len(data), sha256=sha256(data).hexdigest())


def claims(path: Path, trust: Trust) -> list[Claim | None]:
    return [item.claim for item in examine(subject(path), [CredentialsDetector(trust)])]


def test_our_own_file_declares_ai_by_a_trusted_issuer(signed: Path, trust: Trust) -> None:
    detector = CredentialsDetector(trust)
    (evidence,) = examine(subject(signed), [detector])
    assert evidence.claim is Claim.DECLARES_AI
    assert evidence.strength is Strength.CRYPTOGRAPHIC
    assert evidence.details["trust_list"] == "development"
    assert "for development only" in evidence.summary["en"]
    assert "nur der Entwicklung" in evidence.summary["de"]
    assert detector.last_report is not None
    assert detector.last_report.state == "trusted"
    assert decide([evidence]).verdict is VerdictName.DECLARED_AI_BY_ISSUER


def test_a_strangers_word_is_only_declared(signed: Path) -> None:
    (evidence,) = examine(subject(signed), [CredentialsDetector(Trust())])
    assert "development" not in evidence.summary["en"]  # for the installation that knows it, it says so
    assert (evidence.claim, evidence.strength) == (Claim.DECLARES_AI, Strength.DECLARED)
    assert decide([evidence]).verdict is VerdictName.DECLARED_AI_UNSIGNED


@pytest.mark.parametrize(
    ("actions", "claim"),
    [
        ([created("digitalCapture")], Claim.DECLARES_CAPTURE),
        ([created("computationalCapture"), {"action": "c2pa.transcoded"}], Claim.DECLARES_CAPTURE),
        ([created("digitalCapture"), {"action": "c2pa.color_adjustments"}], Claim.DECLARES_OTHER),
        (
            [
                created("digitalCapture"),
                {"action": "c2pa.edited", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"},
            ],
            Claim.DECLARES_AI,
        ),
        ([created("compositeWithTrainedAlgorithmicMedia")], Claim.DECLARES_AI_EDIT),
        (
            [created("https://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia")],
            Claim.DECLARES_AI,
        ),
        ([created("screenCapture")], Claim.DECLARES_OTHER),
        ([created("http://foo/digitalCapture")], Claim.DECLARES_OTHER),
    ],
)
def test_source_types_and_actions_decide_the_claim(
    actions: list[dict[str, Any]], claim: Claim, clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    out = sign_as_is(clip, tmp_path / "out.mp4", definition(*actions), identity)
    assert claims(out, trust) == [claim]


def test_a_disclosure_beside_another_origin_declares_ai_in_part(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    note = {"label": "c2pa.ai-disclosure", "created": True, "data": {"modelType": "c2pa.types.model"}}
    theirs = definition(created("digitalCapture"), assertions=(note,))
    assert claims(sign_as_is(clip, tmp_path / "out.mp4", theirs, identity), trust) == [Claim.DECLARES_AI_EDIT]


def test_a_manifest_against_the_rules_is_no_declaration(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    """Created without a source type: the library calls it invalid, though nothing was changed."""
    out = sign_as_is(clip, tmp_path / "out.mp4", definition({"action": "c2pa.created"}), identity)
    (evidence,) = examine(subject(out), [CredentialsDetector(trust)])
    assert (evidence.outcome, evidence.details["state"]) == (Outcome.INCONCLUSIVE, "invalid")


def test_what_the_file_was_made_from_counts(
    clip: Path, signed: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["it"]}}
    parent = ({"title": "p", "relationship": "parentOf", "label": "it"}, signed)
    passed_on = sign_as_is(
        clip,
        tmp_path / "1.mp4",
        definition(opened, {"action": "c2pa.transcoded"}),
        identity,
        ingredients=(parent,),
    )
    assert claims(passed_on, trust) == [Claim.DECLARES_AI]
    placed = {"action": "c2pa.placed", "parameters": {"ingredientIds": ["it"]}}
    component = ({"title": "p", "relationship": "componentOf", "label": "it"}, signed)
    collage = sign_as_is(
        clip,
        tmp_path / "2.mp4",
        definition(created("digitalCapture"), placed),
        identity,
        ingredients=(component,),
    )
    assert claims(collage, trust) == [Claim.DECLARES_AI_EDIT]


def test_tampering_is_claimed_and_nothing_of_the_manifest_with_it(
    signed: Path, trust: Trust, tmp_path: Path
) -> None:
    changed = flipped(signed, tmp_path / "out.mp4", box(signed, "/mdat").payload + 700)
    found = examine(subject(changed), [CredentialsDetector(trust)])
    assert [item.claim for item in found] == [Claim.TAMPERED]
    assert decide(found).verdict is VerdictName.CREDENTIALS_INVALID_OR_TAMPERED


def test_a_hollow_capture_is_not_authentic(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    hollow = retyped(clip, tmp_path / "hollow.mp4", "/mdat", b"free")
    forged = sign_as_is(hollow, tmp_path / "out.mp4", definition(created("digitalCapture")), identity)
    found = examine(subject(forged), [CredentialsDetector(trust)])
    assert [item.claim for item in found] == [Claim.NOT_FULLY_PROTECTED]
    assert decide(found).verdict is VerdictName.CREDENTIALS_INVALID_OR_TAMPERED


def test_a_broken_parent_is_a_claim_of_its_own(
    signed: Path, clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    broken = flipped(signed, tmp_path / "broken.mp4", box(signed, "/mdat").payload + 700)
    out = tmp_path / "out.mp4"
    parent = Ingredient(broken, "broken.mp4", "parentOf")
    sign(clip, out, replace(spec, kind="edit", ingredients=(parent,)), identity)
    assert claims(out, trust) == [Claim.DECLARES_AI_EDIT, Claim.INGREDIENT_TAMPERED]


def test_a_file_without_credentials_says_nothing(
    clip: Path, signed: Path, trust: Trust, tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(signed.read_bytes() + b"garbage!")
    cases = {clip: Outcome.NOT_DETECTED, garbage: Outcome.INCONCLUSIVE}
    for path, outcome in cases.items():
        found = examine(subject(path), [CredentialsDetector(trust)])
        assert [(item.outcome, item.claim) for item in found] == [(outcome, None)]
        assert decide(found).verdict is VerdictName.INCONCLUSIVE


@pytest.mark.parametrize(
    ("failures", "outcome"),
    [
        (("signingCredential.expired",), Outcome.INCONCLUSIVE),
        (("cawg.ica.did_unavailable", "signingCredential.untrusted"), Outcome.INCONCLUSIVE),
        (("signingCredential.untrusted", "claimSignature.mismatch"), Outcome.DETECTED),
        (("assertion.dataHash.mismatch",), Outcome.DETECTED),
        (("assertion.required.missing", "signingCredential.untrusted"), Outcome.INCONCLUSIVE),
        (("claim.hardBindings.missing",), Outcome.INCONCLUSIVE),
        (("assertion.missing", "assertion.required.missing"), Outcome.DETECTED),
    ],
)
def test_doubts_about_the_signer_or_the_form_are_not_tampering(
    failures: tuple[str, ...], outcome: Outcome
) -> None:
    report = CredentialsReport(state="invalid", failures=failures, library="test")
    (evidence,) = evidence_of(report)
    assert evidence.outcome is outcome


def test_a_format_that_is_not_read_is_no_file_without_credentials() -> None:
    (evidence,) = evidence_of(CredentialsReport(state="absent", reason="format_unsupported", library="test"))
    assert evidence.outcome is Outcome.UNAVAILABLE
    assert "format" in evidence.summary["en"].lower()


def test_a_remote_manifest_is_an_open_question() -> None:
    report = CredentialsReport(
        state="remote", reason="remote_manifest", remote_url="https://a/b", library="test"
    )
    (evidence,) = evidence_of(report)
    assert evidence.outcome is Outcome.UNAVAILABLE
    assert evidence.details["remote_url"] == "https://a/b"


def test_a_file_that_vanished_is_an_error_and_not_a_verdict(clip: Path, trust: Trust, tmp_path: Path) -> None:
    gone = subject(altered(clip, tmp_path / "gone.mp4", lambda data: None))
    gone.path.unlink()
    detector = CredentialsDetector(trust)
    assert [item.outcome for item in examine(gone, [detector])] == [Outcome.ERROR]
    assert detector.last_report is None


def test_an_identity_that_was_not_examined_is_said(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    named = sign_with_actor(clip, tmp_path / "out.mp4", identity)
    (evidence,) = examine(subject(named), [CredentialsDetector(trust)])
    assert evidence.claim is Claim.DECLARES_CAPTURE
    assert "not examined" in evidence.summary["en"]
    assert "nicht geprüft" in evidence.summary["de"]
