"""What the handlers work with: one object on the application, made when it starts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Literal, cast

from fastapi import Depends, Request

from guard.api.errors import ApiError
from guard.api.limits import DAY, RateLimiter
from guard.api.metrics import Metrics
from guard.credentials import KeyProof
from guard.installation import Installation
from guard.services import Services
from guard.settings import Settings

UPLOADS_PER_EXAMINATION = 8
"""Uploads that may be on their way or waiting for each examination that may run; of callers without a key, half, of one
of their addresses an eighth."""


@dataclass
class State:
    """The installation and what bounds its use.

    Attributes:
        installation: everything else.
        limiter: requests a minute.
        metrics: for ``/metrics``.
        worker: who makes the videos: this process, or another one of the same data folder.
        models: readiness of each generator: ``loading``, ``ready`` or the code of what failed.
        proof: whether the signing key works.
        budgets: files examined a day.
        examinations: how many files are decoded at once.
    """

    installation: Installation
    limiter: RateLimiter
    metrics: Metrics
    worker: Literal["here", "elsewhere"] = "here"
    models: dict[str, str] = field(default_factory=dict)
    proof: KeyProof = field(default_factory=KeyProof)
    budgets: RateLimiter = field(default_factory=lambda: RateLimiter(seconds=DAY))
    examinations: asyncio.Semaphore = field(init=False)
    _anonymous_examinations: asyncio.Semaphore = field(init=False)
    _uploads: int = field(init=False, default=0)
    _anonymous_uploads: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        concurrent = self.settings.uploads.concurrent
        self.examinations = asyncio.Semaphore(concurrent)
        # Where two can run at once, strangers never have them all.
        self._anonymous_examinations = asyncio.Semaphore(max(1, concurrent - 1))

    @property
    def services(self) -> Services:
        """The installation's parts."""
        return self.installation.services

    @property
    def settings(self) -> Settings:
        """What the operator set."""
        return self.installation.settings

    @contextmanager
    def upload_slot(self, *, address: str | None) -> Iterator[None]:
        """A place for one upload, from its first byte to its verdict; they bound the disk and memory that uploads take.

        Args:
            address: of a caller without a key, else None; together these leave half of the places to the others, and
                one of them leaves most of that half to other addresses.

        Raises:
            ApiError: ``busy``.
        """
        most = self.settings.uploads.concurrent * UPLOADS_PER_EXAMINATION
        strangers = self._anonymous_uploads
        if self._uploads >= most or (
            address is not None
            and (strangers.total() >= most // 2 or strangers[address] >= max(1, most // 8))
        ):
            raise ApiError(
                503, "busy", "Too many files are being examined; try again.", headers={"retry-after": "5"}
            )
        counted = Counter([] if address is None else [address])
        self._uploads += 1
        strangers += counted
        try:
            yield
        finally:
            self._uploads -= 1
            strangers -= counted  # which forgets who has none left

    @asynccontextmanager
    async def examination(self, *, anonymous: bool) -> AsyncIterator[None]:
        """Wait for a turn to examine an upload; callers with a key need not wait for all the others."""
        async with AsyncExitStack() as turns:
            if anonymous:
                await turns.enter_async_context(self._anonymous_examinations)
            await turns.enter_async_context(self.examinations)
            yield


def state_of(request: Request) -> State:
    """The state of the application that answers this request."""
    return cast("State", request.app.state.guard)


Guard = Annotated[State, Depends(state_of)]
"""For handlers: the application's state."""
