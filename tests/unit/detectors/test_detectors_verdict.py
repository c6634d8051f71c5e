from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from detectors import Claim, Evidence, EvidenceType, Outcome, Strength, Verdict, VerdictName, decide
from detectors.wording import LIMITS, NOTES, SUMMARIES, Limit, Note
from tests.unit.detectors.samples import every_positive, negative, positive

C2PA, MARK, META = EvidenceType.C2PA, EvidenceType.WATERMARK, EvidenceType.METADATA
TRUSTED, DECLARED = Strength.CRYPTOGRAPHIC, Strength.DECLARED

OWN_FILE = positive(EvidenceType.REGISTRY, Claim.OWN_RELEASE)
REVOKED_FILE = positive(EvidenceType.REGISTRY, Claim.OWN_RELEASE_REVOKED)
PRINT = positive(EvidenceType.FINGERPRINT, Claim.FINGERPRINT_MATCH)
OTHER_PRINT = positive(EvidenceType.FINGERPRINT, Claim.FINGERPRINT_MATCH, release_id="video_2")
RESOLVED = positive(MARK, Claim.OWN_MARK_RESOLVED)
OTHER_RESOLVED = positive(MARK, Claim.OWN_MARK_RESOLVED, release_id="video_2")
HALF = positive(MARK, Claim.OWN_MARK_RESOLVED, fraction_of_upload=0.5)
EXCERPT = positive(MARK, Claim.OWN_MARK_RESOLVED, fraction_of_upload=0.1)
COPIED = positive(MARK, Claim.OWN_MARK_COPIED)
UNRESOLVED = positive(MARK, Claim.OWN_MARK_UNRESOLVED)
UNREADABLE = positive(MARK, Claim.OWN_MARK_UNREADABLE)
ISSUER_AI = positive(C2PA, Claim.DECLARES_AI, TRUSTED)
ISSUER_EDIT = positive(C2PA, Claim.DECLARES_AI_EDIT, TRUSTED)
STRANGER_AI = positive(C2PA, Claim.DECLARES_AI, DECLARED)
CAPTURE = positive(C2PA, Claim.DECLARES_CAPTURE, TRUSTED)
STRANGER_CAPTURE = positive(C2PA, Claim.DECLARES_CAPTURE, DECLARED)
ISSUER_OTHER = positive(C2PA, Claim.DECLARES_OTHER, TRUSTED)
TAMPERED = positive(C2PA, Claim.TAMPERED)
STALE = positive(C2PA, Claim.INGREDIENT_TAMPERED)
UNCOVERED = positive(C2PA, Claim.NOT_FULLY_PROTECTED)
PAYLOAD = positive(EvidenceType.KNOWN_WATERMARK, Claim.KNOWN_AI_PAYLOAD)
META_AI = positive(META, Claim.DECLARES_AI)
META_EDIT = positive(META, Claim.DECLARES_AI_EDIT)
MENTION = positive(META, Claim.MENTIONS_GENERATOR)
SCORE = positive(EvidenceType.LEARNED, Claim.SCORE_GENERATED, Strength.STATISTICAL)
SCORE_HINT = positive(EvidenceType.LEARNED, Claim.SCORE_GENERATED, Strength.HINT)
REGION = positive(EvidenceType.LEARNED, Claim.SCORE_EDITED_REGION, Strength.STATISTICAL)
REGION_HINT = positive(EvidenceType.LEARNED, Claim.SCORE_EDITED_REGION, Strength.HINT)

