"""Tenants, prompts, decisions, videos and reviews."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guard import store
from guard.ledger import ReviewEntry, commitment, from_leaf, read_leaf
from guard.store import Database, NewRelease, StoreError, Tenant, Vault, Video
from guard.store.videos import QUEUE_GRACE
from tests.log import salt_of

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKER = "ein roter Fuchs im Schnee 4711"
NewVideo = Callable[..., Video]


def code_of(error: pytest.ExceptionInfo[StoreError]) -> str:
    return error.value.code


def test_api_key_is_known_by_its_hash_until_it_is_revoked(database: Database, tenant: Tenant) -> None:
    with database.write() as session:
        row, key = store.create_api_key(session, tenant.id, name="ci", scopes=["videos"], now=NOW)
    assert key.startswith(row.prefix)
    assert key not in repr(row.__dict__)
    with database.read() as session:
        found = store.authenticate(session, key)
        assert found is not None
        assert (found.id, found.tenant_id, found.scopes) == (row.id, tenant.id, ["videos"])
        assert store.authenticate(session, key[:-1]) is None
        assert store.authenticate(session, "") is None
    with database.write() as session:
        assert store.revoke_api_key(session, row.id, now=NOW).revoked_at == NOW
        assert store.revoke_api_key(session, row.id, now=NOW + HOUR).revoked_at == NOW
    with database.read() as session:
        assert store.authenticate(session, key) is None
        assert [each.id for each in store.list_api_keys(session, tenant.id)] == [row.id]


def test_use_of_a_key_is_noted_once_a_minute(database: Database, tenant: Tenant) -> None:
    with database.write() as session:
        row, key = store.create_api_key(session, tenant.id, name="ci", scopes=[], now=NOW)
        assert store.key_used(session, row, now=NOW)
    with database.write() as session:
        found = store.authenticate(session, key)
        assert found is not None
        assert not store.key_used(session, found, now=NOW + timedelta(seconds=30))
        assert store.key_used(session, found, now=NOW + timedelta(seconds=61))


def test_prompt_is_read_back_until_it_is_erased(database: Database, tenant: Tenant) -> None:
    vault = Vault(bytes(range(32)))
    with database.write() as session:
        prompt = vault.put(session, tenant.id, MARKER, now=NOW)
        salt = salt_of(session, prompt.id)
    assert prompt.commitment == commitment(salt, MARKER.encode())
    with database.read() as session:
        assert vault.read(session, prompt.id) == MARKER
    with database.write() as session:
        vault.erase(session, prompt.id, now=NOW)
        vault.erase(session, prompt.id, now=NOW + HOUR)
    with database.read() as session:
        with pytest.raises(StoreError) as caught:
            vault.read(session, prompt.id)
        assert code_of(caught) == "prompt_erased"
        assert not salt_of(session, prompt.id)


def test_prompt_of_another_row_or_key_is_unreadable(database: Database, tenant: Tenant) -> None:
    vault = Vault(bytes(32))
    with database.write() as session:
        first = vault.put(session, tenant.id, MARKER, now=NOW)
        second = vault.put(session, tenant.id, "anderes", now=NOW)
        second.ciphertext, second.nonce, second.wrapped_key = first.ciphertext, first.nonce, first.wrapped_key
    with database.read() as session:
        for reader, prompt in ((vault, second), (Vault(bytes(31) + b"\x01"), first)):
            with pytest.raises(StoreError) as caught:
                reader.read(session, prompt.id)
            assert code_of(caught) == "prompt_unreadable"
            assert MARKER not in str(caught.value)


def test_prompt_and_erased_key_are_in_no_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'data' / 'guard.db'}")
    database.migrate()
    vault = Vault(bytes(range(32)))
    with database.write() as session:
        tenant = store.create_tenant(session, "A", now=NOW)
        prompt = vault.put(session, tenant.id, MARKER, now=NOW)
        wrapped, salt = prompt.wrapped_key, salt_of(session, prompt.id)

    def found(needle: bytes) -> bool:
        return any(needle in path.read_bytes() for path in (tmp_path / "data").iterdir())

    assert wrapped is not None
    assert found(wrapped)
    assert found(salt)
    assert not found(MARKER.encode())
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()} == {0o600}
    with database.write() as session:
        vault.erase(session, prompt.id, now=NOW)
    database.scrub()
    assert not found(wrapped)
    assert not found(salt)
    database.close()


def test_any_text_survives_the_vault(database: Database, tenant: Tenant) -> None:
    vault = Vault(bytes(32))
    texts = ["", "\u200b\u200b", "äöüß 狐 🦊", "\ud800 alone", "x" * 32_000]
    with database.write() as session:
        rows = [vault.put(session, tenant.id, text, now=NOW) for text in texts]
        assert [vault.read(session, row.id) for row in rows] == texts


def test_master_key_has_32_bytes() -> None:
    with pytest.raises(StoreError) as caught:
        Vault(b"short")
    assert code_of(caught) == "master_key_invalid"
    assert "hunter2" not in repr(Vault(b"hunter2".ljust(32)))


def test_decision_is_a_row_and_a_leaf(database: Database, tenant: Tenant, judged) -> None:  # type: ignore[no-untyped-def]
    with database.write() as session:
        prompt = Vault(bytes(32)).put(session, tenant.id, MARKER, now=NOW)
        made = store.record_decision(
            session,
            tenant.id,
            judged(action="block", reason="rule.weapons", categories=("illicit", "violence")),
            prompt=prompt,
            now=NOW,
        )
    with database.read() as session:
        decision = store.get_decision(session, made.id)
        assert (decision.action, decision.categories) == ("block", ["illicit", "violence"])
        assert decision.scores == {"violence": 0.125}
        entry, time = from_leaf(read_leaf(session.connection(), decision.ledger_index))
    assert entry.model_dump()["decision_id"] == made.id
    assert entry.model_dump()["commitment"] == prompt.commitment
    assert time == NOW


def test_decisions_of_a_video_come_in_their_order(
    database: Database,
    tenant: Tenant,
    judged,  # type: ignore[no-untyped-def]
) -> None:
    with database.write() as session:
        for stage in ("prompt", "input", "output"):
            store.record_decision(session, tenant.id, judged(stage=stage), video_id="video_1", now=NOW)
    with database.read() as session:
        assert [d.stage for d in store.decisions_of(session, "video_1")] == ["prompt", "input", "output"]


def test_video_is_found_by_its_tenant_only(database: Database, tenant: Tenant, new_video: NewVideo) -> None:
    video = new_video()
    with database.read() as session:
        assert store.get_video(session, video.id, tenant_id=tenant.id).seed == 2**40
        for wrong in (
            lambda: store.get_video(session, video.id, tenant_id="tenant_other"),
            lambda: store.get_video(session, "video_none"),
        ):
            with pytest.raises(StoreError) as caught:
                wrong()
            assert code_of(caught) == "not_found"


def test_videos_are_listed_in_pages(database: Database, tenant: Tenant, new_video: NewVideo) -> None:
    ids = [new_video(number).id for number in range(5)]
    with database.read() as session:
        page, more = store.list_videos(session, tenant.id, limit=2)
        assert ([v.id for v in page], more) == ([ids[4], ids[3]], True)
        page, more = store.list_videos(session, tenant.id, after=ids[3], limit=3)
        assert ([v.id for v in page], more) == ([ids[2], ids[1], ids[0]], False)
        page, more = store.list_videos(session, tenant.id, after=ids[2], limit=5, order="asc")
        assert ([v.id for v in page], more) == ([ids[3], ids[4]], False)
        assert store.list_videos(session, "tenant_other") == ([], False)


def test_video_cannot_complete_without_a_release(database: Database, new_video: NewVideo) -> None:
    video = new_video()
    with pytest.raises(StoreError) as caught, database.write() as session:
        store.complete_video(session, video.id, now=NOW)
    assert code_of(caught) == "release_missing"


def test_states_only_move_forward(
    database: Database, new_video: NewVideo, new_release: Callable[..., NewRelease]
) -> None:
    queued, failed, done = new_video(0, started=False), new_video(1), new_video(2)
    with database.write() as session:
        assert (
            store.fail_video(session, failed.id, "mark_unreadable", "The mark.").error_code
            == "mark_unreadable"
        )
        assert store.fail_video(session, failed.id, "other", "Other.").error_code == "mark_unreadable"
        store.record_release(session, done.id, new_release(), [], now=NOW)
        assert store.get_video(session, done.id).progress == 100
    for forbidden in (
        lambda s: store.start_video(s, failed.id),
        lambda s: store.start_video(s, done.id),
        lambda s: store.fail_video(s, done.id, "x", "x"),
        lambda s: store.delete_video(s, queued.id, now=NOW),
        lambda s: store.stall_video(s, failed.id, "x", "x", retry_at=NOW),
        lambda s: store.record_release(s, failed.id, new_release(1), [], now=NOW),
    ):
        with pytest.raises(StoreError) as caught, database.write() as session:
            forbidden(session)
        assert code_of(caught) == "status_invalid"
    with database.write() as session:
        assert store.delete_video(session, done.id, now=NOW).deleted_at == NOW
        assert store.delete_video(session, done.id, now=NOW + HOUR).deleted_at == NOW
        assert store.find_release(session, video_id=done.id) is not None
    with database.read() as session:
        assert done.id not in [v.id for v in store.list_videos(session, None)[0]]


def test_progress_never_goes_back_and_never_says_done(database: Database, new_video: NewVideo) -> None:
    video = new_video()
    seen = []
    for progress in (30, 20, 150):
        with database.write() as session:
            store.set_progress(session, video.id, progress)
        with database.read() as session:
            seen.append(store.get_video(session, video.id).progress)
    assert seen == [30, 30, 99]


def test_due_videos_are_neither_held_nor_waiting(
    database: Database,
    new_video: NewVideo,
    judged,  # type: ignore[no-untyped-def]
) -> None:
    queued, running, waiting, held, failed = (new_video(n, started=n > 0) for n in range(5))
    with database.write() as session:
        assert store.next_attempt(session, running.id, now=NOW) == 1
        assert store.next_attempt(session, running.id, now=NOW) == 2
        store.stall_video(session, waiting.id, "signer_failed", "The signer.", retry_at=NOW + HOUR)
        _hold(session, held, judged, expires_at=NOW + HOUR)
        store.fail_video(session, failed.id, "x", "x")
    with database.read() as session:
        assert store.due_videos(session, now=NOW) == []  # whoever made or counted them is about to queue them
        assert store.due_videos(session, now=NOW + QUEUE_GRACE) == [(queued.id, 0), (running.id, 2)]
        assert [v for v, _ in store.due_videos(session, now=NOW + HOUR)] == [
            queued.id,
            running.id,
            waiting.id,
        ]
        assert store.get_video(session, running.id).workflow_id == f"{running.id}.2"
    with database.write() as session:
        assert store.start_video(session, waiting.id).stalled_code is None


def _hold(session, video, judged, *, expires_at, stage="output"):  # type: ignore[no-untyped-def]
    decision = store.record_decision(
        session, video.tenant_id, judged(action="review", stage=stage), video_id=video.id, now=NOW
    )
    return store.open_review(
        session,
        video.id,
        stage=stage,
        decision_id=decision.id,
        reason="frames.violence",
        expires_at=expires_at,
        now=NOW,
    )


def test_approval_ends_the_hold_and_is_logged(
    database: Database,
    new_video: NewVideo,
    judged,  # type: ignore[no-untyped-def]
) -> None:
    video = new_video(started=False)
    with database.write() as session:
        review = _hold(session, video, judged, expires_at=NOW + HOUR)
        assert _hold(session, video, judged, expires_at=NOW + HOUR).id == review.id
        assert store.get_video(session, video.id).status == "in_progress"
        assert store.get_video(session, video.id).hold == "output"
        assert not store.approved(session, video.id, "output")
        assert [each.id for each in store.list_reviews(session)[0]] == [review.id]
    with database.write() as session:
        store.decide_review(session, review.id, "approved", reviewer="Rita Prüferin", note="passt", now=NOW)
    with database.read() as session:
        assert store.approved(session, video.id, "output")
        assert store.get_video(session, video.id).hold is None
        assert store.due_videos(session, now=NOW) == []
        assert store.due_videos(session, now=NOW + QUEUE_GRACE) == [(video.id, 0)]
        assert store.list_reviews(session) == ([], False)
        decided = store.get_review(session, review.id)
        assert decided.ledger_index is not None
        leaf = read_leaf(session.connection(), decided.ledger_index)
        salt = salt_of(session, review.id)
    entry, _ = from_leaf(leaf)
    assert isinstance(entry, ReviewEntry)
    assert (entry.outcome, entry.stage) == ("approved", "output")
    assert b"Rita" not in leaf
    assert entry.reviewer_commitment == commitment(salt, "Rita Prüferin".encode())


def test_rejection_fails_the_video(
    database: Database,
    new_video: NewVideo,
    judged,  # type: ignore[no-untyped-def]
) -> None:
    video = new_video()
    with database.write() as session:
        review = _hold(session, video, judged, expires_at=NOW + HOUR)
        store.decide_review(session, review.id, "rejected", reviewer="R", now=NOW)
        failed = store.get_video(session, video.id)
        assert (failed.status, failed.error_code, failed.hold) == ("failed", "moderation_blocked", None)
        assert not store.approved(session, video.id, "output")
    with pytest.raises(StoreError) as caught, database.write() as session:
        store.decide_review(session, review.id, "approved", reviewer="R", now=NOW)
    assert code_of(caught) == "review_decided"


def test_hold_that_is_not_approved_in_time_fails_the_video(
    database: Database,
    new_video: NewVideo,
    judged,  # type: ignore[no-untyped-def]
) -> None:
    early, late = new_video(0), new_video(1)
    with database.write() as session:
        review = _hold(session, early, judged, expires_at=NOW + HOUR)
        _hold(session, late, judged, expires_at=NOW + 2 * HOUR)
    with pytest.raises(StoreError) as caught, database.write() as session:
        store.decide_review(session, review.id, "approved", reviewer="R", now=NOW + HOUR)
    assert code_of(caught) == "review_decided"
    with database.write() as session:
        assert store.expire_reviews(session, now=NOW + HOUR) == [early.id]
        assert store.expire_reviews(session, now=NOW + HOUR) == []
    with database.read() as session:
        assert store.get_video(session, early.id).error_code == "moderation_blocked"
        assert store.get_review(session, review.id).state == "expired"
        assert store.get_video(session, late.id).hold == "output"


def test_same_request_finds_its_video(database: Database, tenant: Tenant, new_video: NewVideo) -> None:
    video = new_video()
    with database.write() as session:
        assert store.find_request(session, tenant.id, "key-1", "a" * 64) is None
        store.remember_request(session, tenant.id, "key-1", "a" * 64, video.id, now=NOW)
    with database.read() as session:
        assert store.find_request(session, tenant.id, "key-1", "a" * 64) == video.id
        assert store.find_request(session, "tenant_other", "key-1", "a" * 64) is None
        assert store.recent_request(session, tenant.id, "a" * 64, since=NOW - HOUR) == video.id
        assert store.recent_request(session, tenant.id, "a" * 64, since=NOW + HOUR) is None
        with pytest.raises(StoreError) as caught:
            store.find_request(session, tenant.id, "key-1", "b" * 64)
        assert code_of(caught) == "idempotency_mismatch"
    with pytest.raises(StoreError) as caught, database.write() as session:
        store.remember_request(session, tenant.id, "key-1", "a" * 64, video.id, now=NOW)
    assert code_of(caught) == "conflict"
    with database.write() as session:
        store.forget_requests(session, before=NOW + HOUR)
        assert store.find_request(session, tenant.id, "key-1", "b" * 64) is None
