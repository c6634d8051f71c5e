"""Files of the mp4 family in which nobody finds other media than we do, so that no second reader has to be asked.

FFmpeg is asked where it finds a file's media, because it looks in more places than the specification has. In a file
of which every box is on the list below, in the one place and order in which FFmpeg itself writes it, no such place is
left. What these boxes do in FFmpeg (8.1, `libavformat/mov.c`) was read for this list, and of their content is asked
what keeps it to the tables of the tracks. Whatever else there is, however harmless, is not plain.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import BinaryIO

from guard.credentials.bmff_boxes import C2PA_USER_TYPE, HEADERS

_REST = rb"(free|skip|wide|uuid)*"
_OUTERMOST = re.compile(rb"ftyp%b(mdat%bmoov|moov%bmdat)%b" % ((_REST,) * 4))
_MOVIE = re.compile(
    rb"mvhd"
    rb"(trak<tkhd(edts<elst>)?mdia<mdhdhdlrminf<[vs]mhd(hdlr)?dinf<dref>"
    rb"stbl<stsdstts(stss)?(sdtp)?(ctts)?stscstsz(stco|co64)(sgpdsbgp)?>>>>)+"
    rb"(udta<(meta<hdlrilst<(\xa9too)?>>|\xa9swr)?>)?"
)
"""The boxes of a file and of a movie's header. The order matters too: FFmpeg reads a description of samples by the
handler that came before it."""
_HOLDERS = frozenset(re.findall(rb"(\w{4})<", _MOVIE.pattern))

_BRANDS = frozenset(
    {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"av01", b"qt  ", b"M4V "}
)
_REFERENCE = bytes.fromhex("00000000 00000001 0000000c 75726c20 00000001")
"""The content of a list of data references with a single one, to this file."""
_PICTURES = {
    b"avc1": b"avcC",
    b"hvc1": b"hvcC",
    b"hev1": b"hvcC",
    b"vp09": b"vpcC",
    b"av01": b"av1C",
    b"raw ": b"",
}
_SOUND = {b"mp4a": b"esds", b"Opus": b"dOps"}
"""Kinds of samples, each with the box of its settings. None is encrypted, and no sound is uncompressed: the sizes of
that FFmpeg takes from elsewhere."""
_DETAILS = frozenset({b"pasp", b"colr", b"btrt", b"fiel"})
_DEEP = b"\x00\x18\xff\xff"
"""24 bits a pixel and no palette, which FFmpeg would read from the bytes behind."""

_MOST = 1000
"""Boxes, outermost or in the header."""
_LARGEST = 4 << 20
"""Bytes of the header."""
_PROBED = 1 << 20
"""Bytes by which FFmpeg judges what a file is."""
_PACKED = b"mhlrMPEG"
"""What, behind the beginning of the header, makes it think less of mp4 than of other kinds."""
_HEAD = struct.Struct(">I4s")

Place = tuple[int, int]
"""Where a box's content begins and ends."""
Group = dict[bytes, list[Place]]
"""The boxes of a track or of the user data, by type."""


class _NotPlainError(Exception):
    """Something that is not on the list."""


def is_plain(file: BinaryIO) -> bool:
    """Whether everybody who can read the file finds its media in its one `mdat` box.

    Args:
        file: open for reading; its position is moved.
    """
    try:
        size, boxes = _outermost(file)
        start, end = boxes[b"moov"]
        _require(end - start <= _LARGEST)
        file.seek(start)
        data = file.read(max(end, min(_PROBED, size)) - start)
        _require(_PACKED not in data)
        for group in _movie(data, end - start):
            if b"trak" in group:
                _track(data, group, boxes[b"mdat"])
            elif b"meta" in group:
                _require(data[(handler := group[b"hdlr"][0][0]) : handler + 12] == bytes(8) + b"mdir")
    except (_NotPlainError, struct.error):  # the latter: something is shorter than it has to be
        return False
    return True


def _require(holds: object) -> None:
    if not holds:
        raise _NotPlainError


def _outermost(file: BinaryIO) -> tuple[int, dict[bytes, Place]]:
    """The file's size, and where its outermost boxes are; of several of a type, the last."""
    end, position = file.seek(0, os.SEEK_END), 0
    kinds: list[bytes] = []
    places: dict[bytes, Place] = {}
    while position < end:
        file.seek(position)
        head = file.read(64)
        size, kind = _HEAD.unpack_from(head)
        payload = 8
        if size == 1 and kind == b"mdat":
            size, payload = int.from_bytes(head[8:16]), 16
        _require(payload <= size <= end - position and len(kinds) < _MOST)
        if kind == b"ftyp":
            brands = {head[place : place + 4] for place in range(8, size, 4) if place != 12}
            _require(16 <= size <= len(head) and brands <= _BRANDS)
        elif kind == b"uuid":
            _require(size >= 24 and head[8:24] == C2PA_USER_TYPE and kind not in places)
        elif kind == b"wide":
            _require(size == 8)
        _require(kind in (b"moov", b"mdat") or head[12 : min(16, size)] not in HEADERS)
        kinds.append(kind)
        places[kind] = (position + payload, position + size)
        position += size
    _require(_OUTERMOST.fullmatch(b"".join(kinds)))
    return end, places


