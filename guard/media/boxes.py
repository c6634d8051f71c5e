"""Outermost boxes of an ISO base media file (ISO/IEC 14496-12, 4.2): enough to see one that was cut off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from guard.media.containers import FIRST_BOXES

_MOST = 100_000


class Box(NamedTuple):
    """One outermost box: its four-character type, where it starts, and how long it says it is (bytes)."""

    kind: bytes
    start: int
    size: int


def outermost(file: BinaryIO) -> Iterator[Box]:
    """The boxes of an open file in order; the last one may reach beyond the end of a truncated file."""
    start, end = 0, file.seek(0, os.SEEK_END)
    for _ in range(_MOST):
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        size = int.from_bytes(header[:4], "big")
        if size == 1 and len(header) == 16:
            size = int.from_bytes(header[8:16], "big")
        elif size == 0:
            size = end - start
        if size < 8:
            return
        yield Box(header[4:8], start, size)
        start += size


def is_picture(path: Path) -> bool:
    """Whether a file of the MP4 family holds a picture (HEIF) and no clip."""
    with path.open("rb") as file:
        kinds = {box.kind for box in outermost(file)}
    return b"meta" in kinds and not kinds & {b"moov", b"moof"}


def is_truncated(path: Path) -> bool:
    """Whether a file of the MP4 family lacks its end or its index; False for any other format.

    The index of a clip is `moov`, that of a still picture (HEIF) `meta`.
    """
    end = path.stat().st_size
    kinds = set()
    with path.open("rb") as file:
        for box in outermost(file):
            if box.start == 0 and box.kind not in FIRST_BOXES:
                return False
            kinds.add(box.kind)
            if box.start + box.size > end:
                return True
    return b"ftyp" in kinds and not kinds & {b"moov", b"meta"}
