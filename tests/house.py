"""An installation in this process whose surroundings can be made to fail: signer, disk, database, object store."""

from __future__ import annotations

import dataclasses
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from dbos import DBOS
from numpy.typing import NDArray

from generator import GeneratedClip, GenerationRequest
from guard.bootstrap import default_tenant
from guard.credentials import Identity
from guard.fingerprints import Fingerprint
from guard.installation import Installation, open_installation
from guard.pipeline.engine import Engine
from guard.pipeline.jobs import Job, VideoJobs, utc_now
from guard.pipeline.steps import VideoSteps
from guard.pipeline.submit import Submission, submit
from guard.registry import StoredRegistry
from guard.settings import EncoderSettings, MarkSettings, Settings, TimeStampSettings
from guard.store import Database, NewRelease, Pictures, StoreError, Video, find_release, get_video, review_of
from guard.store.models import Release
from policies import Examiner, Judge, NgramClassifier, load_policy
from tests.policy import default_document, written
from tests.stub_generator import PictureGenerator

MODEL = "guard-scenes-1"
ALLOWED = "a red ball rolls over green grass"
HELD = "a glimmerfinch sits on a branch"
BLOCKED = "a dreadnewt sits on a stone"
SEALED_HELD = "a hushwren sits on a branch"
SEALED_BLOCKED = "a mutelark sits on a stone"
"""Held and blocked under the minors rule."""


def write_policy(path: Path) -> Path:
    """The default policy, with one harmless made-up word that is held and one that is blocked."""
    document = default_document()
    document["lists"] |= {
        "test.held": {"about": "Made up.", "phrases": ["glimmerfinch"]},
        "test.blocked": {"about": "Made up.", "phrases": ["dreadnewt"]},
        "test.sealed_held": {"about": "Made up.", "phrases": ["hushwren"]},
        "test.sealed_blocked": {"about": "Made up.", "phrases": ["mutelark"]},
    }
    for word, action, category in (
        ("held", "review", "violence_gore"),
        ("blocked", "block", "violence_gore"),
        ("sealed_held", "review", "sexual_minors"),
        ("sealed_blocked", "block", "sexual_minors"),
    ):
        document["rules"].append(
            {
                "id": f"test.{word}",
                "about": "Made up.",
                "category": category,
                "action": action,
                "when": f"found.test.{word}",
            }
        )
    path.write_text(written(document), "utf-8")
    return path


class SetScorer:
    """Stands for the picture model, whose positives no test may contain: the score is what the test sets."""

    id = "test-scorer"
    digest = "sha256:" + "0" * 63 + "2"
    score_now = 0.0
    category_now = "sexual"

    def score(self, frames: Sequence[NDArray[np.uint8]]) -> list[dict[str, float]]:
        return [{self.category_now: self.score_now} for _ in frames]