V = VerdictName
TABLE: list[tuple[Sequence[Evidence], VerdictName, str]] = [
    ([], V.INCONCLUSIVE, ""),
    ([OWN_FILE], V.GENERATED_HERE, "registry"),
    ([REVOKED_FILE], V.GENERATED_HERE, "registry"),
    ([OWN_FILE, RESOLVED, PRINT, ISSUER_AI], V.GENERATED_HERE, "registry watermark fingerprint"),
    ([OWN_FILE, TAMPERED], V.GENERATED_HERE, "registry"),
    ([RESOLVED, PRINT], V.GENERATED_HERE, "watermark fingerprint"),
    ([RESOLVED, TAMPERED], V.GENERATED_HERE, "watermark"),
    ([RESOLVED, OTHER_PRINT], V.GENERATED_HERE, "watermark"),
    ([RESOLVED, OTHER_RESOLVED], V.GENERATED_HERE, "watermark"),
    ([RESOLVED, PAYLOAD, META_AI], V.GENERATED_HERE, "watermark"),
    ([ISSUER_AI], V.DECLARED_AI_BY_ISSUER, "c2pa"),
    ([ISSUER_EDIT], V.DECLARED_AI_BY_ISSUER, "c2pa"),
    ([ISSUER_AI, CAPTURE], V.DECLARED_AI_BY_ISSUER, "c2pa"),
    ([ISSUER_AI, CAPTURE, RESOLVED, PAYLOAD], V.DECLARED_AI_BY_ISSUER, "c2pa"),
    ([ISSUER_AI, STALE], V.DECLARED_AI_BY_ISSUER, "c2pa"),
    ([ISSUER_AI, COPIED], V.DECLARED_AI_BY_ISSUER, "c2pa"),
    ([ISSUER_AI, RESOLVED], V.DECLARED_AI_BY_ISSUER, "c2pa"),
    ([ISSUER_AI, TAMPERED], V.CREDENTIALS_INVALID_OR_TAMPERED, "c2pa"),
    ([ISSUER_AI, UNCOVERED], V.CREDENTIALS_INVALID_OR_TAMPERED, "c2pa"),
    ([CAPTURE], V.AUTHENTIC_CAPTURE_CREDENTIALS_VALID, "c2pa"),
    ([CAPTURE, SCORE, REGION, MENTION], V.AUTHENTIC_CAPTURE_CREDENTIALS_VALID, "c2pa"),
    ([CAPTURE, UNCOVERED], V.CREDENTIALS_INVALID_OR_TAMPERED, "c2pa"),
    ([CAPTURE, STALE], V.CREDENTIALS_INVALID_OR_TAMPERED, "c2pa"),
    ([CAPTURE, TAMPERED, RESOLVED], V.GENERATED_HERE, "watermark"),
    ([HALF], V.GENERATED_HERE, "watermark"),
    ([EXCERPT], V.REGISTRY_MATCH, "watermark"),
    ([EXCERPT, PRINT, META_AI], V.REGISTRY_MATCH, "watermark fingerprint"),
    ([CAPTURE, EXCERPT], V.CONFLICT, "c2pa watermark"),
    ([PRINT], V.REGISTRY_MATCH, "fingerprint"),
    ([PRINT, OTHER_PRINT], V.REGISTRY_MATCH, "fingerprint"),
    ([OTHER_PRINT, COPIED], V.REGISTRY_MATCH, "fingerprint"),
    ([PRINT, TAMPERED], V.REGISTRY_MATCH, "fingerprint"),
    ([TAMPERED], V.CREDENTIALS_INVALID_OR_TAMPERED, "c2pa"),
    ([UNCOVERED, META_AI], V.CREDENTIALS_INVALID_OR_TAMPERED, "c2pa"),
    ([TAMPERED, COPIED], V.CREDENTIALS_INVALID_OR_TAMPERED, "c2pa"),
    ([TAMPERED, STRANGER_AI], V.CREDENTIALS_INVALID_OR_TAMPERED, "c2pa"),
    ([COPIED], V.COPIED_OR_HEAVILY_EDITED, "watermark"),
    ([UNRESOLVED], V.COPIED_OR_HEAVILY_EDITED, "watermark"),
    ([UNREADABLE, META_AI], V.COPIED_OR_HEAVILY_EDITED, "watermark"),
    ([PAYLOAD], V.KNOWN_AI_WATERMARK, "known_watermark"),
    ([PAYLOAD, META_AI, STRANGER_CAPTURE], V.KNOWN_AI_WATERMARK, "known_watermark"),
    ([META_AI], V.DECLARED_AI_UNSIGNED, "metadata"),
    ([META_EDIT], V.DECLARED_AI_UNSIGNED, "metadata"),
    ([STRANGER_AI], V.DECLARED_AI_UNSIGNED, "c2pa"),
    ([STRANGER_AI, META_AI], V.DECLARED_AI_UNSIGNED, "c2pa metadata"),
    ([META_AI, SCORE], V.DECLARED_AI_UNSIGNED, "metadata"),
    ([SCORE], V.LIKELY_GENERATED, "learned"),
    ([SCORE, REGION], V.LIKELY_GENERATED, "learned"),
    ([REGION], V.LIKELY_EDITED_REGION, "learned"),
    ([SCORE_HINT], V.INCONCLUSIVE, ""),
    ([REGION_HINT, SCORE_HINT, MENTION], V.INCONCLUSIVE, ""),
    ([STRANGER_CAPTURE], V.INCONCLUSIVE, ""),
    ([ISSUER_OTHER], V.INCONCLUSIVE, ""),
    ([STALE], V.INCONCLUSIVE, ""),
    ([CAPTURE, OWN_FILE], V.CONFLICT, "registry c2pa"),
    ([CAPTURE, RESOLVED, PRINT], V.CONFLICT, "c2pa watermark fingerprint"),
    ([CAPTURE, PRINT], V.CONFLICT, "c2pa fingerprint"),
    ([CAPTURE, COPIED], V.CONFLICT, "c2pa watermark"),
    ([CAPTURE, UNREADABLE], V.CONFLICT, "c2pa watermark"),
    ([CAPTURE, PAYLOAD], V.CONFLICT, "c2pa known_watermark"),
    ([CAPTURE, META_AI], V.CONFLICT, "c2pa metadata"),
    ([OWN_FILE, OTHER_RESOLVED], V.CONFLICT, "registry watermark"),
]


