"""A worker process for tests that kill it: ``python -m tests.worker DATA KILL_AT [VIDEO [REFERENCE]]``.

Without VIDEO, or with ``-``, it submits one, which begins from the picture REFERENCE if that is given; with
``picture``, it submits a picture. It prints the job's id, works until the job has ended, and prints how. ``KILL_AT``
names a moment (``mark:middle``, ``sign:after``, ``release:object``…) at which it ends as ``kill -9`` would end it;
``-`` for none. The moments are in this file, not in the software.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guard.bootstrap import default_tenant
from guard.cli.common import quiet_logs
from guard.installation import Installation, open_installation
from guard.pipeline.references import Reference
from guard.pipeline.steps import VideoSteps
from guard.pipeline.submit import Submission, submit
from guard.pipeline.workflow import Outcome
from guard.settings import Settings
from guard.store import videos
from tests.stub_generator import ReferenceGenerator

MODEL = "guard-scenes-1"
MOMENTS = (
    "examine_inputs:after",
    "generate:middle",
    "generate:after",
    "examine_output:after",
    "mark:middle",
    "mark:after",
    "fingerprint:after",
    "sign:after",
    "self_check:after",
    "release:object",
    "release:after",
)
STILL_MOMENTS = tuple(moment for moment in MOMENTS if moment != "mark:middle")
"""Those of a picture, which is marked in one go."""
PROMPT = "a red ball rolls over green grass"


def die() -> None:
    """End at once, without any handler."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingSteps(VideoSteps):
    """The real steps, with one moment at which the process dies."""

    moment = "-"

    def _progress(self, video_id: str, start: int, end: int) -> Callable[[float], None]:
        report = super()._progress(video_id, start, end)
        step = "generate" if start == 0 else "mark"

        def watched(share: float) -> None:
            report(share)
            if self.moment == f"{step}:middle" and share >= 0.4:
                die()

        return watched


def _dying(name: str) -> Callable[..., Outcome]:
    def step(self: DyingSteps, *arguments: str) -> Outcome:
        outcome: Outcome = getattr(VideoSteps, name)(self, *arguments)
        if self.moment == f"{name}:after":
            die()
        return outcome

    step.__name__ = name
    return step


for _name in dict.fromkeys(moment.split(":")[0] for moment in MOMENTS):
    setattr(DyingSteps, _name, _dying(_name))


class DyingObjects:
    """The object store, with death after a put."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put(self, key: str, path: Path) -> Any:
        """Store, then die."""
        self._inner.put(key, path)
        die()


def with_pictures(opened: Installation, **changes: Any) -> Installation:
    """The installation with the tests' generator in place of the model."""
    services = dataclasses.replace(opened.services, generators={MODEL: ReferenceGenerator}, **changes)
    return dataclasses.replace(opened, services=services)


def main() -> None:
    """See the module."""
    quiet_logs()
    data, moment = Path(sys.argv[1]), sys.argv[2]
    opened = with_pictures(open_installation(Settings(data=data)))
    if moment == "release:object":
        opened = with_pictures(opened, objects=DyingObjects(opened.services.objects))
    steps = DyingSteps(opened.services, opened.jobs)
    steps.moment = moment
    video_id = sys.argv[3].strip("-") if len(sys.argv) > 3 else ""
    picture = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    opened.engine.work(steps, opened.paths.lock, concurrency=1, interval=1.0)
    if video_id == "picture":
        request = Submission(default_tenant(opened), PROMPT, MODEL, 0, "512x512", seed=7, format="webp")
        video_id = submit(opened.services, opened.engine, request).id
    if not video_id:
        reference = None if picture is None else Reference(picture, "of no matter here")
        request = Submission(default_tenant(opened), PROMPT, MODEL, 2, "640x360", seed=7, reference=reference)
        video_id = submit(opened.services, opened.engine, request).id
    sys.stdout.write(video_id + "\n")
    sys.stdout.flush()
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with opened.services.database.read() as session:
            video = videos.get_video(session, video_id)
        if video.status in ("completed", "failed"):
            sys.stdout.write(f"{video.status} {video.error_code}\n")
            opened.close()
            return
        time.sleep(0.1)
    raise SystemExit("the job did not end")


if __name__ == "__main__":
    main()
