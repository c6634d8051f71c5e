"""Places for uploads: bounded, and never all taken by strangers."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from guard.api.errors import ApiError
from guard.api.limits import RateLimiter
from guard.api.metrics import Metrics
from guard.api.state import UPLOADS_PER_EXAMINATION, State
from guard.settings import Settings, UploadLimits


def state(tmp_path: Path, concurrent: int) -> State:
    settings = Settings(data=tmp_path, uploads=UploadLimits(concurrent=concurrent))
    return State(cast("Any", SimpleNamespace(settings=settings)), RateLimiter(), Metrics())


def fill(held: ExitStack, guard: State, *, anonymous: bool) -> int:
    """Take places until there are no more; how many there were."""
    taken = 0
    while True:
        try:
            held.enter_context(guard.upload_slot(anonymous=anonymous))
        except ApiError as error:
            if error.code != "busy":
                raise
            return taken
        taken += 1


def test_strangers_leave_half_of_the_places(tmp_path: Path) -> None:
    guard = state(tmp_path, 2)
    with ExitStack() as held:
        assert fill(held, guard, anonymous=True) == UPLOADS_PER_EXAMINATION
        assert fill(held, guard, anonymous=False) == UPLOADS_PER_EXAMINATION
        assert fill(held, guard, anonymous=True) == 0
    with ExitStack() as held:
        assert fill(held, guard, anonymous=False) == 2 * UPLOADS_PER_EXAMINATION


@pytest.mark.parametrize(("concurrent", "strangers"), [(1, 1), (2, 1), (3, 2)])
def test_strangers_never_take_every_turn_where_there_are_two(
    tmp_path: Path, concurrent: int, strangers: int
) -> None:
    async def examined() -> tuple[int, int]:
        guard, at_once, ended = state(tmp_path, concurrent), [0, 0], asyncio.Event()

        async def examine(*, anonymous: bool) -> None:
            async with guard.examination(anonymous=anonymous):
                at_once[anonymous] += 1
                await ended.wait()

        async with asyncio.TaskGroup() as group:
            for anonymous in (True, True, True, True, False, False, False, False):
                group.create_task(examine(anonymous=anonymous))
            for _ in range(20):
                await asyncio.sleep(0)
            found = (at_once[True], at_once[False])
            ended.set()
        assert at_once == [4, 4]
        return found

    assert asyncio.run(examined()) == (strangers, concurrent - strangers)
