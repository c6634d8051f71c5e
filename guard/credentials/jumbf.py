"""The labels of a manifest's own boxes, which no hash covers and the C2PA library (since 0.91) does not look at.

It finds claim, assertions and signature by the boxes' types. Others go by the labels, as the specification has them,
and find nothing under a changed one. What is changed there was changed after signing, so such a file is not intact.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from guard.credentials.bmff_boxes import C2PA_USER_TYPE
from guard.media.boxes import outermost

_LABELS = {
    b"c2as": (("c2pa.assertions",), "assertion.missing"),
    b"c2cl": (("c2pa.claim", "c2pa.claim.v2"), "claim.missing"),
    b"c2cs": (("c2pa.signature",), "claimSignature.missing"),
}
"""Beginning of a box's type to what it is called, and the code of not finding it."""
_LARGEST = 64 << 20


def mislabelled(file: BinaryIO) -> tuple[str, ...]:
    """Codes of what one would not find by its label in an open file's manifests; empty if all is where it should be.

    Only in containers whose manifest is easily found: MP4 and its kin, JPEG, PNG, RIFF. What cannot be walked is
    left to the library.
    """
    try:
        store = _store(file)
        return tuple(dict.fromkeys(_walk(store))) if store else ()
    except (struct.error, IndexError, ValueError):
        return ()


def _walk(store: bytes) -> Iterator[str]:
    for kind, root, content in _superboxes(store):
        if kind == b"c2pa" and root != "c2pa":
            yield "claim.missing"
        for _, _, manifest in _superboxes(content):
            for inner, label, _ in _superboxes(manifest):
                wanted, code = _LABELS.get(inner, ((label,), ""))
                if label not in wanted:
                    yield code


def _superboxes(data: bytes) -> Iterator[tuple[bytes, str, bytes]]:
    """(beginning of the type, label, content) of each superbox."""
    for kind, body in _boxes(data):
        if kind != b"jumb":
            continue
        size = int.from_bytes(body[:4])
        description, content = body[8:size], body[size:]
        if body[4:8] != b"jumd" or not description[16] & 2:  # it has a label
            continue
        label = description[17 : description.index(b"\0", 17)].decode("utf-8")
        yield description[:4], label, content


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if size < 8:
            return
        yield kind, data[place + 8 : place + size]
        place += size


def _store(file: BinaryIO) -> bytes | None:
    file.seek(0)
    head = file.read(12)
    if head[4:8] == b"ftyp":
        for box in outermost(file):
            file.seek(box.start)
            data = file.read(min(box.size, _LARGEST)) if box.kind == b"uuid" else b""
            place = 16 if data.startswith(b"\0\0\0\1") else 8
            if data.startswith(C2PA_USER_TYPE, place):
                # version and flags, the purpose as text, then for a manifest the offset of what belongs to it
                return data[data.index(b"\0", place + 20) + 9 :]
        return None
    file.seek(0)
    data = file.read(_LARGEST)
    if head.startswith(b"\xff\xd8"):
        return b"".join(_jpeg_parts(data)) or None
    if head.startswith(b"\x89PNG"):
        return next((body for kind, body in _chunks(data, 8, ">I4s", 12) if kind == b"caBX"), None)
    if head[:4] == b"RIFF":
        return next((body for kind, body in _riff(data) if kind == b"C2PA"), None)
    return None


def _jpeg_parts(data: bytes) -> Iterator[bytes]:
    place = 2
    while data[place] == 0xFF and data[place + 1] != 0xDA:
        size = int.from_bytes(data[place + 2 : place + 4])
        body = data[place + 4 : place + 2 + size]
        if data[place + 1] == 0xEB and body[:2] == b"JP":
            number = int.from_bytes(body[4:8])
            yield body[8 if number == 1 else 16 :]  # each later part repeats the box's head
        place += 2 + size


def _chunks(data: bytes, place: int, form: str, extra: int) -> Iterator[tuple[bytes, bytes]]:
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(form, data, place)
        yield kind, data[place + 8 : place + 8 + size]
        place += size + extra


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        yield kind, data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
