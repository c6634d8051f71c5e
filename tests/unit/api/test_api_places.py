"""Places for uploads: bounded, and never all taken by strangers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import repeat
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


def fill(held: ExitStack, guard: State, addresses: Iterable[str | None]) -> int:
    """Take a place for each address until there are no more; how many there were."""
    for taken, address in enumerate(addresses):
        try:
            held.enter_context(guard.upload_slot(address=address))
        except ApiError as error:
            if error.code != "busy":
                raise
            return taken
    raise AssertionError("the places have no end")


def test_strangers_leave_half_of_the_places(tmp_path: Path) -> None:
    guard = state(tmp_path, 2)
    strangers = [f"203.0.113.{number}" for number in range(100)]
    with ExitStack() as held:
        assert fill(held, guard, strangers) == UPLOADS_PER_EXAMINATION
        assert fill(held, guard, repeat(None)) == UPLOADS_PER_EXAMINATION
        assert fill(held, guard, strangers) == 0
    with ExitStack() as held:
        assert fill(held, guard, repeat(None)) == 2 * UPLOADS_PER_EXAMINATION


@pytest.mark.parametrize(("concurrent", "share"), [(1, 1), (2, 2), (4, 4)])
def test_one_stranger_leaves_places_to_the_others(tmp_path: Path, concurrent: int, share: int) -> None:
    guard = state(tmp_path, concurrent)
    for _ in range(2):  # what was given back can be taken again
        with ExitStack() as held:
            assert fill(held, guard, repeat("203.0.113.7")) == share
            with guard.upload_slot(address="203.0.113.8"):
                pass
            assert fill(held, guard, repeat("203.0.113.7")) == 0


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
