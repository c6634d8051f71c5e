"""Boxes of an mp4-family file, and which of them a C2PA hash leaves out."""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from guard.credentials.errors import CredentialsError

C2PA_USER_TYPE = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""Extended type of the `uuid` box that holds a C2PA manifest store."""

HEADERS = (b"mvhd", b"cmov", b"moov", b"mfhd", b"trak")
"""With one of these a movie's header begins."""

_CONTAINERS = {
    b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"dinf": 0, b"stbl": 0, b"mvex": 0, b"moof": 0,
    b"traf": 0, b"mfra": 0, b"meta": 4, b"dref": 8,
}  # fmt: skip
"""Boxes that hold boxes, and the bytes of their own fields before the first."""

_LOOSE = frozenset({b"udta", b"edts", b"tref", b"wave", b"ilst", b"schi", b"sinf", b"iprp", b"ipco", b"hoov"})
"""Boxes that should hold nothing of what says where media lie, but in which FFmpeg looks for it. Their content
follows no rule, so what is no box there ends the walk of them, as it does FFmpeg's."""

_MAX_BOXES = 100_000
_MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Box:
    """One box: `start` to `end` in the file, its content from `payload` on.

    `parent` is the number of the box that it lies in, -1 for the file itself; `loose` means that it does, at
    some depth, lie in content without rules.
    """

    number: int
    type: bytes
    path: str
    start: int
    payload: int
    end: int
    parent: int = -1
    loose: bool = False

    @property
    def size(self) -> int:
        """Bytes, header included."""
        return self.end - self.start


class Boxes:
    """All boxes of a file that matter here."""

    def __init__(self, file_size: int) -> None:
        self.file_size = file_size
        self.count = 0
        self._by_path: dict[str, list[Box]] = {}
        self._by_parent: dict[int, list[Box]] = {}

    def add(self, box: Box) -> None:
        """Note a box below its parent."""
        self.count += 1
        self._by_path.setdefault(box.path, []).append(box)
        self._by_parent.setdefault(box.parent, []).append(box)

    @property
    def top(self) -> list[Box]:
        """The outermost boxes, in file order."""
        return self._by_parent.get(-1, [])

    @property
    def all(self) -> list[Box]:
        """Every box that was walked."""
        return [box for boxes in self._by_path.values() for box in boxes]

    def at(self, path: str) -> list[Box]:
        """Boxes at a path such as "/moov/trak"."""
        return self._by_path.get(path, [])

    def children(self, parent: Box, *kinds: bytes) -> list[Box]:
        """A box's children of these kinds, in file order."""
        return [box for box in self._by_parent.get(parent.number, []) if box.type in kinds]


class Exclusion(NamedTuple):
    """A part of the file that the hash leaves out.

    Attributes:
        xpath: path of the boxes, without indices.
        data: (offset in the box, bytes) that a box must hold for the exclusion to apply.
        subset: (offset, length) in the box that are left out, length 0 meaning to its end; the whole box if
            None.

    Filters on length, version and flags are ignored: they only narrow an exclusion, and a check that errs
    must err towards reporting.
    """

    xpath: str
    data: tuple[tuple[int, bytes], ...] = ()
    subset: tuple[tuple[int, int], ...] | None = None

    @classmethod
    def parse(cls, entry: object) -> Exclusion:
        """From the library's JSON.

        Raises:
            CredentialsError: `bmff_malformed`.
        """
        try:
            if not isinstance(entry, dict):
                raise TypeError
            data, subset, parts = entry.get("data") or (), entry.get("subset"), None
            if data:
                data = tuple((int(item["offset"]), _bytes(item["value"])) for item in data)
            if subset:
                parts = tuple((int(item["offset"]), int(item["length"])) for item in subset)
            xpath = str(entry["xpath"])
            return cls(re.sub(r"\[\d+\]", "", xpath) if "[" in xpath else xpath, data, parts)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise CredentialsError(
                "bmff_malformed", "The hash assertion has an exclusion of unknown form."
            ) from None

    def matches(self, file: BinaryIO, box: Box) -> bool:
        """Whether the box holds the bytes that the exclusion asks for."""
        for offset, value in self.data:
            file.seek(box.start + offset)
            if file.read(len(value)) != value:
                return False
        return True

    def ranges(self, box: Box) -> list[tuple[int, int]]:
        """(start, end) in the file of what is left out of this box."""
        if self.subset is None:
            return [(box.start, box.end)]
        found = []
        for offset, length in self.subset:
            start = min(box.start + max(offset, 0), box.end)
            found.append((start, box.end if length <= 0 else min(start + length, box.end)))
        return found


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, list) else base64.b64decode(str(value), validate=True)


def read_boxes(file: BinaryIO) -> Boxes:
    """Walk the boxes of an open file.

    Raises:
        CredentialsError: `bmff_malformed` if a box leaves its parent; `bmff_too_complex` beyond 100,000 boxes
            or 12 levels.
    """
    size = file.seek(0, os.SEEK_END)
    boxes = Boxes(size)
    pending: list[tuple[int, int, Box | None, int]] = [(0, size, None, 0)]
    while pending:
        position, end, parent, depth = pending.pop()
        if depth > _MAX_DEPTH:
            raise _too_complex()
        while position < end:
            if parent is not None and end - position < 8:
                break  # QuickTime ends some containers with four zero bytes
            box = _read_box(file, boxes.count, position, end, parent)
            if box is None:
                break
            boxes.add(box)
            if boxes.count > _MAX_BOXES:
                raise _too_complex()
            if box.type in _LOOSE:
                pending.append((box.payload, box.end, box, depth + 1))
            elif box.type in _CONTAINERS:
                pending.append((box.payload + _own_fields(file, box), box.end, box, depth + 1))
            position = box.end
    return boxes


def _own_fields(file: BinaryIO, box: Box) -> int:
    if box.type == b"meta":
        file.seek(box.payload)
        if file.read(8)[4:] == b"hdlr":  # QuickTime's meta has no version and flags
            return 0
    return _CONTAINERS[box.type]


def _read_box(file: BinaryIO, number: int, position: int, end: int, parent: Box | None) -> Box | None:
    """The box at this position; None for what is none in a parent that is `loose`."""
    file.seek(position)
    head = file.read(16)
    if len(head) < 8:
        raise _malformed(position)
    size, kind, payload = int.from_bytes(head[:4]), head[4:8], position + 8
    if size == 1:
        if len(head) < 16:
            raise _malformed(position)
        size, payload = int.from_bytes(head[8:16]), position + 16
    elif size == 0:
        size = end - position
    if size < payload - position or position + size > end:
        if parent is None or not parent.loose:
            raise _malformed(position)
        if size < payload - position:
            return None
        size = end - position  # where FFmpeg ends it
    name = "".join(chr(byte) if 32 < byte < 127 else "?" for byte in kind)
    path = f"{parent.path if parent else ''}/{name}"
    loose = kind in _LOOSE or (parent is not None and parent.loose)
    return Box(number, kind, path, position, payload, position + size, parent.number if parent else -1, loose)


def _malformed(position: int) -> CredentialsError:
    return CredentialsError(
        "bmff_malformed", f"The box at byte {position} does not fit into the file or its parent."
    )


def _too_complex() -> CredentialsError:
    return CredentialsError(
        "bmff_too_complex", "The file has more boxes or deeper nesting than any real one."
    )
