"""Taking requests: decisions first, one job for one request, and nothing for a blocked one."""

from __future__ import annotations

import dataclasses
import fcntl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from guard.bootstrap import default_tenant
from guard.installation import Installation, open_installation
from guard.ledger.tables import entries
from guard.pipeline import afterwards
from guard.pipeline import submit as taking
from guard.pipeline.errors import PipelineError
from guard.pipeline.submit import RefusedError, Submission, submit
from guard.settings import Settings
from guard.store import StoreError, get_decision, get_video, review_of
from guard.store.models import Decision, IdempotencyKey, Prompt, Video
from policies import PromptError
from tests.house import ALLOWED, BLOCKED, HELD, MODEL, write_policy
from tests.stub_generator import PictureGenerator


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation whose worker is elsewhere, and idle."""
    folder = tmp_path_factory.mktemp("taking")
    found = open_installation(Settings(data=folder / "data", policy=write_policy(folder / "policy.yaml")))
    services = dataclasses.replace(found.services, generators={MODEL: PictureGenerator})
    with (folder / "data" / "worker.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield dataclasses.replace(found, services=services)
    found.close()


@pytest.fixture(scope="module")
def tenant(opened: Installation) -> str:
    return default_tenant(opened)


def request_of(tenant: str, prompt: str = ALLOWED, **changes: Any) -> Submission:
    values: dict[str, Any] = {"model": MODEL, "seconds": 2, "size": "640x360"}
    return Submission(tenant_id=tenant, prompt=prompt, **(values | changes))


def take(opened: Installation, request: Submission) -> Video:
    return submit(opened.services, opened.engine, request)


def counted(opened: Installation, *tables: Any) -> tuple[int, ...]:
    with opened.services.database.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)


def test_an_allowed_request_is_a_queued_job_with_a_logged_decision(opened: Installation, tenant: str) -> None:
    video = take(opened, request_of(tenant, seed=5))
    with opened.services.database.read() as session:
        decision = get_decision(session, str(video.decision_id))
        kept = get_video(session, video.id)
        assert opened.services.vault.read(session, str(kept.prompt_id)) == ALLOWED
        leaf = session.execute(select(entries).where(entries.c.leaf_index == decision.ledger_index)).one()
    assert (kept.status, kept.attempts, kept.seed, kept.hold) == ("queued", 1, 5, None)
    assert (decision.action, decision.stage, decision.video_id) == ("allow", "prompt", video.id)
    assert leaf.kind == "decision"
    assert ALLOWED.encode() not in leaf.leaf


def test_without_a_seed_each_job_has_its_own(opened: Installation, tenant: str) -> None:
    seeds = {take(opened, request_of(tenant)).seed for _ in range(3)}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_prompt_to_be_reviewed_is_held_and_not_queued(opened: Installation, tenant: str) -> None:
    video = take(opened, request_of(tenant, HELD))
    with opened.services.database.read() as session:
        kept, review = get_video(session, video.id), review_of(session, video.id, "prompt")
    assert (kept.status, kept.hold, kept.attempts) == ("in_progress", "prompt", 0)
    assert review is not None
    assert review.reason == "rule.test.held"
    assert review.expires_at - review.created == timedelta(hours=72)
    afterwards.approve(opened.services, opened.engine, review.id, reviewer="Kim")
    with opened.services.database.read() as session:
        kept = get_video(session, video.id)
    assert (kept.hold, kept.attempts) == (None, 1)


def test_a_blocked_prompt_leaves_a_decision_and_nothing_else(opened: Installation, tenant: str) -> None:
    before = counted(opened, Video, Decision, Prompt)
    with pytest.raises(RefusedError) as refused:
        take(opened, request_of(tenant, BLOCKED, idempotency_key="blocked", body_hash="b"))
    assert counted(opened, Video, Decision, Prompt) == (before[0], before[1] + 1, before[2] + 1)
    with opened.services.database.read() as session:
        decision = get_decision(session, refused.value.decision_id)
    assert (decision.action, decision.video_id) == ("block", None)
    assert "dreadnewt" not in f"{refused.value!r} {refused.value} {refused.value.decision}"


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"model": "nothing"}, "model_not_found", "model"),
        ({"size": "641x360"}, "size_unsupported", "size"),
        ({"seconds": 3}, "seconds_unsupported", "seconds"),
    ],
)
def test_what_no_generator_makes_is_refused_before_anything_is_written(
    opened: Installation, tenant: str, changes: dict[str, Any], code: str, param: str
) -> None:
    before = counted(opened, Video, Decision, Prompt)
    with pytest.raises(PipelineError) as refused:
        take(opened, request_of(tenant, **changes))
    assert (refused.value.code, refused.value.param) == (code, param)
    assert counted(opened, Video, Decision, Prompt) == before


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("", "prompt_empty"),
        ("  \n\t ", "prompt_empty"),
        ("\u200b\u200d\u2060\ufeff", "prompt_empty"),
        ("a" * 32_001, "prompt_too_long"),
        ("a red\x00ball", "prompt_unreadable"),
    ],
)
def test_unusable_prompts_are_refused_before_anything_is_written(
    opened: Installation, tenant: str, prompt: str, code: str
) -> None:
    before = counted(opened, Video, Decision, Prompt)
    with pytest.raises(PromptError) as refused:
        take(opened, request_of(tenant, prompt))
    assert refused.value.code == code
    assert counted(opened, Video, Decision, Prompt) == before


def test_the_same_key_and_body_are_the_same_job(opened: Installation, tenant: str) -> None:
    first = take(opened, request_of(tenant, idempotency_key="key-1", body_hash="b1"))
    again = take(opened, request_of(tenant, idempotency_key="key-1", body_hash="b1"))
    assert again.id == first.id
    with pytest.raises(StoreError) as refused:
        take(opened, request_of(tenant, idempotency_key="key-1", body_hash="b2"))
    assert refused.value.code == "idempotency_mismatch"
    assert take(opened, request_of(tenant, idempotency_key="key-2", body_hash="b1")).id != first.id


def test_a_retry_without_a_key_is_the_same_job_for_five_minutes(
    opened: Installation, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = take(opened, request_of(tenant, body_hash="r1"))
    assert take(opened, request_of(tenant, body_hash="r1", retried=True)).id == first.id
    assert take(opened, request_of(tenant, body_hash="r2", retried=True)).id != first.id
    assert take(opened, request_of(tenant, body_hash="r1")).id != first.id  # asked for twice, and meant twice
    later = taking.utc_now() + timedelta(minutes=6)
    monkeypatch.setattr(taking, "utc_now", lambda: later)
    assert take(opened, request_of(tenant, body_hash="r2", retried=True)).id != first.id


def test_the_same_request_at_the_same_moment_is_one_job(opened: Installation, tenant: str) -> None:
    before = counted(opened, Video, IdempotencyKey)
    gate, ids = threading.Barrier(6), []

    def send() -> None:
        gate.wait()
        ids.append(take(opened, request_of(tenant, idempotency_key="at-once", body_hash="b")).id)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ids) == 6
    assert len(set(ids)) == 1
    assert counted(opened, Video, IdempotencyKey) == (before[0] + 1, before[1] + 1)


def test_a_submission_does_not_show_its_prompt(tenant: str) -> None:
    assert ALLOWED not in repr(request_of(tenant))


def test_deleting_what_is_not_finished_is_refused(opened: Installation, tenant: str) -> None:
    video = take(opened, request_of(tenant))
    with pytest.raises(PipelineError) as refused:
        afterwards.delete(opened.services, video.id, tenant_id=tenant)
    assert refused.value.code == "video_in_progress"
    with pytest.raises(StoreError) as missing:
        afterwards.delete(opened.services, video.id, tenant_id="tenant_other")
    assert missing.value.code == "not_found"


def test_revoking_what_was_never_released_is_refused(opened: Installation, tenant: str) -> None:
    video = take(opened, request_of(tenant))
    with pytest.raises(StoreError) as missing:
        afterwards.revoke(opened.services, video.id, "no reason")
    assert missing.value.code == "not_found"


def test_a_file_is_private(opened: Installation) -> None:
    for name in ("keys", "work", "uploads", "objects"):
        folder: Path = opened.paths.data / name
        assert folder.stat().st_mode & 0o077 == 0, name
