"""Where the sample tables of an mp4-family file say its media lie, as byte extents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from guard.credentials.bmff_boxes import Box, Boxes
from guard.credentials.errors import CredentialsError

Extents = npt.NDArray[np.int64]
"""(n, 2): first byte in the file, bytes."""

_TRACK = "/moov/trak/mdia/minf/stbl"
_PLACES = {
    b"moov": "/moov",
    b"trak": "/moov/trak",
    b"mdia": "/moov/trak/mdia",
    b"minf": "/moov/trak/mdia/minf",
    b"stbl": _TRACK,
    b"stsd": f"{_TRACK}/stsd",
    b"stsc": f"{_TRACK}/stsc",
    b"stco": f"{_TRACK}/stco",
    b"co64": f"{_TRACK}/co64",
    b"stsz": f"{_TRACK}/stsz",
    b"stz2": f"{_TRACK}/stz2",
    b"dinf": "/moov/trak/mdia/minf/dinf",
    b"dref": "/moov/trak/mdia/minf/dinf/dref",
    b"mvex": "/moov/mvex",
    b"trex": "/moov/mvex/trex",
    b"moof": "/moof",
    b"traf": "/moof/traf",
    b"tfhd": "/moof/traf/tfhd",
    b"trun": "/moof/traf/trun",
    b"mfra": "/mfra",
}
"""Where the boxes may stand that say where media lie."""
_STILL = ("/meta/dinf", "/meta/dinf/dref")  # a still's own, which nothing plays from
_REPEATED = frozenset({b"trak", b"trex", b"moof", b"traf", b"trun"})
_ALIKE = {b"co64": b"stco", b"stz2": b"stsz"}

_MAX_TABLE = 32 << 20
_MAX_ITEM_TABLE = 1 << 20


def extents(file: BinaryIO, boxes: Boxes) -> Iterator[tuple[str, Extents]]:
    """(path of the table, extents) of each track, each fragment, and the items of a still.

    Raises:
        CredentialsError: `bmff_malformed`, `bmff_too_complex`.
    """
    for stbl in boxes.at(_TRACK):
        yield from _track(file, boxes, stbl)
    defaults = {
        _u32(data, 4): _u32(data, 16) for data in (_body(file, b, 24) for b in boxes.at("/moov/mvex/trex"))
    }
    for moof in boxes.at("/moof"):
        yield moof.path, _fragment(file, boxes, moof, defaults)
    for iloc in boxes.at("/meta/iloc"):
        yield iloc.path, _items(_body(file, iloc, _MAX_ITEM_TABLE))


def misplaced(boxes: Boxes) -> Iterator[Box]:
    """Boxes that say where media lie, in a place where no specification has them or once too often.

    A player that looks there reads other tables than the ones examined here.
    """
    seen: set[tuple[int, bytes]] = set()
    for box in boxes.all:
        place = _PLACES.get(box.type)
        if place is None:
            continue
        once = (box.parent, _ALIKE.get(box.type, box.type))
        repeated = once in seen and box.type not in _REPEATED
        seen.add(once)
        if repeated or (box.path != place and not box.path.endswith(_STILL)):
            yield box


def stray_fragments(file: BinaryIO, boxes: Boxes) -> Iterator[Box]:
    """Indexes of fragments (`tfra`) with an entry that leads to anything but an outermost `moof`."""
    fragments = {box.start for box in boxes.at("/moof")}
    for box in boxes.at("/mfra/tfra"):
        data = _body(file, box, _MAX_TABLE)
        wide, lengths, count = data[:1] == b"\1", _u32(data, 8), _u32(data, 12)
        width = (16 if wide else 8) + sum((lengths >> shift & 3) + 1 for shift in (4, 2, 0))
        rows = _array(data, 16, count * width, ">u1").reshape(-1, width)
        half = 8 if wide else 4
        offsets = np.ascontiguousarray(rows[:, half : 2 * half]).view(f">u{half}").ravel()
        if not fragments.issuperset(offsets.tolist()):
            yield box


def external_references(file: BinaryIO, boxes: Boxes) -> Iterator[Box]:
    """Data references that send a player to another file."""
    for dref in boxes.at("/moov/trak/mdia/minf/dinf/dref"):
        for entry in boxes.children(dref, b"url ", b"urn ", b"alis"):
            if not _u32(_body(file, entry, 4), 0) & 1:
                yield entry


def outside(extents: Extents, file_size: int) -> list[tuple[int, int]]:
    """Extents that do not lie within the file."""
    bad = (extents[:, 0] < 0) | (extents[:, 0] + extents[:, 1] > file_size)
    return [(int(offset), int(size)) for offset, size in extents[bad][:100]]


def touching(extents: Extents, holes: Sequence[tuple[int, int, str]]) -> list[tuple[str, int, int]]:
    """(path of the hole, offset, size) of extents that share a byte with a sorted, disjoint hole."""
    used = extents[extents[:, 1] > 0]
    if not holes or not len(used):
        return []
    starts = np.array([hole[0] for hole in holes], dtype=np.int64)
    ends = np.array([hole[1] for hole in holes], dtype=np.int64)
    first = np.searchsorted(
        ends, used[:, 0], side="right"
    )  # the first hole that ends after the extent begins
    candidate = np.minimum(first, len(holes) - 1)
    bad = (first < len(holes)) & (starts[candidate] < used[:, 0] + used[:, 1])
    return [
        (holes[int(hole)][2], int(offset), int(size))
        for hole, (offset, size) in zip(candidate[bad][:100], used[bad][:100], strict=True)
    ]


def _track(file: BinaryIO, boxes: Boxes, stbl: Box) -> Iterator[tuple[str, Extents]]:
    tables = boxes.children(stbl, b"stco", b"co64")
    for table in tables:
        data = _body(file, table, _MAX_TABLE)
        wide = table.type == b"co64"
        offsets = _array(data, 8, _u32(data, 4), ">u8" if wide else ">u4")
        if wide and len(offsets) and int(offsets.max()) >= 1 << 62:
            raise _malformed(table)
        starts = offsets.astype(np.int64)
        sizes = _chunk_sizes(file, boxes, stbl, len(starts))
        yield table.path, np.stack([starts, sizes], axis=1)


def _chunk_sizes(file: BinaryIO, boxes: Boxes, stbl: Box, chunks: int) -> npt.NDArray[np.int64]:
    """Bytes of each chunk; 1 where the tables do not say, so that at least the first byte is checked."""
    groups = boxes.children(stbl, b"stsc")
    tables = boxes.children(stbl, b"stsz", b"stz2")
    if not groups or not tables or chunks == 0:
        return np.ones(chunks, dtype=np.int64)
    data = _body(file, groups[0], _MAX_TABLE)
    runs = _array(data, 8, _u32(data, 4) * 3, ">u4").astype(np.int64).reshape(-1, 3)
    if len(runs) == 0:
        return np.ones(chunks, dtype=np.int64)
    first = np.append(runs[:, 0] - 1, chunks)
    if first[0] != 0 or np.any(np.diff(np.minimum(first, chunks)) < 0):
        raise _malformed(groups[0])
    counts = np.repeat(runs[:, 1], np.diff(np.minimum(first, chunks)))
    sizes, samples = _sample_sizes(_body(file, tables[0], _MAX_TABLE), tables[0])
    ends = np.minimum(np.cumsum(counts), samples)
    begins = np.append(0, ends[:-1])
    if isinstance(sizes, int):
        return np.asarray((ends - begins) * sizes, dtype=np.int64)
    total = np.append(0, np.cumsum(sizes))
    return np.asarray(total[ends] - total[begins], dtype=np.int64)


def _sample_sizes(data: bytes, box: Box) -> tuple[int | npt.NDArray[np.int64], int]:
    """(size of every sample or one size for all, how many samples)."""
    count = _u32(data, 8)
    if box.type == b"stsz":
        if constant := _u32(data, 4):
            return constant, count
        return _array(data, 12, count, ">u4").astype(np.int64), count
    width = data[7] if len(data) > 7 else 0
    if width == 4:
        packed = _array(data, 12, (count + 1) // 2, ">u1")
        return np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[:count].astype(np.int64), count
    if width in (8, 16):
        return _array(data, 12, count, f">u{width // 8}").astype(np.int64), count
    raise _malformed(box)


def _fragment(file: BinaryIO, boxes: Boxes, moof: Box, defaults: dict[int, int]) -> Extents:
    found: list[tuple[int, int]] = []
    end_of_last = moof.start
    for traf in boxes.children(moof, b"traf"):
        base, size = end_of_last, 0
        for tfhd in boxes.children(traf, b"tfhd"):
            data = _body(file, tfhd, 64)
            flags, position = _u32(data, 0) & 0xFFFFFF, 8
            size = defaults.get(_u32(data, 4), 0)
            if flags & 0x1:
                base, position = int.from_bytes(data[8:16]), 16
            elif flags & 0x20000:
                base = moof.start
            if flags & 0x10:
                size = _u32(data, position + 4 * ((flags >> 1 & 1) + (flags >> 3 & 1)))
        end_of_last = base
        for trun in boxes.children(traf, b"trun"):
            offset, length = _run(_body(file, trun, _MAX_TABLE), size)
            start = end_of_last if offset is None else base + offset
            if start + length >= 1 << 62:
                raise _malformed(trun)
            found.append((start, length))
            end_of_last = start + length
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _run(data: bytes, default_size: int) -> tuple[int | None, int]:
    """(data offset if given, bytes) of a track run."""
    flags, count, position = _u32(data, 0) & 0xFFFFFF, _u32(data, 4), 8
    offset = None
    if flags & 0x1:
        offset, position = int.from_bytes(data[8:12], signed=True), 12
    position += 4 if flags & 0x4 else 0
    columns = sum(1 for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit)
    if not flags & 0x200:
        return offset, count * default_size
    table = _array(data, position, count * columns, ">u4").reshape(-1, columns)
    return offset, int(table[:, 1 if flags & 0x100 else 0].astype(np.int64).sum())


def _items(data: bytes) -> Extents:
    """Extents of a still's items that lie directly in the file (construction method 0)."""
    version = data[0] if data else 0
    if version > 2 or len(data) < 8:
        raise _malformed_table("iloc")
    offset_size, length_size, base_size = data[4] >> 4, data[4] & 15, data[5] >> 4
    index_size = data[5] & 15 if version else 0
    reader = _Reader(data, 6)
    found: list[tuple[int, int]] = []
    for _ in range(reader.take(4 if version == 2 else 2)):
        reader.take(4 if version == 2 else 2)
        method = reader.take(2) & 15 if version else 0
        reader.take(2)
        base = reader.take(base_size)
        count = reader.take(2)
        if count > 1 and not offset_size + length_size + index_size:
            raise _malformed_table("iloc")  # extents without bytes of their own would cost time for nothing
        for _ in range(count):
            reader.take(index_size)
            start, length = base + reader.take(offset_size), reader.take(length_size)
            if start + length >= 1 << 62:
                raise _malformed_table("iloc")
            if method == 0:
                found.append((start, length))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