def _movie(data: bytes, end: int) -> list[Group]:
    """The tracks and the user data of a header that fills these bytes and has all its boxes where they should be."""
    kinds: list[bytes] = []
    groups: list[Group] = [{}]
    position, ends = 0, [end]
    while position < end or len(ends) > 1:
        if position == ends[-1]:
            kinds.append(b">")
            ends.pop()
            continue
        size, kind = _HEAD.unpack_from(data, position)
        start, position = position + 8, position + size
        _require(
            size >= 8
            and position <= ends[-1]
            and len(kinds) < _MOST
            and b"<" not in kind
            and b">" not in kind
        )
        kinds.append(kind)
        if kind in (b"trak", b"udta"):
            groups.append({})
        groups[-1].setdefault(kind, []).append((start, position))
        if kind in _HOLDERS:
            kinds.append(b"<")
            ends.append(position)
            position = start
            if kind == b"meta":
                _require(data[start : start + 4] == bytes(4))
                position += 4
    _require(_MOVIE.fullmatch(b"".join(kinds)))
    return groups[1:]


def _track(data: bytes, boxes: Group, media: Place) -> None:
    """Require that a track describes its samples in the plain way, as lying in `media`."""

    def content(kind: bytes, number: int = 0) -> bytes:
        start, end = boxes[kind][number]
        return data[start:end]

    of_pictures = b"vmhd" in boxes
    _require(content(b"hdlr")[8:12] == (b"vide" if of_pictures else b"soun"))
    _require(len(boxes[b"hdlr"]) == 1 or content(b"hdlr", 1)[4:12] in (b"dhlrurl ", b"dhlralis"))
    _require(content(b"dref") == _REFERENCE)
    _description(content(b"stsd"), of_pictures=of_pictures)
    _require(all(content(kind)[4:8] == b"roll" for kind in (b"sgpd", b"sbgp") if kind in boxes))
    _require(b"stss" not in boxes or _rows(content(b"stss"), 4))
    _require(b"ctts" not in boxes or _rows(content(b"ctts"), 8))

    times, groups, sizes = _numbers(content(b"stts"), 2), _numbers(content(b"stsc"), 3), content(b"stsz")
    starts = _numbers(content(b"stco"), 1) if b"stco" in boxes else _numbers(content(b"co64"), 1, "Q")
    nothing, constant, samples = struct.unpack_from(">III", sizes)
    _require(not nothing and sum(times[::2]) == samples)
    # Where sound lies of which each sample has one size or lasts one unit of time, FFmpeg reckons in its own way.
    _require(of_pictures or (not constant and min(times[1::2]) > 1 and max(times[1::2]) < 1 << 31))
    if constant:
        _require(len(sizes) == 12)
        offsets: Sequence[int] = range(0, constant * (samples + 1), constant)
    else:
        offsets = list(accumulate(_numbers(sizes[4:], 1), initial=0))
    _located(groups, starts, offsets, media)


def _description(data: bytes, *, of_pictures: bool) -> None:
    """Require one description of samples, of a known kind, in this file and without anything uncommon."""
    entry, place = data[8:], 86 if of_pictures else 36
    settings = (_PICTURES if of_pictures else _SOUND).get(entry[4:8])
    _require(
        settings is not None and data[:8] + entry[8:16] == (bytes(7) + b"\1") * 2
    )  # one, of data reference 1
    _require(int.from_bytes(entry[:4]) == len(entry) >= place)
    _require(entry[place - 4 : place] == _DEEP if of_pictures else entry[16:18] == bytes(2))
    while place < len(entry):
        size, kind = _HEAD.unpack_from(entry, place)
        _require(8 <= size <= len(entry) - place and (kind == settings or kind in _DETAILS))
        place += size


def _located(groups: Sequence[int], starts: Sequence[int], offsets: Sequence[int], media: Place) -> None:
    """Require that the chunks hold all samples and lie in `media`.

    Args:
        groups: for each run of chunks its first one, how many samples each holds, and the number of their description.
        starts: first byte of each chunk.
        offsets: bytes before each sample, and in all.
        media: where they should lie.
    """
    sample = 0
    for (first, last), count, description in zip(
        pairwise([*groups[::3], len(starts) + 1]), groups[1::3], groups[2::3], strict=True
    ):
        _require(
            first < last <= len(starts) + 1 and count > 0 and description == 1 and (sample or first == 1)
        )
        for start in starts[first - 1 : last - 1]:
            sample += count
            _require(sample < len(offsets))
            _require(media[0] <= start <= media[1] - (offsets[sample] - offsets[sample - count]))
    _require(sample == len(offsets) - 1)


def _numbers(data: bytes, columns: int, number: str = "I") -> tuple[int, ...]:
    """A table's numbers, row by row."""
    width = 8 if number == "Q" else 4
    return struct.unpack_from(f">{_rows(data, columns * width) * columns}{number}", data, 8)


def _rows(data: bytes, width: int) -> int:
    """The rows of a table that has one at least and is as long as it says."""
    rows = (len(data) - 8) // width
    _require(
        rows > 0 and data[:8] == rows.to_bytes(8) and len(data) == 8 + rows * width
    )  # version and flags are 0
    return rows
