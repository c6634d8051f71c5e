"""What the service says of a file, given what was read off it; the registry is one in memory, of real fingerprints."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detectors import Claim, Outcome, Strength, Subject, VerdictName, decide, examine
from guard.fingerprints import Fingerprint, FrameHash, Match, compare
from guard.marks import Reading, Stretch
from guard.provenance import ExactRelease, OwnFingerprint, OwnMark, Recorded

SHA = "ab" * 32
PAYLOAD = bytes.fromhex("0123456789abcdef")
OURS = Recorded(release_id="release_1", video_id="video_1", manifest_id="urn:c2pa:1", revoked_at=None)


def pictures(seed: int, count: int = 8) -> Fingerprint:
    source = random.Random(seed)
    return Fingerprint(
        tuple(FrameHash(float(n), f"{source.getrandbits(256):064x}", 100) for n in range(count))
    )


@dataclass
class OneRelease:
    """A registry of one release."""

    release: Recorded = OURS
    recorded: Fingerprint = field(default_factory=lambda: pictures(1))

    def by_digest(self, sha256: str) -> Recorded | None:
        return self.release if sha256 == SHA else None

    def by_payload(self, payload: bytes) -> Recorded | None:
        return self.release if payload == PAYLOAD else None

    def fingerprint(self, release_id: str) -> Fingerprint:
        assert release_id == self.release.release_id
        return self.recorded

    def nearest(self, fingerprint: Fingerprint) -> Sequence[tuple[Recorded, Match]]:
        match = compare(fingerprint, self.recorded)
        return [(self.release, match)] if match.matched else []


class Away(OneRelease):
    """A registry whose database is away."""

    def by_digest(self, sha256: str) -> Recorded | None:
        raise ConnectionError("postgresql://user:secret@host is away")

    by_payload = nearest = by_digest  # type: ignore[assignment]


READ = Reading(
    "read", PAYLOAD, "mark-1", 1e-12, 24, (1.0, 0.0, 0.0, 1.0), (Stretch(0.0, 1.0, "read", PAYLOAD),)
)
UNREADABLE = Reading("unreadable", None, "mark-1", 1e-9, 24, (1.0, 0.0, 0.0, 1.0), ())
ABSENT = Reading("absent", None, None, 0.4, 24, None, ())
REVOKED = OneRelease(replace(OURS, revoked_at=datetime(2026, 11, 23, 18, 48, 15, 7, tzinfo=UTC)))


def subject(sha256: str = SHA) -> Subject:
    return Subject(path=Path("clip.mp4"), media=None, size=1000, sha256=sha256)


@pytest.mark.parametrize(
    ("registry", "sha256", "claim"),
    [
        (OneRelease(), SHA, Claim.OWN_RELEASE),
        (REVOKED, SHA, Claim.OWN_RELEASE_REVOKED),
        (OneRelease(), "cd" * 32, None),
    ],
)
def test_the_exact_file(registry: OneRelease, sha256: str, claim: Claim | None) -> None:
    (found,) = ExactRelease(registry).examine(subject(sha256))
    assert found.claim == claim
    assert found.outcome is (Outcome.NOT_DETECTED if claim is None else Outcome.DETECTED)
    assert found.strength is Strength.CRYPTOGRAPHIC
    assert found.details.get("release_id") == (None if claim is None else "release_1")


@pytest.mark.parametrize(
    ("reading", "fingerprint", "claim"),
    [
        (READ, pictures(1), Claim.OWN_MARK_RESOLVED),
        (READ, pictures(2), Claim.OWN_MARK_COPIED),  # a mark lifted from one clip and put into another
        (READ, None, Claim.OWN_MARK_COPIED),
        (READ, Fingerprint(()), Claim.OWN_MARK_COPIED),
        (replace(READ, payload=bytes(range(8)), timeline=()), pictures(1), Claim.OWN_MARK_UNRESOLVED),
        (UNREADABLE, pictures(1), Claim.OWN_MARK_UNREADABLE),
        (ABSENT, pictures(1), None),
    ],
)
def test_the_mark_counts_only_with_the_pictures_it_names(
    reading: Reading, fingerprint: Fingerprint | None, claim: Claim | None
) -> None:
    (found,) = OwnMark(OneRelease(), reading, fingerprint).examine(subject())
    assert found.claim == claim
    assert found.outcome is (Outcome.NOT_DETECTED if claim is None else Outcome.DETECTED)
    assert found.details["p_value"] == reading.p_value
    assert PAYLOAD.hex() not in found.model_dump_json()


def test_where_the_mark_is_and_every_payload_is_said() -> None:
    unknown = bytes(range(8))
    timeline = (
        Stretch(0.0, 2.0, "read", PAYLOAD),
        Stretch(2.0, 3.0, "absent", None),
        Stretch(3.0, 4.5, "read", unknown),
        Stretch(4.5, 5.0, "read", PAYLOAD),
    )
    ours, other = OwnMark(OneRelease(), replace(READ, timeline=timeline), pictures(1)).examine(subject())
    assert (ours.claim, other.claim) == (Claim.OWN_MARK_RESOLVED, Claim.OWN_MARK_UNRESOLVED)
    assert [(s.start_ms, s.end_ms) for s in ours.segments] == [(0, 2000), (4500, 5000)]
    assert [(s.start_ms, s.end_ms) for s in other.segments] == [(3000, 4500)]
    for found in (ours, other):
        assert "a part of the clip" in found.summary["en"]
        assert "einem Teil des Clips" in found.summary["de"]
    (whole,) = OwnMark(OneRelease(), READ, pictures(1)).examine(subject())
    assert whole.segments == ()
    assert "part" not in whole.summary["en"]


def test_pictures_are_compared_where_the_mark_is() -> None:
    ours = tuple(replace(item, time=10.0 + item.time / 8) for item in pictures(1).hashes[:3])
    upload = Fingerprint((*pictures(5, 10).hashes, *ours))  # ten strange seconds, then three pictures of ours

    def claim(start: float) -> Claim | None:
        end = Stretch(start, 11.0, "read", PAYLOAD)
        reading = replace(READ, timeline=(Stretch(0.0, start, "absent", None), end))
        (found,) = OwnMark(OneRelease(), reading, upload).examine(subject())
        assert found.details["fraction_of_upload"] == pytest.approx(3 / 13, abs=0.001)
        return found.claim

    assert claim(10.0) is Claim.OWN_MARK_RESOLVED
    assert claim(4.0) is Claim.OWN_MARK_COPIED  # most of what carries the mark is not the release's


def test_an_unreadable_mark_is_located_too() -> None:
    timeline = (Stretch(0.0, 2.0, "absent", None), Stretch(2.0, 3.0, "unreadable", None))
    (found,) = OwnMark(OneRelease(), replace(UNREADABLE, timeline=timeline), None).examine(subject())
    assert [(s.start_ms, s.end_ms) for s in found.segments] == [(2000, 3000)]


def test_without_pictures_the_mark_is_said_to_be_unavailable() -> None:
    (found,) = OwnMark(OneRelease(), None, None).examine(subject())
    assert (found.outcome, found.claim) == (Outcome.UNAVAILABLE, None)
    assert found.details == {"algorithm": OwnMark.id}


@pytest.mark.parametrize(
    ("fingerprint", "outcome"),
    [
        (pictures(1), Outcome.DETECTED),
        (pictures(2), Outcome.NOT_DETECTED),
        (None, Outcome.UNAVAILABLE),
    ],
)
def test_the_pictures(fingerprint: Fingerprint | None, outcome: Outcome) -> None:
    (found,) = OwnFingerprint(OneRelease(), fingerprint).examine(subject())
    assert found.outcome is outcome
    assert found.claim == (Claim.FINGERPRINT_MATCH if outcome is Outcome.DETECTED else None)
    if outcome is Outcome.DETECTED:
        assert (found.details["fraction_of_upload"], found.details["median_distance"]) == (1.0, 0)


def test_a_revoked_release_is_said_to_be_revoked_by_every_detector() -> None:
    own = [
        ExactRelease(REVOKED),
        OwnFingerprint(REVOKED, pictures(1)),
        OwnMark(REVOKED, READ, pictures(1)),
    ]
    evidence = examine(subject(), own)
    assert [item.details["revoked"] for item in evidence] == [True, True, True]
    assert {item.details["revoked_at"] for item in evidence} == {"2026-11-23T18:48:15+00:00"}
    verdict = decide(evidence)
    assert (verdict.verdict, verdict.revoked) == (VerdictName.GENERATED_HERE, True)


def test_a_mark_of_a_revoked_release_on_other_pictures_names_it_and_no_more() -> None:
    verdict = decide(examine(subject(), [OwnMark(REVOKED, READ, pictures(2))]))
    assert verdict.verdict is VerdictName.COPIED_OR_HEAVILY_EDITED
    assert (verdict.revoked, verdict.release_ids, verdict.revoked_ids) == (False, (), ())
    assert verdict.named_revoked_ids == ("release_1",)


def test_a_registry_that_is_away_is_an_error_and_never_an_answer() -> None:
    own = [ExactRelease(Away()), OwnFingerprint(Away(), pictures(1)), OwnMark(Away(), READ, pictures(1))]
    evidence = examine(subject(), own)
    assert [item.outcome for item in evidence] == [Outcome.ERROR] * 3
    assert "secret" not in "".join(item.model_dump_json() for item in evidence)
    assert decide(evidence).verdict is VerdictName.INCONCLUSIVE


def test_every_sentence_is_there_in_both_languages() -> None:
    for registry in (OneRelease(), REVOKED):
        for reading in (READ, UNREADABLE, ABSENT):
            for prints in (pictures(1), pictures(2)):
                own = [
                    ExactRelease(registry),
                    OwnFingerprint(registry, prints),
                    OwnMark(registry, reading, prints),
                ]
                for item in examine(subject(), own):
                    assert set(item.summary) == {"en", "de"}
                    assert item.summary["en"] != item.summary["de"]
