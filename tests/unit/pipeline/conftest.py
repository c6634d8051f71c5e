"""Jobs in a real SQLite database and the real workflow engine, with steps that do as they are told."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dbos import DBOS
from sqlalchemy import update

from guard.ledger import Log, LogKey
from guard.pipeline import workflow
from guard.pipeline.engine import Engine
from guard.pipeline.jobs import VideoJobs, utc_now
from guard.pipeline.workflow import Outcome
from guard.store import Database, Vault, create_tenant, create_video, get_video
from guard.store.models import Video

DONE: Outcome = {"state": "done"}
ORDER = [
    "examine_inputs",
    "generate",
    "examine_output",
    "mark",
    "fingerprint",
    "sign",
    "self_check",
    "release",
]


class ScriptedSteps:
    """Each step answers what is planned for it and that video, else "done"; what ran is kept in `ran`, by video."""

    def __init__(self, jobs: VideoJobs, database: Database) -> None:
        self.jobs, self.database = jobs, database
        self.ran: dict[str, list[str]] = defaultdict(list)
        self.planned: dict[tuple[str, str], list[Outcome | Exception]] = defaultdict(list)
        self.upkeeps = 0

    def presets(self, video_id: str) -> tuple[str, ...]:
        return ("robust", "strong")

    def upkeep(self) -> None:
        self.upkeeps += 1

    def examine_inputs(self, video_id: str) -> Outcome:
        self.jobs.start(video_id)
        return self._answer("examine_inputs", video_id)

    def generate(self, video_id: str) -> Outcome:
        return self._answer("generate", video_id)

    def examine_output(self, video_id: str) -> Outcome:
        return self._answer("examine_output", video_id)

    def mark(self, video_id: str, preset: str) -> Outcome:
        return self._answer("mark", video_id, preset)

    def fingerprint(self, video_id: str) -> Outcome:
        return self._answer("fingerprint", video_id)

    def sign(self, video_id: str) -> Outcome:
        return self._answer("sign", video_id)

    def self_check(self, video_id: str) -> Outcome:
        return self._answer("self_check", video_id)

    def release(self, video_id: str) -> Outcome:
        outcome = self._answer("release", video_id)
        if outcome == DONE:
            with self.database.write() as session:  # what a real release does at the end of much else
                session.execute(update(Video).where(Video.id == video_id).values(status="completed"))
        return outcome

    def fail(self, video_id: str, code: str, message: str) -> Outcome:
        self.ran[video_id].append("fail")
        self.jobs.fail(video_id, code, message)
        return DONE

    def stall(self, video_id: str, code: str, message: str) -> Outcome:
        self.ran[video_id].append("stall")
        self.jobs.stall(video_id, code, message)
        return DONE

    def _answer(self, step: str, video_id: str, *details: str) -> Outcome:
        self.ran[video_id].append(" ".join((step, *details)))
        planned = self.planned[video_id, step]
        answer = planned.pop(0) if planned else DONE
        if isinstance(answer, Exception):
            raise answer
        return answer


class Bench:
    """Database, jobs, and an engine that works on scripted steps."""

    def __init__(self, folder: Path, *, interval: float = 3600) -> None:
        self.folder = folder
        self.database = Database(f"sqlite:///{folder / 'guard.db'}", busy_timeout=1.0)
        self.database.migrate()
        self.ahead = timedelta(0)
        log = Log(LogKey.create(folder / "log.key", "log.example/bench"), folder / "log.checkpoint")
        self.jobs = VideoJobs(
            self.database, Vault(b"k" * 32), log, review_expires=timedelta(hours=1), now=self.now
        )
        with self.database.write() as session:
            self.tenant = create_tenant(session, "Testhaus", now=utc_now()).id
        self.steps = ScriptedSteps(self.jobs, self.database)
        self.lock = folder / "worker.lock"
        self.url = f"sqlite:///{folder / 'workflow.db'}"
        self.engine = Engine(self.url, self.jobs, executor="local")
        self.engine.work(self.steps, self.lock, concurrency=8, interval=interval)

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def close(self) -> None:
        self.engine.close()
        self.database.close()

    def new_video(self, **planned: Sequence[Outcome | Exception]) -> str:
        """A job in the database that nobody has queued, and what its steps will answer."""
        with self.database.write() as session:
            video = create_video(
                session, tenant_id=self.tenant, model="m", seconds=2, size="640x360", seed=1, now=self.now()
            )
        for step, answers in planned.items():
            self.steps.planned[video.id, step] = list(answers)
        return video.id

    def video(self, video_id: str) -> Video:
        with self.database.read() as session:
            return get_video(session, video_id)

    def run(self, *video_ids: str) -> list[Video]:
        """Queue the jobs and wait for the end of their runs."""
        for video_id in video_ids:
            self.engine.submit(video_id)
        return [self.ended(video_id) for video_id in video_ids]

    def ended(self, video_id: str) -> Video:
        self.until(lambda: self.status(video_id) == "SUCCESS")
        return self.video(video_id)

    def status(self, video_id: str) -> str | None:
        """The engine's word on the latest run."""
        found = DBOS.get_workflow_status(f"{video_id}.{self.video(video_id).attempts}")
        return None if found is None else str(found.status)

    @staticmethod
    def until(reached: Callable[[], object], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "RETRY_AFTER", (0.01, 0.01, 0.01))
        opened = Bench(tmp_path_factory.mktemp("bench"))
        yield opened
        opened.close()
