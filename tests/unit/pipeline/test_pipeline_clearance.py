"""The last gate before a release, and deletion that is broken off half-way: in a real database, without a worker."""

from __future__ import annotations

import dataclasses
import fcntl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from guard.bootstrap import default_tenant
from guard.fingerprints import Fingerprint
from guard.installation import Installation, open_installation
from guard.pipeline import afterwards
from guard.pipeline.errors import PipelineError
from guard.pipeline.jobs import utc_now
from guard.pipeline.steps import VideoSteps, WorkFolder
from guard.pipeline.submit import Submission, submit
from guard.settings import Settings
from guard.store import NewRelease, Objects, StoreError, find_release, get_video, review_of
from guard.store.models import Decision, IdempotencyKey, object_key
from policies import Examiner, Judge, NgramClassifier, load_policy
from tests.house import ALLOWED, HELD, MODEL, SetScorer, write_policy
from tests.stub_generator import PictureGenerator

DIGEST = "sha256:" + "ab" * 32


class Away(Objects):
    """An object store that deletes nothing for the time being."""

    def delete(self, key: str) -> None:
        raise StoreError("object_store_unavailable", "The object store failed; try again.")


@pytest.fixture(scope="module")
def scorer() -> SetScorer:
    return SetScorer()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, scorer: SetScorer) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("clearance")
    policy = write_policy(folder / "policy.yaml")
    found = open_installation(Settings(data=folder / "data", policy=policy))
    examiner = Examiner(Judge(load_policy(policy), NgramClassifier.embedded(), scorer))
    services = dataclasses.replace(
        found.services,
        generators={MODEL: PictureGenerator},
        make_judge=lambda: examiner,
    )
    with (folder / "data" / "worker.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield dataclasses.replace(found, services=services)
    found.close()


def taken(opened: Installation, prompt: str = ALLOWED, **more: Any) -> str:
    tenant = default_tenant(opened)
    return submit(opened.services, opened.engine, Submission(tenant, prompt, MODEL, 2, "640x360", **more)).id


def looked_at(opened: Installation, video_id: str, score: float = 0.0) -> str:
    """Judge pictures of the video, and hold it if they are to be reviewed; what was decided."""
    scorer = SetScorer()
    scorer.score_now = score
    judge = Judge(opened.services.judge.policy, NgramClassifier.embedded(), scorer)
    decision = judge.judge_frames([np.zeros((64, 64, 3), np.uint8)])
    opened.jobs.start(video_id)
    job = opened.jobs.load(video_id)
    decision_id = opened.jobs.decide(job, decision)
    if decision.action == "review":
        opened.jobs.hold(job, decision, decision_id)
    return str(decision.action)


def release(opened: Installation, video_id: str, path: Path | None = None) -> None:
    digest = f"sha256:{video_id.encode().hex():0<64}"[:71]
    if path is not None:
        opened.services.objects.put(object_key(video_id, digest), path)
    opened.jobs.release(
        opened.jobs.load(video_id),
        NewRelease(
            asset_digest=digest,
            size=1,
            manifest_id=f"urn:c2pa:{video_id}",
            manifest_digest=DIGEST,
            mark_algorithm="lattice",
            mark_preset="robust",
            mark_key_id="mark-1",
            model_name="m",
            model_revision="1",
            model_digest=DIGEST,
            policy_digest=DIGEST,
        ),
        Fingerprint(()),
    )


def refused(opened: Installation, video_id: str) -> str:
    with pytest.raises(PipelineError) as caught:
        release(opened, video_id)
    with opened.services.database.read() as session:
        assert find_release(session, video_id=video_id) is None
        assert get_video(session, video_id).status != "completed"
    return caught.value.code


def approve(opened: Installation, video_id: str, stage: str) -> None:
    with opened.services.database.read() as session:
        review = review_of(session, video_id, stage)
    assert review is not None
    afterwards.approve(opened.services, opened.engine, review.id, reviewer="Kim")


def test_what_was_not_judged_is_not_released(opened: Installation) -> None:
    video_id = taken(opened)
    opened.jobs.start(video_id)
    assert refused(opened, video_id) == "not_cleared"
    assert looked_at(opened, video_id) == "allow"
    release(opened, video_id)


def test_blocked_pictures_are_not_released(opened: Installation) -> None:
    video_id = taken(opened)
    assert looked_at(opened, video_id, 0.99) == "block"
    assert looked_at(opened, video_id) == "allow"
    assert refused(opened, video_id) == "not_cleared"


def test_each_hold_needs_its_approval(opened: Installation) -> None:
    video_id = taken(opened, HELD)
    assert looked_at(opened, video_id, 0.6) == "review"
    assert refused(opened, video_id) == "not_cleared"
    approve(opened, video_id, "prompt")
    assert refused(opened, video_id) == "not_cleared"
    approve(opened, video_id, "output")
    release(opened, video_id)


def test_a_hold_stands_although_the_step_runs_again_under_another_policy(
    opened: Installation, scorer: SetScorer
) -> None:
    """The process was killed between the hold and the record of the step's end, and came back with new rules."""
    steps = VideoSteps(opened.services, opened.jobs)
    video_id = taken(opened)
    steps.examine_inputs(video_id)
    folder = WorkFolder(opened.services.work / video_id)
    steps.generate(video_id)
    scorer.score_now = 0.6
    assert steps.examine_output(video_id) == {"state": "held", "code": "frames.sexual"}
    scorer.score_now = 0.0
    assert steps.examine_output(video_id) == {"state": "held", "code": "held.output"}
    approve(opened, video_id, "output")
    assert folder.noted("held") == folder.noted("raw")
    assert steps.examine_output(video_id) == {"state": "done"}


def test_a_decision_is_logged_again_when_it_differs(opened: Installation) -> None:
    video_id = taken(opened)
    for score in (0.0, 0.0, 0.99):
        looked_at(opened, video_id, score)
    with opened.services.database.read() as session:
        rows = session.scalars(
            select(Decision).where(Decision.video_id == video_id, Decision.stage == "output")
        ).all()
    assert sorted(row.action for row in rows) == ["allow", "block"]


def test_a_deletion_that_breaks_off_can_be_asked_for_again(opened: Installation, tmp_path: Path) -> None:
    video_id = taken(opened, idempotency_key="boat", body_hash="ab" * 32)
    looked_at(opened, video_id)
    file = tmp_path / "file.mp4"
    file.write_bytes(b"x")
    release(opened, video_id, file)
    (stored,) = (opened.paths.data / "objects" / "videos" / video_id).iterdir()
    away = dataclasses.replace(opened.services, objects=Away(opened.paths.data / "objects"))
    with pytest.raises(StoreError) as caught:
        afterwards.delete(away, video_id, tenant_id=default_tenant(opened))
    assert caught.value.code == "object_store_unavailable"
    assert stored.is_file()
    with opened.services.database.read() as session:
        assert get_video(session, video_id).status == "completed"

    afterwards.delete(opened.services, video_id, tenant_id=default_tenant(opened))
    assert not stored.exists()
    with opened.services.database.read() as session:
        assert get_video(session, video_id).status == "deleted"
        left = select(func.count()).where(IdempotencyKey.video_id == video_id)
        assert session.scalar(left) == 0


def test_idempotency_keys_are_forgotten_after_a_day(opened: Installation) -> None:
    video_id = taken(opened, idempotency_key="train", body_hash="cd" * 32)
    left = select(func.count()).where(IdempotencyKey.video_id == video_id)
    for ahead, expected in ((timedelta(hours=23), 1), (timedelta(hours=25), 0)):
        opened.jobs._now = lambda ahead=ahead: utc_now() + ahead  # type: ignore[misc]
        opened.jobs.forget_requests()
        with opened.services.database.read() as session:
            assert session.scalar(left) == expected
    opened.jobs._now = utc_now
