"""The workflow's order, its attempts, and its ends; with the real engine and scripted steps."""

from __future__ import annotations

import pytest

from guard.media import MediaError
from guard.pipeline.errors import PipelineError
from guard.pipeline.workflow import Outcome
from tests.unit.pipeline.conftest import ORDER, Bench

PASSING: Outcome = {"state": "passing", "code": "object_store_unavailable", "message": "Away."}
UNREADABLE: Outcome = {"state": "failed", "code": "mark_unreadable", "message": "Not read."}


def names(ran: list[str]) -> list[str]:
    return [entry.split()[0] for entry in ran]


def test_the_steps_run_once_each_and_in_order(bench: Bench) -> None:
    video_id = bench.new_video()
    bench.run(video_id)
    assert names(bench.steps.ran[video_id]) == ORDER
    assert "mark robust" in bench.steps.ran[video_id]


def test_a_failing_step_ends_the_job_and_nothing_runs_after_it(bench: Bench) -> None:
    broken: Outcome = {"state": "failed", "code": "broken", "message": "It broke."}
    videos = bench.run(*(bench.new_video(**{step: [broken]}) for step in ORDER))
    for step, video in zip(ORDER, videos, strict=True):
        assert (video.status, video.error_code, video.error_message) == ("failed", "broken", "It broke."), (
            step
        )
        assert names(bench.steps.ran[video.id]) == [*ORDER[: ORDER.index(step) + 1], "fail"]


def test_a_cause_that_passes_costs_attempts_of_one_step_and_nothing_else(bench: Bench) -> None:
    videos = bench.run(*(bench.new_video(**{step: [PASSING, PASSING]}) for step in ORDER))
    for step, video in zip(ORDER, videos, strict=True):
        ran = names(bench.steps.ran[video.id])
        assert ran.count(step) == 3
        assert [name for index, name in enumerate(ran) if name not in ran[:index]] == ORDER


def test_a_cause_that_does_not_pass_stalls_the_job_and_each_stall_is_longer(bench: Bench) -> None:
    video_id = bench.new_video(sign=[PASSING] * 12)
    waits = []
    for attempt in range(1, 4):
        (video,) = bench.run(video_id)
        assert (video.status, video.stalled_code, video.stalled_message, video.attempts) == (
            "in_progress",
            "object_store_unavailable",
            "Away.",
            attempt,
        )
        assert video.retry_at is not None
        waits.append((video.retry_at - bench.now()).total_seconds())
    assert waits == pytest.approx([60, 120, 240], abs=15)
    assert names(bench.steps.ran[video_id])[-1] == "stall"


def test_a_hold_ends_the_run_without_an_end_of_the_job(bench: Bench) -> None:
    video_id = bench.new_video(examine_output=[{"state": "held", "code": "frames.sexual"}])
    (video,) = bench.run(video_id)
    assert (video.status, video.error_code, video.stalled_code) == ("in_progress", None, None)
    assert names(bench.steps.ran[video_id]) == ["examine_inputs", "generate", "examine_output"]


def test_an_unreadable_mark_is_tried_again_stronger_and_only_then_fails(bench: Bench) -> None:
    once = bench.new_video(self_check=[UNREADABLE])
    twice = bench.new_video(self_check=[UNREADABLE, UNREADABLE])
    _, failed = bench.run(once, twice)
    ran = bench.steps.ran[once]
    assert [entry for entry in ran if entry.startswith("mark")] == ["mark robust", "mark strong"]
    assert names(ran).count("sign") == 2
    assert names(ran)[-1] == "release"
    assert (failed.status, failed.error_code) == ("failed", "mark_unreadable")
    assert "release" not in names(bench.steps.ran[twice])


RAISED = (
    (MediaError("media_timeout", "Too slow."), "in_progress", "media_timeout"),
    (MediaError("media_unreadable", "Broken."), "failed", "media_unreadable"),
    (PipelineError("anything", "Later.", passing=True), "in_progress", "anything"),
    (OSError(28, "No space left on device"), "in_progress", "work_folder_unwritable"),
    (ValueError("a red ball rolls"), "failed", "internal_error"),
)


def test_what_a_step_raises_becomes_a_code_and_never_a_foreign_text(bench: Bench) -> None:
    videos = bench.run(*(bench.new_video(generate=[error] * 4) for error, _, _ in RAISED))
    for (error, status, code), video in zip(RAISED, videos, strict=True):
        assert (video.status, video.stalled_code or video.error_code) == (status, code), error
        assert "red ball" not in f"{video.error_message} {video.stalled_message}"
    for path in bench.folder.glob("*.db*"):
        assert b"red ball" not in path.read_bytes()


def test_an_end_that_cannot_be_written_down_leaves_the_job_due(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise PipelineError("database_unavailable", "Away.", passing=True)

    video_id = bench.new_video(generate=[{"state": "failed", "code": "broken", "message": "It broke."}])
    with monkeypatch.context() as patch:
        patch.setattr(bench.jobs, "fail", away)
        (video,) = bench.run(video_id)
        assert video.status == "in_progress"
    assert bench.engine.resume() >= 1
    bench.until(lambda: names(bench.steps.ran[video_id])[-1] == "release")