class _Reader:
    """Big-endian numbers one after another; running out is an error, so no loop outlives its data."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._position = data, position

    def take(self, size: int) -> int:
        if self._position + size > len(self._data):
            raise _malformed_table("iloc")
        self._position += size
        return int.from_bytes(self._data[self._position - size : self._position])


def _body(file: BinaryIO, box: Box, limit: int) -> bytes:
    """The box's content, at most `limit` bytes; a table that is longer is refused, not cut."""
    size = box.end - box.payload
    if size > limit >= _MAX_ITEM_TABLE:
        raise CredentialsError("bmff_too_complex", f"The table {box.path} is larger than any real one.")
    file.seek(box.payload)
    return file.read(min(size, limit))


def _array(data: bytes, position: int, count: int, kind: str) -> npt.NDArray[np.unsignedinteger]:
    width = np.dtype(kind).itemsize
    if position + count * width > len(data):
        raise _malformed_table("sample table")
    return np.frombuffer(data, dtype=kind, count=count, offset=position)


def _u32(data: bytes, position: int) -> int:
    if position + 4 > len(data):
        raise _malformed_table("sample table")
    return int.from_bytes(data[position : position + 4])


def _malformed(box: Box) -> CredentialsError:
    return _malformed_table(box.path)


def _malformed_table(name: str) -> CredentialsError:
    return CredentialsError(
        "bmff_malformed", f"The file's {name} contradicts itself, so its media cannot be located."
    )
