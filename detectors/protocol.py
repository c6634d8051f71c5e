"""What a detector is handed, and what it must offer.

The frame source is declared by its shape alone: whatever has these attributes will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from detectors.evidence import Evidence, EvidenceType


class ClipInfo(Protocol):
    """What is known of a clip or picture."""

    @property
    def width(self) -> int:
        """Pixels."""
        ...

    @property
    def height(self) -> int:
        """Pixels."""
        ...

    @property
    def fps(self) -> Fraction:
        """Frames per second."""
        ...

    @property
    def frames(self) -> int | None:
        """How many frames, where known."""
        ...

    @property
    def duration(self) -> float:
        """Seconds."""
        ...

    @property
    def codec(self) -> str:
        """Name of the picture codec, for example ``h264`` or ``png``."""
        ...

    @property
    def container(self) -> str:
        """Name of the container format."""
        ...

    @property
    def audio(self) -> bool:
        """Whether there is a sound track."""
        ...

    @property
    def kind(self) -> Literal["video", "image", "audio"]:
        """What the file is."""
        ...


class Chunk(Protocol):
    """Up to 32 frames."""

    @property
    def times(self) -> npt.NDArray[Any]:
        """Presentation times ``(n,)`` in seconds."""
        ...

    @property
    def picture_types(self) -> tuple[str, ...]:
        """``"I"``, ``"P"``, ``"B"`` or ``"?"`` for each frame."""
        ...

    @property
    def frames(self) -> npt.NDArray[np.uint8]:
        """``(n, height, width, 3)`` uint8 RGB."""
        ...


class FrameSource(Protocol):
    """Frames of a clip, a chunk at a time; never the whole clip."""

    @property
    def info(self) -> ClipInfo:
        """What is known of the clip."""
        ...

    def chunks(self, *, every: int = 1, span: tuple[float, float] | None = None) -> Iterator[Chunk]:
        """Every n-th frame, of the whole clip or of a span ``(start, end)`` in seconds."""
        ...


@dataclass(frozen=True)
class Subject:
    """A file under examination.

    Attributes:
        path: Where it lies; untrusted, so detectors that parse it run in a sandboxed process.
        media: Its frames, or None where it could not be opened as video or picture.
        size: Bytes.
        sha256: Of the whole file, 64 lower-case hex digits.
    """

    path: Path
    media: FrameSource | None
    size: int
    sha256: str


class Detector(Protocol):
    """Reads one or more kinds of evidence off a file."""

    @property
    def id(self) -> str:
        """Stable name."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever its answers may change."""
        ...

    @property
    def types(self) -> tuple[EvidenceType, ...]:
        """The kinds of evidence it gives; when it fails, each is reported as not examined."""
        ...

    def examine(self, subject: Subject) -> list[Evidence]:
        """Everything it has to say, at least one piece of evidence; may raise any exception."""
        ...
