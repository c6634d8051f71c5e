"""Choosing pictures of a stream so that nobody can know beforehand which.

A file says how many pictures it holds and how fast they follow each other, and whoever wrote it may lie. So
neither is asked: pictures are chosen by the times at which the decoder shows them, at moments drawn by lot,
and how far the moments lie apart follows from how long the clip turns out to be.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from guard.media.info import Frames

T = TypeVar("T")

FIRST_STRETCH = 0.001
"""Seconds; shorter than any picture is shown, so that of a short clip every picture can be chosen."""


class Viewer(Protocol):
    """Somebody who looks at pictures of a clip as they pass."""

    def wants(self, end: float) -> bool:
        """Whether to be shown the picture that is on screen until `end`, in seconds from the first picture."""
        ...

    def see(self, end: float, frame: Frames) -> None:
        """The picture that is on screen until `end`, of shape (height, width, 3)."""
        ...


class Selection(Generic[T]):
    """One thing for each of equally long stretches of time, from a moment drawn at random within the stretch.

    A picture on screen for long is chosen for many moments, one that no viewer could see for none: what is kept
    is a fair sample of what a viewer sees. When as much is kept as may be, two stretches become one, and a draw
    says whose moment stays. So at least half of `most` are kept of any clip, in bounded memory.

    Args:
        most: how many are kept at most, an even number, given the length of the stretches in seconds.
        lot: what draws.
        stretch: length of the first stretches in seconds.
    """

    def __init__(
        self, most: Callable[[float], int], lot: random.Random, *, stretch: float = FIRST_STRETCH
    ) -> None:
        self._most = most
        self._lot = lot
        self._stretch = stretch
        self._kept: list[tuple[float, T]] = []
        self._next = lot.random() * stretch

    @property
    def kept(self) -> list[tuple[float, T]]:
        """(moment in seconds, what was kept for it), in order of time."""
        return list(self._kept)

    def wants(self, end: float) -> bool:
        """Whether a moment falls before `end` that nothing was kept for yet."""
        return self._next < end

    def keep(self, end: float, item: T) -> None:
        """Keep `item` for all moments before `end` that nothing was kept for yet."""
        while self._next < end:
            self._kept.append((self._next, item))
            if len(self._kept) >= self._most(self._stretch):
                pairs = zip(self._kept[::2], self._kept[1::2], strict=True)
                self._kept = [self._lot.choice(pair) for pair in pairs]
                self._stretch *= 2
            self._next = (len(self._kept) + self._lot.random()) * self._stretch
