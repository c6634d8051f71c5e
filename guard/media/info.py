"""Plain values that describe a clip, and the protocol of everything that yields frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
"""RGB pictures, shape (n, height, width, 3) or one of shape (height, width, 3)."""

CHUNK_FRAMES = 32
# Below the 32 MiB at which the C library hands every buffer back to the system: at 720p, taking fresh pages for
# each chunk costs half as much again as decoding and converting its pictures.
CHUNK_BYTES = 24 * 2**20


@dataclass(frozen=True)
class ClipInfo:
    """What the container and the first picture say about a clip.

    Attributes:
        width: pixels, as displayed (after the rotation that the file asks for); 0 without pictures.
        height: pixels, as displayed.
        fps: average frames per second; 0 for stills and sound.
        frames: number of pictures where the container says so, else None; 1 for a still.
        duration: seconds; 0.0 for a still, and for streams that do not say.
        codec: decoder's name, for example ``h264``.
        container: demuxer's name, for example ``mov``; a picture's format, for example ``png``.
        audio: whether there is sound.
        kind: ``video``, ``image`` or ``audio``.
    """

    width: int
    height: int
    fps: Fraction
    frames: int | None
    duration: float
    codec: str
    container: str
    audio: bool
    kind: Literal["video", "image", "audio"]

    def to_json(self) -> dict[str, Any]:
        """As JSON value; `fps` becomes ``"numerator/denominator"``."""
        return {**self.__dict__, "fps": f"{self.fps.numerator}/{self.fps.denominator}"}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ClipInfo:
        """The inverse of `to_json`."""
        return cls(**{**value, "fps": Fraction(value["fps"])})


@dataclass(frozen=True)
class Chunk:
    """A few consecutive (or every n-th) pictures of a clip.

    Attributes:
        times: seconds from the start of the clip, shape (n,), float64.
        picture_types: ``I``, ``P``, ``B`` or ``?`` for each picture.
        frames: shape (n, height, width, 3), uint8 RGB, n <= 32.
    """

    times: NDArray[np.float64]
    picture_types: tuple[str, ...]
    frames: Frames


class FrameSource(Protocol):
    """Anything that streams pictures; `VideoFile` is the one for files."""

    @property
    def info(self) -> ClipInfo:
        """What is known before decoding."""
        ...

    def chunks(self, *, every: int = 1, span: tuple[float, float] | None = None) -> Iterator[Chunk]:
        """Pictures in order: each `every`-th one of those in `span` (seconds, end excluded)."""
        ...


@dataclass(frozen=True)
class ReadLimits:
    """How much of a file is decoded before it counts as a bomb.

    Attributes:
        pixels: largest picture, in pixels.
        seconds: longest clip, by the file's own account and while decoding.
        frames: most pictures decoded.
        decoded_bytes: most bytes of RGB decoded in all, whether converted or not.
    """

    pixels: int = 8192 * 8192
    seconds: float = 2 * 3600.0
    frames: int = 500_000
    decoded_bytes: int = 3 * 10**12


def chunk_length(width: int, height: int) -> int:
    """Pictures per chunk: 32, or fewer where 32 would pass `CHUNK_BYTES`; at least one."""
    return max(1, min(CHUNK_FRAMES, CHUNK_BYTES // max(1, width * height * 3)))
