"""PDQ of sampled frames.

PDQ (Facebook's open perceptual hash, 256 bits) survives re-encoding and scaling, but not crops: a central
crop to 95 % of a picture moves about 42 bits, to 98 % about 18. Recorded clips are therefore also hashed in
central crops three per cent apart, so that any central crop down to 84 % lies within 1.5 % of one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from PIL import Image

from guard.fingerprints.fingerprint import WHOLE, Fingerprint, FingerprintError, FrameHash
from guard.fingerprints.pdq import pdq
from guard.media import Chunk, ClipInfo, Frames, FrameSource

CROPS = (WHOLE, 97, 94, 91, 88, 85)
LEAST_FRAMES = 8
MOST_FRAMES = 1200
"""However long a clip is, and however few pictures its header admits to: beyond this every other one is dropped."""

# PDQ's reference reduces pictures to 512 x 512 first. Crops are taken at 128, whose hashes differ from those
# at 512 by 4 bits (median) and 10 (most) and cost a twentieth.
_WHOLE_SIZE = 512
_CROP_SIZE = 128


def compute(source: FrameSource, *, crops: Sequence[int] = CROPS) -> Fingerprint:
    """The fingerprint of a clip or a still picture.

    Args:
        source: where the pictures come from; only every n-th is converted.
        crops: per cent of the picture's sides to hash, the whole (100) first. To look an upload up,
            ``(100,)`` is enough, since the recorded fingerprint holds the crops.

    Raises:
        FingerprintError: ``fingerprint_no_frames``.
        MediaError: what reading the source raises.
    """
    taker = Taker(1, crops=crops)
    for chunk in source.chunks(every=sampling(source.info)):
        taker.add(chunk)
    return taker.fingerprint()


class Taker:
    """Takes a fingerprint of pictures that something else is reading, so that they are decoded once.

    Args:
        every: hash every n-th picture; see :func:`sampling`.
        crops: as for :func:`compute`.
    """

    def __init__(self, every: int, *, crops: Sequence[int] = CROPS) -> None:
        self._every = every
        self._crops = crops
        self._seen = 0
        self._found: list[tuple[FrameHash, ...]] = []

    def add(self, chunk: Chunk) -> None:
        """The next pictures of the clip."""
        for time, frame in zip(chunk.times, chunk.frames, strict=True):
            if self._seen % self._every == 0:
                self._found.append(tuple(_hashes(round(max(0.0, float(time)), 3), frame, self._crops)))
                if len(self._found) > MOST_FRAMES:
                    self._found = self._found[::2]
                    self._every *= 2
            self._seen += 1

    def watch(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """The same chunks, each added as it passes."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    def fingerprint(self) -> Fingerprint:
        """What has been taken.

        Raises:
            FingerprintError: ``fingerprint_no_frames``.
        """
        if not self._found:
            raise FingerprintError("fingerprint_no_frames", "There is no picture to take a fingerprint of.")
        return Fingerprint(tuple(item for frame in self._found for item in frame))


def sampling(info: ClipInfo) -> int:
    """Every how many frames one is hashed: one a second, but at least 8 a clip where it has as many."""
    second = max(1, round(info.fps or Fraction(1)))
    frames = info.frames or round(info.duration * (info.fps or 0))
    return max(1, min(second, (frames or second) // LEAST_FRAMES))


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
