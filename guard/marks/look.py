"""Reading a clip as it passes: which pictures are kept, and what is made of them in the end."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence

import numpy as np

from guard.marks import bounds
from guard.marks.detect import Clip
from guard.marks.errors import MarkError
from guard.marks.frames import Chunk, Frames, check_frames
from guard.marks.front import Front
from guard.marks.keys import MarkKey
from guard.marks.reading import Reading
from guard.marks.timeline import Timeline
from guard.media.selection import FIRST_STRETCH, Selection

MAX_FRAMES = 256
"""At most so many frames of a clip are summed where nothing else is asked for, and at least half as many."""
_STRETCH_SECONDS = 1.0
_STRETCH_FRAMES = 8
_LAST_PICTURE = 0.04
"""Seconds for which a picture counts if none follows."""


class Look:
    """Gathers what a mark is read from, as pictures of a clip pass: a viewer for ``VideoFile.show``.

    Args:
        most: Frames that are gathered at most, an even number; at least half as many of any clip that has them.
        lot: Draws which; see ``guard.media.selection``.
        stretch: As for ``Selection``.
    """

    def __init__(self, most: int, lot: random.Random, *, stretch: float = FIRST_STRETCH) -> None:
        self._front: Front | None = None
        self._selection: Selection[Frames] = Selection(lambda _: most, lot, stretch=stretch)
        self._end = 0.0

    def wants(self, end: float) -> bool:
        """Whether to be shown the picture that is on screen until ``end``."""
        self._end = max(self._end, end)
        return self._selection.wants(end)

    def see(self, end: float, frame: Frames) -> None:
        """The picture that is on screen until ``end``, (height, width, 3) uint8 RGB.

        Raises:
            MarkError: ``mark_frame_too_small`` or ``mark_size_changed``.
        """
        if self._front is None:
            self._front = Front(frame.shape[1], frame.shape[0])
        self._end = max(self._end, end)
        self._selection.keep(end, self._front.luma(frame))

    def read(self, keys: Sequence[MarkKey]) -> Reading:
        """Read the mark of what was gathered; see :func:`read`."""
        bounds.check_keys([key.id for key in keys])
        kept = self._selection.kept
        if not kept:
            raise MarkError("mark_no_frames", "The clip has no frames to read a mark from.")
        # a picture counts once, at the first of its moments
        pictures = [next(group) for _, group in itertools.groupby(kept, key=lambda pair: id(pair[1]))]
        count = min(bounds.STRETCHES, round(self._end / _STRETCH_SECONDS), len(pictures) // _STRETCH_FRAMES)
        edges = np.linspace(0, self._end, max(1, count) + 1)
        stretches: list[list[Frames]] = [[] for _ in edges[1:]]
        for moment, plane in pictures:
            stretches[min(int(np.searchsorted(edges, moment, "right")), len(stretches)) - 1].append(plane)
        filled = [i for i, planes in enumerate(stretches) if planes]
        ends = [*(float(edges[i]) for i in filled[1:]), self._end]
        clip = Clip([stretches[i] for i in filled], keys)
        return Timeline(clip, ends).reading(len(pictures))


def read(chunks: Iterable[Chunk], keys: Sequence[MarkKey]) -> Reading:
    """Read the mark of a clip.

    Frames are taken in as they come, at most 256 spread evenly over the time for which the clip is shown are summed,
    and memory does not grow with the clip. The unchanged geometry is tried first, then zooms and rotations to 16
    degrees, changed aspects, and all rotations, each with every key; the first payload found ends the search. What is
    found is then followed through the clip, second by second.

    Args:
        chunks: The clip, in order. Which of its frames are summed can be known beforehand, so that the clip of
            a stranger is better shown to a :class:`Look` with a random lot.
        keys: One to three keys: the current one first, then retired ones.

    Raises:
        MarkError: ``mark_keys_invalid``, ``mark_no_frames``, ``mark_frame_too_small``, ``mark_frames_invalid`` or
            ``mark_size_changed``.
    """
    look = Look(MAX_FRAMES, random.Random(0))  # noqa: S311 - no secret
    time, apart, shown = 0.0, _LAST_PICTURE, None
    for chunk in chunks:
        check_frames(chunk.frames)
        for following, frame in zip(chunk.times, chunk.frames, strict=True):
            if shown is not None:  # until the next one appears
                apart = max(float(following) - time, FIRST_STRETCH)
                _show(look, time + apart, shown)
            time, shown = float(following), frame
    if shown is not None:
        _show(look, time + apart, shown)
    return look.read(keys)


def _show(look: Look, end: float, frame: Frames) -> None:
    if look.wants(end):
        look.see(end, np.ascontiguousarray(frame))
