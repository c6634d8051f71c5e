"""Who works, who only hands in, and how a job is found that nobody works on."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from guard.pipeline import engine
from guard.pipeline.engine import Engine, working_elsewhere
from guard.pipeline.errors import PipelineError
from guard.pipeline.workflow import Outcome
from guard.store import open_review, record_decision
from tests.house import files_limited
from tests.unit.pipeline.conftest import ORDER, Bench

LOCKER = """
import sys
import threading
from pathlib import Path
from guard.pipeline.engine import _acquire
held = _acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_two_workers_never_share_a_data_folder(bench: Bench) -> None:
    other = Engine(bench.url, bench.jobs, executor="local")
    with pytest.raises(PipelineError) as refused:
        other.work(bench.steps, bench.lock, concurrency=1)
    assert refused.value.code == "already_working"
    assert not other.working
    other.close()
    assert working_elsewhere(bench.lock)


def test_a_look_at_the_lock_keeps_no_worker_from_starting(tmp_path: Path) -> None:
    lock = tmp_path / "worker.lock"
    looking = engine._acquire(lock)
    ended = threading.Timer(0.1, looking.close)
    ended.start()
    engine._acquire(lock, patience=5.0).close()
    ended.join()
    assert not working_elsewhere(lock)


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "data" / "worker.lock"
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(lock)],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert working_elsewhere(lock)
        process.kill()
    assert not working_elsewhere(lock)
    assert lock.stat().st_mode & 0o777 == 0o600


def test_a_job_handed_in_by_another_process_is_done_here(bench: Bench) -> None:
    other = Engine(bench.url, bench.jobs, executor="other")
    video_id = bench.new_video()
    other.submit(video_id)
    other.close()
    bench.ended(video_id)
    assert bench.steps.ran[video_id] == [name if name != "mark" else "mark robust" for name in ORDER]


def test_a_job_is_taken_although_the_engines_tables_are_away(bench: Bench, tmp_path: Path) -> None:
    lost = Engine(
        f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'workflow.db'}", bench.jobs, executor="x"
    )
    video_id = bench.new_video()
    lost.submit(video_id)
    lost.close()
    assert bench.steps.ran[video_id] == []
    bench.ahead += timedelta(minutes=2)
    assert bench.engine.resume() == 1
    bench.ended(video_id)
    assert bench.steps.ran[video_id][-1] == "release"
    assert bench.video(video_id).attempts == 2


def test_a_job_whose_maker_died_before_queueing_it_is_found(bench: Bench) -> None:
    video_id = bench.new_video()
    assert bench.engine.resume() == 0  # its maker may be about to queue it
    bench.ahead += timedelta(minutes=2)
    assert bench.engine.resume() == 1
    bench.ended(video_id)
    assert bench.steps.ran[video_id][-1] == "release"


def test_a_job_under_way_or_just_queued_is_not_queued_again(bench: Bench) -> None:
    video_id = bench.new_video()
    bench.jobs.next_attempt(video_id)  # counted, and about to be queued by somebody
    assert bench.engine.resume() == 0
    bench.ahead += timedelta(minutes=2)
    assert bench.engine.resume() == 1
    assert bench.engine.resume() == 0
    bench.ended(video_id)