@pytest.mark.parametrize(("evidence", "verdict", "basis"), TABLE)
def test_the_table(evidence: Sequence[Evidence], verdict: VerdictName, basis: str) -> None:
    decided = decide(evidence)
    assert (decided.verdict, " ".join(decided.basis)) == (verdict, basis)


def test_every_verdict_is_in_the_table() -> None:
    assert {verdict for _, verdict, _ in TABLE} == set(VerdictName)


def _says(verdict: Verdict, note: Note) -> bool:
    return NOTES[note]["en"] in verdict.notes["en"] and NOTES[note]["de"] in verdict.notes["de"]


@pytest.mark.parametrize(
    "evidence",
    [
        [REVOKED_FILE],
        [positive(MARK, Claim.OWN_MARK_RESOLVED, revoked=True)],
        [positive(EvidenceType.FINGERPRINT, Claim.FINGERPRINT_MATCH, revoked=True)],
        [ISSUER_AI, positive(MARK, Claim.OWN_MARK_RESOLVED, revoked=True)],
    ],
)
def test_a_revoked_release_is_flagged(evidence: list[Evidence]) -> None:
    decided = decide(evidence)
    assert decided.revoked
    assert decided.release_ids == ("video_1",)
    assert _says(decided, Note.REVOKED)
    assert LIMITS[Limit.REVOKED]["de"] in decided.limits["de"]


REVOKED_PRINT = positive(
    EvidenceType.FINGERPRINT, Claim.FINGERPRINT_MATCH, release_id="video_2", revoked=True
)


@pytest.mark.parametrize("sure", [OWN_FILE, RESOLVED])
def test_a_revoked_look_alike_is_named_and_is_not_the_files_own(sure: Evidence) -> None:
    decided = decide([sure, PRINT, REVOKED_PRINT])
    assert (decided.verdict, decided.revoked) == (VerdictName.GENERATED_HERE, False)
    assert (decided.release_ids, decided.revoked_ids) == (("video_1", "video_2"), ("video_2",))
    assert _says(decided, Note.ANOTHER_REVOKED)
    assert not _says(decided, Note.REVOKED)


@pytest.mark.parametrize("extra", [[], [EXCERPT]])
def test_where_only_pictures_tell_one_revoked_release_of_several_is_enough(extra: list[Evidence]) -> None:
    decided = decide([PRINT, REVOKED_PRINT, *extra])
    assert (decided.verdict, decided.revoked) == (VerdictName.REGISTRY_MATCH, True)
    assert decided.revoked_ids == ("video_2",)
    assert _says(decided, Note.ONE_REVOKED)
    assert not _says(decided, Note.REVOKED)


def test_a_revoked_release_whose_look_alike_stands_is_revoked() -> None:
    revoked = positive(MARK, Claim.OWN_MARK_RESOLVED, release_id="video_2", revoked=True)
    decided = decide([revoked, REVOKED_PRINT, PRINT])
    assert (decided.verdict, decided.revoked, decided.revoked_ids) == (
        VerdictName.GENERATED_HERE,
        True,
        ("video_2",),
    )
    assert _says(decided, Note.REVOKED)


