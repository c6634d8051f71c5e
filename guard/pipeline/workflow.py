"""The one durable workflow: from an accepted prompt to a released file.

Each step's outcome is recorded before the next begins; a killed process starts again at the step it was in. Steps are
idempotent, so running one twice changes nothing. A hold for review ends the run; approval starts the next one, which
finds the clip already made.

Arguments and outcomes are ids, digests and codes: the engine stores them in its own tables.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NotRequired, Protocol, TypedDict

import structlog
from dbos import DBOS, DBOSConfiguredInstance

from guard.pipeline.errors import as_outcome

RETRY_AFTER = (1.0, 4.0, 15.0)
"""Seconds between attempts of a step whose failure may pass; after the last one the job stalls."""

WORKFLOW = "release_video"
INSTANCE = "pipeline"

_log = structlog.get_logger(__name__)


class Outcome(TypedDict):
    """What a step or a run came to; JSON, stored by the engine.

    ``state``: ``done``, ``held`` (waits for review), ``failed`` (for good), ``passing`` (may be tried again). A run may
    also come to ``superfluous``: another one was working on the same job.
    """

    state: str
    code: NotRequired[str]
    message: NotRequired[str]
    values: NotRequired[dict[str, Any]]


class Steps(Protocol):
    """The work itself; each may raise any room's errors and returns JSON."""

    def examine_inputs(self, video_id: str) -> Outcome:
        """Read reference files and judge them."""
        ...

    def generate(self, video_id: str) -> Outcome:
        """Make the raw clip, lossless and private."""
        ...

    def examine_output(self, video_id: str) -> Outcome:
        """Judge the clip's frames."""
        ...

    def mark(self, video_id: str, preset: str) -> Outcome:
        """Watermark and encode."""
        ...

    def fingerprint(self, video_id: str) -> Outcome:
        """Hash the finished pictures."""
        ...

    def sign(self, video_id: str) -> Outcome:
        """Bind a C2PA manifest to the file."""
        ...

    def self_check(self, video_id: str) -> Outcome:
        """Read everything back in a fresh process."""
        ...

    def release(self, video_id: str) -> Outcome:
        """Store, register, log: only now is the file reachable."""
        ...

    def upkeep(self) -> None:
        """What is due from time to time, besides jobs."""
        ...

    def presets(self, video_id: str) -> tuple[str, ...]:
        """Watermark presets to try, in order; the same each time."""
        ...

    def fail(self, video_id: str, code: str, message: str) -> Outcome:
        """Write down that the job has failed for good, and clean up."""
        ...

    def stall(self, video_id: str, code: str, message: str) -> Outcome:
        """Write down why the job waits."""
        ...


@DBOS.dbos_class("Pipeline")
class Pipeline(DBOSConfiguredInstance):
    """Runs the steps durably. The engine knows an instance as long as the process lives: use :func:`pipeline`."""

    def __init__(self) -> None:
        super().__init__(INSTANCE)
        self._steps: Steps
        self._live: set[str] = set()
        self._guard = threading.Lock()
        self._stopping = False

    def works_with(self, steps: Steps) -> None:
        """What the steps are done with from now on."""
        self._steps, self._stopping = steps, False

    def stop(self) -> None:
        """The engine goes away; that runs break off from now on is meant."""
        self._stopping = True

    def working_on(self, video_id: str) -> bool:
        """Whether a run of this process is working on the job now; the engine's tables may say so of a dead one."""
        return video_id in self._live

    @DBOS.workflow(name=WORKFLOW)
    def run(self, video_id: str) -> Outcome:
        """Take a video as far as it can go.

        Args:
            video_id: the job.

        Returns:
            The last step's outcome.
        """
        with self._alone(video_id) as alone:
            return self._run(video_id) if alone else {"state": "superfluous"}

    @contextmanager
    def _alone(self, video_id: str) -> Iterator[bool]:
        """Whether nobody else in this process works on the job; if so, nobody begins to before this ends."""
        with self._guard:
            alone = video_id not in self._live
            self._live.add(video_id)
        try:
            yield alone
        except Exception as error:
            # Not of a step, which end in outcomes: the engine could not write its tables, and may not say so there.
            if not self._stopping:
                _log.warning("run_broke_off", video_id=video_id, error=type(error).__name__)
            raise
        finally:
            if alone:
                self._live.discard(video_id)

    def _run(self, video_id: str) -> Outcome:
        for step in (self._steps.examine_inputs, self._steps.generate, self._steps.examine_output):
            outcome = self._step(step, video_id)
            if outcome["state"] != "done":
                return self._end(video_id, outcome)
        return self._end(video_id, self._finish(video_id))

    def _finish(self, video_id: str) -> Outcome:
        checked: Outcome = {"state": "failed", "code": "mark_unreadable"}
        for preset in self._steps.presets(video_id):
            for step, arguments in (
                (self._steps.mark, (preset,)),
                (self._steps.fingerprint, ()),
                (self._steps.sign, ()),
                (self._steps.self_check, ()),
            ):
                checked = self._step(step, video_id, *arguments)
                if checked["state"] != "done":
                    break
            if checked.get("code") != "mark_unreadable":
                break
        if checked["state"] != "done":
            return checked
        return self._step(self._steps.release, video_id)

    def _end(self, video_id: str, outcome: Outcome) -> Outcome:
        if outcome["state"] not in ("failed", "passing"):
            return outcome
        code, message = outcome["code"], outcome.get("message", "")
        if outcome["state"] == "failed":
            self._step(self._steps.fail, video_id, code, message)
        else:
            self._step(self._steps.stall, video_id, code, message)
        return {"state": outcome["state"], "code": code}

    def _step(self, step: Callable[..., Outcome], video_id: str, *arguments: str) -> Outcome:
        """One step, tried again a few times while its failure may pass."""
        outcome: Outcome = {"state": "failed", "code": "internal_error"}
        for delay in (*RETRY_AFTER, None):
            outcome = DBOS.run_step({"name": step.__name__}, _guarded, step, video_id, arguments)
            if outcome["state"] != "passing" or delay is None:
                break
            DBOS.sleep(delay)
        return outcome


@cache
def pipeline() -> Pipeline:
    """This process's one pipeline."""
    return Pipeline()


def _guarded(step: Callable[..., Outcome], video_id: str, arguments: tuple[str, ...]) -> Outcome:
    """Run a step; whatever it raises becomes an outcome, so that the engine never stores an exception."""
    log = _log.bind(video_id=video_id, step=step.__name__)
    try:
        outcome = step(video_id, *arguments)
    except Exception as error:  # noqa: BLE001 - a step must end in an outcome
        code, message, passing = as_outcome(error)
        log.warning("step_failed", code=code, passing=passing, error=type(error).__name__)
        return {"state": "passing" if passing else "failed", "code": code, "message": message}
    log.info("step_done", state=outcome["state"])
    return outcome