def test_a_run_that_died_of_a_full_disk_is_taken_up_again_by_the_same_worker(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id = bench.new_video()
    generate = bench.steps.generate
    disk = ExitStack()

    def filling(video: str) -> Outcome:
        disk.enter_context(files_limited(1))
        return generate(video)

    with disk, structlog.testing.capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(bench.steps, "generate", filling)
        bench.engine.submit(video_id)
        bench.until(lambda: any(entry["event"] == "run_broke_off" for entry in logs))
    # Nothing could be written: neither the end of the run nor that the job waits.
    assert (bench.status(video_id), bench.video(video_id).stalled_code) == ("PENDING", None)
    assert bench.engine.resume() == 1
    assert bench.ended(video_id).status == "completed"
    assert bench.engine.resume() == 0
    assert bench.steps.ran[video_id].count("release") == 1


def test_a_run_that_breaks_off_because_the_engine_is_closed_is_no_warning(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id = bench.new_video()
    begun, go_on = threading.Event(), threading.Event()

    def waiting(_: str) -> Outcome:
        begun.set()
        go_on.wait(30)
        return {"state": "done"}

    with structlog.testing.capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(bench.steps, "generate", waiting)
        bench.engine.submit(video_id)
        assert begun.wait(30)
        working = bench.engine._pipeline
        bench.engine.close()
        go_on.set()
        bench.until(lambda: working is None or not working.working_on(video_id))
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == []
    bench.engine = Engine(bench.url, bench.jobs, executor="local")
    bench.engine.work(bench.steps, bench.lock, concurrency=8, interval=3600)
    assert bench.ended(video_id).status == "completed"  # what broke off goes on


def test_one_job_is_never_worked_on_twice_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    video_id = bench.new_video()
    generate, begun, go_on = bench.steps.generate, threading.Event(), threading.Event()

    def slow(video: str) -> Outcome:
        begun.set()
        assert go_on.wait(30)
        return generate(video)

    monkeypatch.setattr(bench.steps, "generate", slow)
    bench.engine.submit(video_id)
    assert begun.wait(30)
    bench.engine.submit(video_id)
    bench.ended(video_id)
    assert bench.steps.ran[video_id] == ["examine_inputs"]
    bench.ahead += timedelta(hours=2)
    assert bench.engine.resume() == 0
    go_on.set()
    bench.until(lambda: bench.video(video_id).status == "completed")
    assert bench.steps.ran[video_id] == [name if name != "mark" else "mark robust" for name in ORDER]


def test_a_held_job_waits_until_its_time_is_over(bench: Bench) -> None:
    video_id = bench.new_video()
    with bench.database.write() as session:
        decision = record_decision(session, bench.tenant, Judged(), now=bench.now(), video_id=video_id)
        open_review(
            session,
            video_id,
            stage="prompt",
            decision_id=decision.id,
            reason="rule.test",
            expires_at=bench.now() + timedelta(hours=1),
            now=bench.now(),
        )
    assert bench.engine.resume() == 0
    bench.ahead += timedelta(minutes=50)
    bench.engine.resume()
    assert bench.video(video_id).hold == "prompt"
    bench.ahead += timedelta(minutes=20)
    bench.engine.resume()
    video = bench.video(video_id)
    assert (video.status, video.error_code, video.hold) == ("failed", "moderation_blocked", None)
    assert bench.steps.ran[video_id] == []


def test_the_worker_looks_for_jobs_by_itself_and_outlives_a_database_that_is_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [RuntimeError("away"), RuntimeError("away")]
    due = bench.jobs.due

    def sometimes() -> list[tuple[str, int]]:
        if failures:
            raise failures.pop()
        return due()

    bench.engine.close()
    bench.engine = Engine(bench.url, bench.jobs, executor="local")
    bench.engine.work(bench.steps, bench.lock, concurrency=8, interval=0.05)
    monkeypatch.setattr(bench.jobs, "due", sometimes)
    before = bench.steps.upkeeps
    video_id = bench.new_video()
    bench.ahead += timedelta(minutes=2)
    bench.until(lambda: bench.steps.ran[video_id][-1:] == ["release"])
    assert failures == []
    assert bench.steps.upkeeps > before


class Judged:
    """A decision as a judge hands it over."""

    action = "review"
    stage = "prompt"
    reason = "rule.test"
    categories = ("violence_gore",)
    scores = {"violence_gore": 0.5}  # noqa: RUF012 - only read
    policy_id = "default"
    policy_version = 1
    policy_digest = "sha256:" + "ab" * 32
    model_id = "classifier-1"
    model_digest = "sha256:" + "cd" * 32
    details = {}  # noqa: RUF012 - only read