def test_a_standing_release_is_not_flagged() -> None:
    decided = decide([positive(MARK, Claim.OWN_MARK_RESOLVED, revoked=False), COPIED])
    assert not decided.revoked
    assert not _says(decided, Note.REVOKED)


COPIED_REVOKED = positive(MARK, Claim.OWN_MARK_COPIED, release_id="video_2", revoked=True)


@pytest.mark.parametrize("beside", [[], [ISSUER_AI], [CAPTURE], [OWN_FILE], [PRINT]])
def test_a_revoked_release_that_only_a_mark_names_is_named_and_no_more(beside: list[Evidence]) -> None:
    without, decided = decide([COPIED, *beside]), decide([COPIED_REVOKED, *beside])
    assert decided.named_revoked_ids == ("video_2",)
    assert _says(decided, Note.MARK_REVOKED)
    # whoever copied the mark there can neither make the file ours nor have it called revoked
    assert (decided.verdict, decided.revoked) == (without.verdict, False)
    assert (decided.release_ids, decided.revoked_ids) == (without.release_ids, ())
    assert (without.named_revoked_ids, _says(without, Note.MARK_REVOKED)) == ((), False)


def test_a_revoked_release_that_the_pictures_lead_to_is_not_said_to_be_named_alone() -> None:
    decided = decide([COPIED_REVOKED, REVOKED_PRINT])
    assert (decided.revoked_ids, decided.named_revoked_ids) == (("video_2",), ())
    assert not _says(decided, Note.MARK_REVOKED)


def test_a_copied_mark_traces_the_file_to_no_release() -> None:
    decided = decide([COPIED])
    assert decided.release_ids == ()
    assert _says(decided, Note.MARK_COPIED)


@pytest.mark.parametrize(
    ("evidence", "note"),
    [
        ([OWN_FILE, TAMPERED], Note.TAMPERED),
        ([RESOLVED, UNCOVERED], Note.NOT_FULLY_PROTECTED),
        ([ISSUER_AI, STALE], Note.INGREDIENT_TAMPERED),
        ([ISSUER_EDIT], Note.EDITED_WITH_AI),
        ([META_EDIT], Note.EDITED_WITH_AI),
        ([STRANGER_CAPTURE], Note.UNKNOWN_SIGNER),
        ([STRANGER_AI], Note.UNKNOWN_SIGNER),
        ([UNRESOLVED], Note.MARK_UNRESOLVED),
        ([UNREADABLE], Note.MARK_UNREADABLE),
        ([MENTION], Note.MENTIONS_GENERATOR),
        ([positive(MARK, Claim.OWN_MARK_RESOLVED, fraction_of_upload=0.4)], Note.PART_OF_FILE),
    ],
)
def test_notes(evidence: list[Evidence], note: Note) -> None:
    assert _says(decide(evidence), note)


@pytest.mark.parametrize(
    ("evidence", "note"),
    [
        ([ISSUER_EDIT, ISSUER_AI], Note.EDITED_WITH_AI),
        ([STRANGER_AI, TAMPERED], Note.UNKNOWN_SIGNER),
        ([ISSUER_AI], Note.UNKNOWN_SIGNER),
        ([positive(MARK, Claim.OWN_MARK_RESOLVED, fraction_of_upload=0.9)], Note.PART_OF_FILE),
        ([positive(MARK, Claim.OWN_MARK_COPIED, fraction_of_upload=0.0)], Note.PART_OF_FILE),
    ],
)
def test_notes_that_would_mislead_are_left_out(evidence: list[Evidence], note: Note) -> None:
    assert not _says(decide(evidence), note)


@pytest.mark.parametrize("evidence", [[], [OWN_FILE], [RESOLVED]])
def test_the_limits_speak_of_sound_where_there_is_some(evidence: list[Evidence]) -> None:
    for language in ("en", "de"):
        assert LIMITS[Limit.SOUND][language] in decide(evidence).limits[language]
        assert LIMITS[Limit.SOUND][language] not in decide(evidence, sound=False).limits[language]


def test_no_sentence_takes_every_file_for_a_video() -> None:
    for text in LIMITS.values():
        assert "video" not in " ".join(text.values()).lower()


def test_a_failed_check_is_named_in_both_languages() -> None:
    decided = decide([negative(EvidenceType.WATERMARK, Outcome.ERROR), negative(C2PA, Outcome.UNAVAILABLE)])
    assert decided.notes["en"][-1].endswith("credentials (C2PA), our watermark.")
    assert decided.notes["de"][-1].endswith("Herkunftsangaben (C2PA), unser Wasserzeichen.")


