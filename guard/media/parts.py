"""A part of a clip or a picture: a rectangle of it, a stretch of it, or both; the rest is as if it were not there."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from guard.media.errors import MediaError
from guard.media.info import Frames
from guard.media.selection import FIRST_STRETCH, Viewer

Box = tuple[int, int, int, int]
"""Top, bottom, left and right in pixels, ends excluded."""


@dataclass(frozen=True)
class Rectangle:
    """Part of a picture as it is shown.

    Attributes:
        left: distance of its left side from that of the picture.
        top: distance of its upper side from that of the picture.
        width: how wide it is.
        height: how high it is.
        percent: whether all four are per cent of the picture's sides; pixels otherwise.
    """

    left: float
    top: float
    width: float
    height: float
    percent: bool = False

    def box(self, width: int, height: int) -> Box:
        """What of it lies within a picture of this size, in whole pixels.

        Raises:
            MediaError: ``region_outside``.
        """
        across, down = (width / 100, height / 100) if self.percent else (1.0, 1.0)
        left, right = (_within(at * across, width) for at in (self.left, self.left + self.width))
        top, bottom = (_within(at * down, height) for at in (self.top, self.top + self.height))
        if left >= right or top >= bottom:
            raise _outside()
        return top, bottom, left, right


@dataclass(frozen=True)
class Stretch:
    """Part of a clip; a still picture lasts for a moment at its start.

    Attributes:
        start: where it begins.
        end: where it ends, excluded; None for the end of the clip.
        counted: whether the two count pictures, from 0; seconds from the first picture otherwise.
    """

    start: float = 0.0
    end: float | None = None
    counted: bool = False

    def over(self, number: int, end: float) -> bool:
        """Whether nothing of it comes after the picture of that number, which is on screen until `end`."""
        return self.end is not None and (number + 1 if self.counted else end) >= self.end


@dataclass(frozen=True)
class Part:
    """What of a file is looked at.

    Attributes:
        area: of each picture; None for all of it.
        stretch: of the clip.
    """

    area: Rectangle | None = None
    stretch: Stretch = Stretch()

    def box(self, width: int, height: int) -> Box:
        """What of a picture of this size is looked at.

        Raises:
            MediaError: ``region_outside``.
        """
        return (0, height, 0, width) if self.area is None else self.area.box(width, height)

    def to_json(self) -> dict[str, Any]:
        """As JSON value."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Part:
        """The inverse of `to_json`."""
        area = value["area"]
        return cls(None if area is None else Rectangle(**area), Stretch(**value["stretch"]))


class Within:
    """Shows another viewer a part of a clip, as if the clip had begun and ended with it.

    Args:
        viewer: who sees the part.
        part: which.
        width: of the clip's pictures, in pixels.
        height: of the clip's pictures, in pixels.

    Raises:
        MediaError: ``region_outside`` if nothing of the rectangle lies within the pictures.
    """

    def __init__(self, viewer: Viewer, part: Part, width: int, height: int) -> None:
        self._viewer = viewer
        self._box = part.box(width, height)
        self._stretch = part.stretch
        self._number = -1
        self._begin = self._end = 0.0
        self._shift: float | None = None

    def wants(self, end: float) -> bool:
        """Whether the picture that is on screen until `end` lies in the part and the viewer wants it."""
        self._number += 1
        self._begin, self._end = self._end, max(self._end, end)
        return self._inside() and self._viewer.wants(self._local(end))

    def see(self, end: float, frame: Frames) -> None:
        """The picture that `wants` was asked for, of shape (height, width, 3)."""
        top, bottom, left, right = self._box
        self._viewer.see(self._local(end), np.ascontiguousarray(frame[top:bottom, left:right]))

    def check(self) -> None:
        """Refuse a stretch in which there was no picture.

        Raises:
            MediaError: ``region_outside``.
        """
        if self._shift is None:
            raise _outside()

    def _inside(self) -> bool:
        stretch = self._stretch
        last = math.inf if stretch.end is None else stretch.end
        if stretch.counted:
            found = stretch.start <= self._number < last
        else:
            found = self._begin < last and self._end > stretch.start
        if found and self._shift is None:
            self._shift = self._begin if stretch.counted else stretch.start
        return found

    def _local(self, end: float) -> float:
        stretch = self._stretch
        if not stretch.counted and stretch.end is not None:
            end = min(end, stretch.end)
        # However short the part is, the picture in it can be chosen.
        return max(FIRST_STRETCH, end - (self._shift or 0.0))


def _within(at: float, most: int) -> int:
    return max(0, min(most, round(at)))


def _outside() -> MediaError:
    return MediaError(
        "region_outside", "There is no picture of the file in this region; give one that has some."
    )
