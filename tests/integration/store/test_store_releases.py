"""Releases, fingerprints, revocations, counts, and the audit of rows against the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from guard import store
from guard.ledger import (
    Log,
    ReleaseEntry,
    RevocationEntry,
    commitment,
    from_leaf,
    read_leaf,
    verify_proof,
)
from guard.store import Database, NewRelease, StoreError, Tenant, Video
from tests.log import salt_of

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NewVideo = Callable[..., Video]
Releases = Callable[..., NewRelease]
Frames = Callable[..., list[object]]


def test_payload_is_unique_and_stays(database: Database, new_video: NewVideo) -> None:
    videos = [new_video(number) for number in range(3)]
    with database.write() as session:
        payloads = [store.allocate_payload(session, video.id) for video in videos]
    with database.write() as session:
        assert [store.allocate_payload(session, video.id) for video in videos] == payloads
    assert len(set(payloads)) == 3
    assert all(len(payload) == 8 and any(payload) for payload in payloads)


def test_payload_zero_and_taken_payloads_are_not_given(
    database: Database, new_video: NewVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = new_video(0), new_video(1)
    drawn = iter([b"\x01" * 8, bytes(8), b"\x01" * 8, b"\x02" * 8])
    monkeypatch.setattr("guard.store.videos.secrets.token_bytes", lambda size: next(drawn))
    with database.write() as session:
        assert store.allocate_payload(session, first.id) == b"\x01" * 8
        assert store.allocate_payload(session, second.id) == b"\x02" * 8


def test_release_is_found_by_every_binding_and_logged(
    database: Database, log: Log, new_video: NewVideo, new_release: Releases, frames: Frames
) -> None:
    video = new_video()
    with database.write() as session:
        release = store.record_release(session, video.id, new_release(7), frames(1), now=NOW)
        store.sign_log(session, log, now=NOW)
    with database.read() as session:
        for binding in (
            {"video_id": video.id},
            {"payload": release.payload},
            {"manifest_id": "urn:c2pa:7"},
            {"asset_digest": f"sha256:{7:064x}"},
        ):
            found = store.find_release(session, **binding)
            assert found is not None
            assert found.id == release.id
        assert store.find_release(session, payload=bytes(8)) is None
        done = store.get_video(session, video.id)
        assert (done.status, done.progress, done.completed_at) == ("completed", 100, NOW)
        recorded = [
            (row.time, row.hash.hex(), row.quality) for row in store.read_fingerprint(session, release.id)
        ]
        assert recorded == [(f.time, f.hash, f.quality) for f in frames(1)]  # type: ignore[attr-defined]
        proven = verify_proof(log.proof(session.connection(), release.ledger_index), None, log.public_key)
        salt = salt_of(session, release.id)
    entry, _ = from_leaf(proven.leaf)
    assert isinstance(entry, ReleaseEntry)
    assert entry.asset_digest == release.asset_digest
    assert entry.payload_commitment == commitment(salt, release.payload)
    assert release.payload.hex() not in proven.leaf.decode()


def test_same_release_twice_is_one(
    database: Database, new_video: NewVideo, new_release: Releases, frames: Frames
) -> None:
    video = new_video()
    ids = set()
    for _ in range(2):
        with database.write() as session:
            ids.add(store.record_release(session, video.id, new_release(), frames(1), now=NOW).id)
    assert len(ids) == 1
    with pytest.raises(StoreError) as caught, database.write() as session:
        store.record_release(session, video.id, new_release(1), frames(1), now=NOW)
    assert caught.value.code == "conflict"


def test_file_or_manifest_of_another_release_is_a_conflict_that_logs_nothing(
    database: Database, log: Log, new_video: NewVideo, new_release: Releases
) -> None:
    first, second = new_video(0), new_video(1)
    with database.write() as session:
        store.record_release(session, first.id, new_release(0), [], now=NOW)
        store.sign_log(session, log, now=NOW)
    with pytest.raises(StoreError) as caught, database.write() as session:
        store.record_release(session, second.id, new_release(0), [], now=NOW)
    assert caught.value.code == "conflict"
    with database.read() as session:
        report = store.audit(session, log, kept=log.kept())
        assert report.ok, report.problems
        assert (report.replayed, store.get_video(session, second.id).status) == (1, "in_progress")


def test_revocation_keeps_the_bindings_and_is_logged_once(
    database: Database, new_video: NewVideo, new_release: Releases
) -> None:
    video = new_video()
    with database.write() as session:
        release = store.record_release(session, video.id, new_release(), [], now=NOW)
    for reason in ("Beschwerde von Erika Mustermann", "something else"):
        with database.write() as session:
            store.revoke_release(session, release.id, reason, now=NOW + HOUR)
    with database.read() as session:
        found = store.find_release(session, payload=release.payload)
        assert found is not None
        assert (found.revoked_at, found.revoke_reason) == (NOW + HOUR, "Beschwerde von Erika Mustermann")
        assert found.revocation_index == 1
        leaf = read_leaf(session.connection(), 1)
    entry, _ = from_leaf(leaf)
    assert isinstance(entry, RevocationEntry)
    assert b"Mustermann" not in leaf
    with pytest.raises(StoreError) as caught, database.write() as session:
        store.revoke_release(session, "release_none", "x", now=NOW)
    assert caught.value.code == "not_found"


def test_counts_are_of_the_period_and_the_tenant(
    database: Database,
    tenant: Tenant,
    new_video: NewVideo,
    new_release: Releases,
    judged,  # type: ignore[no-untyped-def]
) -> None:
    videos = [new_video(number, file_format="png" if number == 3 else "mp4") for number in range(5)]
    with database.write() as session:
        other = store.create_tenant(session, "Anderes Haus", now=NOW)

        def decide(owner: str, action: str, stage: str, video: Video | None, at: datetime = NOW) -> str:
            return store.record_decision(
                session,
                owner,
                judged(action=action, stage=stage, categories=() if action == "allow" else ("violence",)),
                video_id=None if video is None else video.id,
                now=at,
            ).id

        decide(tenant.id, "block", "prompt", None)
        decide(other.id, "block", "prompt", None)
        decide(tenant.id, "block", "prompt", None, NOW - HOUR)
        decide(tenant.id, "block", "output", videos[0])
        store.fail_video(session, videos[0].id, "moderation_blocked", "x")
        for video in videos[1:4]:
            held = decide(tenant.id, "review", "output", video)
            store.open_review(
                session,
                video.id,
                stage="output",
                decision_id=held,
                reason="frames.violence",
                expires_at=NOW + HOUR,
                now=NOW,
            )
        for number, outcome in ((1, "approved"), (2, "rejected")):
            review = store.review_of(session, videos[number].id, "output")
            assert review is not None
            store.decide_review(session, review.id, outcome, reviewer="R", now=NOW)
        release = store.record_release(session, videos[1].id, new_release(), [], now=NOW)
        for owner, verdict in ((tenant.id, "generated_here"), (None, "inconclusive"), (None, "inconclusive")):
            store.record_verification(
                session, tenant_id=owner, sha256="00" * 32, verdict=verdict, basis=["registry"], now=NOW
            )
    with database.write() as session:
        store.expire_reviews(session, now=NOW + HOUR)
        store.revoke_release(session, release.id, "x", now=NOW + HOUR)
    with database.read() as session:
        both = store.count(session, NOW, NOW + HOUR)
        assert both.requested == {"images": 1, "videos": 4}
        assert both.generated == {"images": 1, "videos": 3}
        assert both.blocked == {"output": 1, "prompt": 2}
        assert both.blocked_categories == {"violence": 3}
        assert both.reviewed == {"approved": 1, "rejected": 1}
        assert (both.released, both.revoked) == ({"videos": 1}, 0)
        assert both.failed == {"moderation_blocked": 3}
        assert both.verified == {"generated_here": 1, "inconclusive": 2}
        mine = store.count(session, NOW, NOW + HOUR, tenant_id=tenant.id)
        assert mine.blocked == {"output": 1, "prompt": 1}
        assert mine.verified == {"generated_here": 1}
        later = store.count(session, NOW + HOUR, NOW + 2 * HOUR)
        assert (later.reviewed, later.released, later.revoked) == ({"expired": 1}, {}, 1)
        assert store.count(session, NOW - HOUR, NOW).blocked == {"prompt": 1}
