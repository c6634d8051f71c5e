"""Starting and resuming workflows: the process that works, and the processes that only hand in.

One process works per data folder and holds its lock; others put jobs on the queue and watch the database. The working
process also looks, at start and from time to time, for jobs that nobody is working on (a crash between two writes, a
cause that has passed) and takes them up again.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Protocol

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, SetWorkflowID

from guard.pipeline.errors import PipelineError
from guard.pipeline.serialization import JsonSerializer
from guard.pipeline.workflow import INSTANCE, WORKFLOW, Pipeline, Steps, pipeline

APPLICATION = "guard"
VERSION = "pipeline-1"
"""Held fast, or an update of the software would orphan the jobs under way; change it with the workflow's shape."""
QUEUE = "videos"
_PATIENCE = 0.5
"""Seconds; who asks whether there is a worker holds the lock for a moment, and must not keep one from starting."""
_QUEUED = frozenset({"ENQUEUED", "DELAYED"})
_BEGUN = "PENDING"

_log = structlog.get_logger(__name__)


class Jobs(Protocol):
    """What the engine needs to know of the jobs; the store answers."""

    def next_attempt(self, video_id: str) -> int:
        """Count and return the number of this job's next run."""
        ...

    def due(self) -> Iterable[tuple[str, int]]:
        """Jobs that are neither finished nor held and whose time to wait is over: id and latest run."""
        ...

    def expire_reviews(self) -> int:
        """Reject what was held for too long; how many."""
        ...


class Engine:
    """Hands jobs to the workflow; as worker, runs them.

    Args:
        database_url: of the engine's own tables; never the place of prompts.
        jobs: what is to be done.
        executor: stable name of this process.
    """

    def __init__(self, database_url: str, jobs: Jobs, *, executor: str) -> None:
        self._url = database_url
        self._jobs = jobs
        self._executor = executor
        self._client: DBOSClient | None = None
        self._pipeline: Pipeline | None = None
        self._steps: Steps | None = None
        self._lock: IO[str] | None = None
        self._stop = threading.Event()
        self._watch: threading.Thread | None = None

    @property
    def working(self) -> bool:
        """Whether this process runs workflows."""
        return self._pipeline is not None

    def work(self, steps: Steps, lock: Path, *, concurrency: int, interval: float = 15.0) -> None:
        """Become the worker of this data folder.

        Args:
            steps: the work.
            lock: file whose lock says who works.
            concurrency: videos at once.
            interval: seconds between looks for jobs that nobody works on.

        Raises:
            PipelineError: ``already_working`` if another process holds the lock.
        """
        self._lock = _acquire(lock, patience=_PATIENCE)
        # The engine prints exceptions with their text; what is worth knowing is logged by the steps themselves.
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        config = DBOSConfig(
            name=APPLICATION,
            system_database_url=self._url,
            serializer=JsonSerializer(),
            application_version=VERSION,
            executor_id=self._executor,
            log_level="CRITICAL",
            notification_listener_polling_interval_sec=0.2,
        )
        DBOS(config=config)
        self._steps = steps
        self._pipeline = pipeline()
        self._pipeline.works_with(steps)
        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=concurrency, polling_interval_sec=0.2)
        self._take_up(starting=True)
        self._watch = threading.Thread(target=self._look, args=(interval,), name="guard-resume", daemon=True)
        self._watch.start()

    def submit(self, video_id: str) -> None:
        """Queue the next run of a job.

        The job itself is in the database by now: if it cannot be queued, it stays there, and the worker finds it when
        it next looks for jobs that nobody works on.
        """
        try:
            self._enqueue(f"{video_id}.{self._jobs.next_attempt(video_id)}", video_id)
        except Exception as error:  # noqa: BLE001 - the engine raises whatever its database driver does
            _log.warning("enqueue_failed", video_id=video_id, error=type(error).__name__)

    def _enqueue(self, run: str, video_id: str) -> None:
        if self._pipeline is not None:
            with SetWorkflowID(run):
                DBOS.enqueue_workflow(QUEUE, self._pipeline.run, video_id)
            return
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": run,
            "app_version": VERSION,
            "class_name": "Pipeline",
            "instance_name": INSTANCE,
        }
        self._as_client().enqueue(options, video_id)

    def resume(self) -> int:
        """Queue every job that is due and that no run is working on; how many."""
        return self._take_up()

    def _take_up(self, *, starting: bool = False) -> int:
        expired = self._jobs.expire_reviews()
        resumed = 0
        for video_id, attempt in self._jobs.due():
            if not self._in_hand(video_id, attempt, starting=starting):
                self.submit(video_id)
                resumed += 1
        if resumed or expired:
            _log.info("jobs_resumed", resumed=resumed, expired=expired)
        return resumed

    def _in_hand(self, video_id: str, attempt: int, *, starting: bool) -> bool:
        """Whether a run of the job waits for its turn or is being worked on.

        A run that breaks off because the engine cannot write (a full disk) keeps the mark of one that has begun. So
        of this worker's own runs, only the live ones count; at the start, those that the engine is about to take up.
        """
        if self._pipeline is not None and self._pipeline.working_on(video_id):
            return True
        run = DBOS.get_workflow_status(f"{video_id}.{attempt}") if attempt else None
        if run is None or run.status != _BEGUN:
            return run is not None and run.status in _QUEUED
        if starting or run.executor_id != self._executor:
            return True
        _log.warning("run_lost", video_id=video_id, attempt=attempt)
        return False

    def close(self) -> None:
        """Stop working; runs under way go on at the next start."""
        self._stop.set()
        if self._watch is not None:
            self._watch.join(timeout=5)
            self._watch = None
        if self._pipeline is not None:
            self._pipeline.stop()
            DBOS.destroy(workflow_completion_timeout_sec=0)
            self._pipeline = None
        if self._client is not None:
            self._client.destroy()
            self._client = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _as_client(self) -> DBOSClient:
        if self._client is None:
            self._client = DBOSClient(
                system_database_url=self._url, serializer=JsonSerializer(), application_name=APPLICATION
            )
        return self._client

    def _look(self, interval: float) -> None:
        while not self._stop.wait(interval):
            try:
                self.resume()
                if self._steps is not None:
                    self._steps.upkeep()
            except Exception as error:  # noqa: BLE001 - the watch must outlive a database that is away
                _log.warning("resume_failed", error=type(error).__name__)


def working_elsewhere(lock: Path) -> bool:
    """Whether another process is the worker of this data folder."""
    try:
        _acquire(lock).close()
    except PipelineError:
        return True
    return False


def _acquire(lock: Path, *, patience: float = 0.0) -> IO[str]:
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = lock.open("a+")
    until = time.monotonic() + patience
    while not _locked(file):
        if time.monotonic() < until:
            time.sleep(0.05)
            continue
        file.close()
        raise PipelineError(
            "already_working", f"Another process is working in {lock.parent}; hand jobs to it instead."
        )
    lock.chmod(0o600)
    return file


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