def test_the_absence_of_signals_is_never_called_real() -> None:
    decided = decide([negative(type_, Outcome.NOT_DETECTED) for type_ in EvidenceType])
    assert decided.verdict is VerdictName.INCONCLUSIVE
    assert LIMITS[Limit.ABSENCE]["en"] in decided.limits["en"]
    assert LIMITS[Limit.ABSENCE]["de"] in decided.limits["de"]


POSITIVES = every_positive()
SILENT = [negative(type_, outcome) for type_ in EvidenceType for outcome in Outcome if outcome != "detected"]
some_positives = st.lists(st.sampled_from(POSITIVES), max_size=8)
some_silent = st.lists(st.sampled_from(SILENT), max_size=8)


@given(some_positives, some_silent, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_total_and_blind_to_order(
    positives: list[Evidence], silent: list[Evidence], shuffler: random.Random
) -> None:
    evidence = positives + silent
    decided = decide(evidence)
    shuffler.shuffle(evidence)
    assert decide(evidence) == decided
    assert Verdict.model_validate_json(decided.model_dump_json()) == decided
    assert decided.summary == SUMMARIES[decided.verdict]
    assert bool(decided.basis) == (decided.verdict is not VerdictName.INCONCLUSIVE)
    assert set(decided.basis) <= {item.type for item in positives}
    assert len(decided.notes["en"]) == len(decided.notes["de"])
    assert len(decided.limits["en"]) == len(decided.limits["de"]) >= 1
    assert LIMITS[Limit.SOUND]["en"] in decided.limits["en"]


@given(some_positives, some_silent)
@settings(deadline=None)
def test_silence_and_failure_change_nothing(positives: list[Evidence], silent: list[Evidence]) -> None:
    without, with_silent = decide(positives), decide(positives + silent)
    assert with_silent.verdict is without.verdict
    assert with_silent.basis == without.basis
    assert with_silent.limits == without.limits
    assert (with_silent.revoked, with_silent.release_ids) == (without.revoked, without.release_ids)


@given(some_positives)
@settings(deadline=None)
def test_certainty_needs_its_evidence(positives: list[Evidence]) -> None:
    decided = decide(positives)
    claims = {item.claim for item in positives}
    strengths = {(item.claim, item.strength) for item in positives}
    if decided.verdict is V.GENERATED_HERE:
        assert claims & {Claim.OWN_RELEASE, Claim.OWN_RELEASE_REVOKED, Claim.OWN_MARK_RESOLVED}
    if decided.verdict is V.DECLARED_AI_BY_ISSUER:
        assert strengths & {(Claim.DECLARES_AI, TRUSTED), (Claim.DECLARES_AI_EDIT, TRUSTED)}
        assert not claims & {Claim.TAMPERED, Claim.NOT_FULLY_PROTECTED}
    if decided.verdict is V.AUTHENTIC_CAPTURE_CREDENTIALS_VALID:
        assert (Claim.DECLARES_CAPTURE, TRUSTED) in strengths
        assert all(
            item.type in (C2PA, EvidenceType.LEARNED) or item.claim == "mentions_generator"
            for item in positives
        )
    if decided.verdict is V.LIKELY_GENERATED:
        assert (Claim.SCORE_GENERATED, Strength.STATISTICAL) in strengths


@given(st.lists(st.sampled_from([item for item in POSITIVES if item.strength is Strength.HINT])), some_silent)
@settings(deadline=None)
def test_hints_alone_decide_nothing(hints: list[Evidence], silent: list[Evidence]) -> None:
    assert decide(hints + silent).verdict is VerdictName.INCONCLUSIVE


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.DETECTED])
def test_a_claim_without_a_detection_gives_no_verdict(outcome: Outcome) -> None:
    """Such evidence cannot be built; copying skips that check, but no verdict takes what it makes."""
    for item in POSITIVES:
        with pytest.raises(ValidationError, match="claim goes with"):
            decide([item.model_copy(update={"outcome": outcome})])


def test_every_pair_and_triple_has_a_verdict() -> None:
    seen = {
        decide(chosen).verdict for size in (1, 2, 3) for chosen in itertools.combinations(POSITIVES, size)
    }
    assert seen == set(VerdictName)
