"""PDQ of sampled frames.

PDQ (Facebook's open perceptual hash, 256 bits) survives re-encoding and scaling, but not crops: a central
crop to 95 % of a picture moves about 42 bits, to 98 % about 18. Recorded clips are therefore also hashed in
central crops three per cent apart, so that any central crop down to 84 % lies within 1.5 % of one of them.

A release's fingerprint holds as many of its pictures as it takes for every other one to be like one of them:
whoever examines an upload looks at pictures that nobody could choose beforehand.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from guard.fingerprints.fingerprint import WHOLE, Fingerprint, FingerprintError, FrameHash
from guard.fingerprints.pdq import pdq
from guard.media import Frames, FrameSource
from guard.media.selection import FIRST_STRETCH, Selection

CROPS = (WHOLE, 97, 94, 91, 88, 85)
LEAST_FRAMES = 8
MOST_FRAMES = 1200
"""However long a clip is: beyond this every other frame is dropped."""
MOST_OF_SHORT = 64
"""The same for uploads of which a picture a second would be fewer."""
MOVED = 16
"""Bits by which pictures between two recorded ones may differ from the first: half of what counts as a match,
since an upload has been compressed, and perhaps cropped, besides."""
_LOOKS = 12
"""How many pictures a second are compared for that. Every other one of them is recorded whole only: crops of its
neighbours are enough to find a cropped copy, while the share of an upload that is ours is counted on whole pictures."""
_SECOND = 1.0
_ROUNDING = 0.002

# PDQ's reference reduces pictures to 512 x 512 first. Crops are taken at 128, whose hashes differ from those
# at 512 by 4 bits (median) and 10 (most) and cost a twentieth.
_WHOLE_SIZE = 512
_CROP_SIZE = 128


def compute(source: FrameSource, *, crops: Sequence[int] = CROPS) -> Fingerprint:
    """The fingerprint to record of a clip or a still picture of our own, whose header can be believed.

    Equal clips give equal fingerprints. At least one picture a second is hashed, and eight of a clip that has as
    many; more where the picture changes.

    Args:
        source: where the pictures come from.
        crops: per cent of the picture's sides to hash, the whole (100) first.

    Raises:
        FingerprintError: ``fingerprint_no_frames``.
        MediaError: what reading the source raises.
    """
    info = source.info
    frames = info.frames or round(info.duration * info.fps)
    every = max(1, min(frames // LEAST_FRAMES, round(info.fps / _LOOKS)))
    apart = min(_SECOND, frames // LEAST_FRAMES / float(info.fps)) if info.fps else _SECOND
    early = (
        every / float(info.fps) / 2 if info.fps else 0.0
    )  # the picture looked at next may be later by more
    kept: list[tuple[FrameHash, ...]] = []
    last, due, looks = 0, 0.0, 0
    for chunk in source.chunks(every=every):
        for time, frame in zip(chunk.times, chunk.frames, strict=True):
            seconds, seen = round(max(0.0, float(time)), 3), _small(frame)
            is_due = seconds + early + _ROUNDING >= due
            if is_due or (seen ^ last).bit_count() > MOVED:
                wanted = crops if is_due or looks % 2 == 0 else crops[:1]
                kept.append(tuple(_hashes(seconds, frame, wanted)))
                last, due = seen, (due if is_due else seconds) + apart
            looks += 1
    while len(kept) > MOST_FRAMES:
        kept = kept[::2]
    return _fingerprint([item for frame in kept for item in frame])


class Taker:
    """Takes the fingerprint of a stranger's clip, to compare: a viewer for ``VideoFile.show``.

    Pictures are hashed whole, since what is recorded holds the crops.

    Args:
        lot: draws which pictures are hashed; see ``guard.media.selection``.
        most: how many are hashed, an even number, and at least half as many; of a long clip one a second.
        stretch: as for ``Selection``.
    """

    def __init__(
        self, lot: random.Random, *, most: int = MOST_OF_SHORT, stretch: float = FIRST_STRETCH
    ) -> None:
        self._selection: Selection[FrameHash] = Selection(
            lambda apart: most if apart < _SECOND else MOST_FRAMES, lot, stretch=stretch
        )

    def wants(self, end: float) -> bool:
        """Whether to be shown the picture that is on screen until `end`."""
        return self._selection.wants(end)

    def see(self, end: float, frame: Frames) -> None:
        """The picture that is on screen until `end`."""
        self._selection.keep(end, next(_hashes(0.0, frame, (WHOLE,))))

    def fingerprint(self) -> Fingerprint:
        """What has been taken: a hash for each moment that was drawn.

        Raises:
            FingerprintError: ``fingerprint_no_frames``.
        """
        return _fingerprint([replace(item, time=round(time, 3)) for time, item in self._selection.kept])


def _fingerprint(hashes: list[FrameHash]) -> Fingerprint:
    if not hashes:
        raise FingerprintError("fingerprint_no_frames", "There is no picture to take a fingerprint of.")
    return Fingerprint(tuple(hashes))


def _small(frame: Frames) -> int:
    """The hash of a much reduced picture, as a number: enough to see whether anything moved."""
    size = (_CROP_SIZE, _CROP_SIZE)
    picture = Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return int.from_bytes(pdq(np.asarray(picture))[0])


def _hashes(time: float, frame: Frames, crops: Sequence[int]) -> Iterator[FrameHash]:
    whole = Image.fromarray(frame).resize(
        (_WHOLE_SIZE, _WHOLE_SIZE), Image.Resampling.BILINEAR, reducing_gap=2.0
    )
    for crop in crops:
        picture = whole
        if crop != WHOLE:
            edge = _WHOLE_SIZE * (1 - crop / WHOLE) / 2
            box = (edge, edge, _WHOLE_SIZE - edge, _WHOLE_SIZE - edge)
            picture = whole.resize((_CROP_SIZE, _CROP_SIZE), Image.Resampling.BILINEAR, box=box)
        digest, quality = pdq(np.asarray(picture))
        yield FrameHash(time, digest.hex(), quality, crop)