class WatchedGenerator(PictureGenerator):
    """Counts clips, and calls `during` between chunks."""

    def __init__(self) -> None:
        self.clips = 0
        self.during: Callable[[], None] = lambda: None

    def generate(
        self, request: GenerationRequest, *, progress: Callable[[float], None] | None = None
    ) -> GeneratedClip:
        self.clips += 1
        clip = super().generate(request, progress=progress)
        return dataclasses.replace(clip, chunks=self._watched(clip.chunks))

    def _watched(self, chunks: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        for chunk in chunks:
            self.during()
            yield chunk


class CommitFails(VideoJobs):
    """The store, whose commit of a release can be made to fail."""

    failing = False

    def release(self, job: Job, new: NewRelease, fingerprint: Fingerprint) -> None:
        if self.failing:
            raise StoreError("database_unavailable", "The database cannot be used right now.")
        super().release(job, new, fingerprint)


class House:
    """A working installation on `data`; close it at the end."""

    def __init__(
        self,
        data: Path,
        steps: type[VideoSteps] = VideoSteps,
        mark: MarkSettings | None = None,
        time_stamps: TimeStampSettings | None = None,
    ) -> None:
        data.mkdir(parents=True)
        self.data = data
        self.ahead = timedelta(0)
        self.signer_fails = False
        self.generator = WatchedGenerator()
        self.scorer = SetScorer()
        policy = write_policy(data.parent / f"{data.name}-policy.yaml")
        opened = open_installation(
            Settings(
                data=data,
                policy=policy,
                encoder=EncoderSettings(preset="ultrafast"),
                mark=mark or MarkSettings(),
                time_stamps=time_stamps or TimeStampSettings(),
            )
        )
        opened.services.database.close()
        database = Database(f"sqlite:///{data / 'guard.db'}", busy_timeout=0.2)
        pictures = Pictures(opened.paths.pictures)
        self._real_identity = opened.services.identity
        examiner = Examiner(Judge(load_policy(policy), NgramClassifier.embedded(), self.scorer))
        self.services = dataclasses.replace(
            opened.services,
            database=database,
            pictures=pictures,
            registry=StoredRegistry(database, pictures),
            generators={MODEL: lambda: self.generator},
            identity=self._identity,
            make_judge=lambda: examiner,
        )
        self.jobs = CommitFails(
            database,
            opened.services.vault,
            opened.services.log,
            review_expires=self.services.review_expires,
            now=lambda: utc_now() + self.ahead,
        )
        self.engine = Engine(f"sqlite:///{data / 'workflow.db'}", self.jobs, executor="local")
        self.installation: Installation = dataclasses.replace(
            opened, services=self.services, engine=self.engine, jobs=self.jobs
        )
        self.steps = steps(self.services, self.jobs)
        self.engine.work(self.steps, self.installation.paths.lock, concurrency=1, interval=3600)
        self.tenant = default_tenant(self.installation)

    def close(self) -> None:
        self.installation.close()

    def submit(self, prompt: str = ALLOWED, *, seed: int = 7, **more: Any) -> str:
        request = Submission(self.tenant, prompt, MODEL, 2, "640x360", seed=seed, **more)
        return submit(self.services, self.engine, request).id

    def video(self, video_id: str) -> Video:
        with self.services.database.read() as session:
            return get_video(session, video_id)

    def release_of(self, video_id: str) -> Release | None:
        with self.services.database.read() as session:
            return find_release(session, video_id=video_id)

    def review_id(self, video_id: str, stage: str) -> str:
        with self.services.database.read() as session:
            review = review_of(session, video_id, stage)
        assert review is not None
        return review.id

    def until(self, video_id: str, reached: Callable[[Video], object], *, seconds: float = 90.0) -> Video:
        """The video as soon as it has reached something."""
        end = time.monotonic() + seconds
        while True:
            video = self.video(video_id)
            if reached(video):
                return video
            assert time.monotonic() < end, (
                f"{video.status} at {video.progress} %, {video.hold=}, {video.stalled_code=}, {video.error_code=}"
            )
            time.sleep(0.05)

    def ended(self, video_id: str) -> Video:
        return self.until(video_id, lambda video: video.status in ("completed", "failed"))

    def stalled(self, video_id: str) -> Video:
        return self.until(
            video_id, lambda video: video.stalled_code or video.status in ("completed", "failed")
        )

    def held(self, video_id: str) -> Video:
        return self.until(video_id, lambda video: video.hold or video.status in ("completed", "failed"))

    def resume(self, *, after: timedelta = timedelta(hours=2)) -> None:
        """Let time pass, and have the worker look for jobs as it does from time to time."""
        self.ahead += after
        end = time.monotonic() + 30
        while self.engine.resume() == 0:  # the run that stalled may still be writing down its own end
            assert time.monotonic() < end, "nothing was due"
            time.sleep(0.05)

    def run_ended(self, video_id: str, *, seconds: float = 60.0) -> None:
        """Wait until no run is working on the video, whatever came of it."""
        run = f"{video_id}.{self.video(video_id).attempts}"
        end = time.monotonic() + seconds
        while (status := DBOS.get_workflow_status(run)) is None or status.status != "SUCCESS":
            assert time.monotonic() < end, f"the run is {status and status.status}"
            time.sleep(0.05)

    def objects(self) -> list[str]:
        """Keys of what the object store holds."""
        root = self.data / "objects"
        return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]

    def work_left(self) -> list[str]:
        return [path.name for path in (self.data / "work").iterdir()]

    def _identity(self) -> Identity:
        identity = self._real_identity()
        if not self.signer_fails:
            return identity

        def away(data: bytes) -> bytes:
            raise ConnectionError("the key service is away")

        return Identity.from_callback(identity.chain_pem, away)


@contextmanager
def files_limited(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: writes fail as on a full disk (another error number, the same path)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def database_locked(path: Path) -> Iterator[None]:
    """Another process writes to the SQLite file and does not come to an end."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()
