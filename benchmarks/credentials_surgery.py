"""Signed files taken apart: their boxes, segments or chunks, and what an attacker may do to them without a key."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from guard.credentials.bmff_boxes import C2PA_USER_TYPE

FORMATS = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
}
OTHERS = {
    "gif": "image/gif",
    "tiff": "image/tiff",
    "pdf": "application/pdf",
    "avi": "video/avi",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
}
"""Formats that are signed too, with fewer cases each."""
BOXES = ("mp4", "mov", "avif")
VIDEO = ("mp4", "mov")


class Piece(NamedTuple):
    """A box, segment or chunk: type, and where it lies; `manifest` if it holds the credentials or a part of them."""

    kind: bytes
    start: int
    end: int
    payload: int
    manifest: bool


def pieces(data: bytes, kind: str) -> list[Piece]:
    """The outermost pieces of a file."""
    if kind in BOXES:
        return list(_boxes(data))
    return list({"jpg": _segments, "png": _png_chunks, "webp": _riff_chunks}[kind](data))


def _boxes(data: bytes) -> Iterator[Piece]:
    place = 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, place + 8)[0], 16
        ours = name == b"uuid" and data[place + 8 : place + 24] == C2PA_USER_TYPE
        yield Piece(name, place, place + size, place + head, ours)
        place += size


def _segments(data: bytes) -> Iterator[Piece]:
    place = 2
    while data[place + 1] != 0xDA:
        size = 2 + int.from_bytes(data[place + 2 : place + 4])
        marker = data[place : place + 2]
        yield Piece(
            marker,
            place,
            place + size,
            place + 4,
            marker == b"\xff\xeb" and data[place + 4 : place + 6] == b"JP",
        )
        place += size
    yield Piece(b"\xff\xda", place, len(data), place + 20, False)


def _png_chunks(data: bytes) -> Iterator[Piece]:
    place = 8
    while place < len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        yield Piece(name, place, place + size + 12, place + 8, name == b"caBX")
        place += size + 12


def _riff_chunks(data: bytes) -> Iterator[Piece]:
    place = 12
    while place < len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        yield Piece(name, place, place + 8 + size + size % 2, place + 8, name == b"C2PA")
        place += 8 + size + size % 2


_MEDIA = {
    "jpg": b"\xff\xda",
    "png": b"IDAT",
    "webp": (b"VP8 ", b"VP8L"),
    "mp4": b"mdat",
    "mov": b"mdat",
    "avif": b"mdat",
}
# A simple WebP has no header chunk, so its picture's own header is taken.
_HEADER = {
    "jpg": b"\xff\xdb",
    "png": b"IHDR",
    "webp": b"VP8 ",
    "mp4": b"moov",
    "mov": b"moov",
    "avif": b"meta",
}
_RENAMED = {
    "jpg": b"\xff\xea",
    "png": b"cbBX",
    "webp": b"XXXX",
    "mp4": b"free",
    "mov": b"free",
    "avif": b"free",
}


class Attacker:
    """Changes signed files of one format.

    Args:
        kind: the format.
        signed: a signed file.
        other: another one, of other pictures.
    """

    def __init__(self, kind: str, signed: bytes, other: bytes) -> None:
        self.kind, self.data, self.other = kind, signed, other
        self.pieces = pieces(signed, kind)
        self.manifest = [piece for piece in self.pieces if piece.manifest]
        self.span = (self.manifest[0].start, self.manifest[-1].end)

    def flipped(self, offset: int) -> bytes:
        """One bit."""
        changed = bytearray(self.data)
        changed[offset] ^= 1
        return bytes(changed)

    def text(self, wanted: bytes, by: int = 0, *, last: bool = False) -> bytes:
        """One bit of a text in the manifest."""
        find = self.data.rfind if last else self.data.find
        found = find(wanted, *self.span)
        assert found > 0, (self.kind, wanted)
        return self.flipped(found + by)

    def piece(self, *names: bytes) -> Piece:
        """The first piece of these types."""
        return next(piece for piece in self.pieces if piece.kind in names)

    def media(self, share: float) -> bytes:
        """One bit of the coded media."""
        names = _MEDIA[self.kind]
        found = self.piece(*(names if isinstance(names, tuple) else (names,)))
        margin = 24
        return self.flipped(
            found.payload + margin + int(share * (found.end - found.payload - 2 * margin - 8))
        )

    def header(self) -> bytes:
        """One bit of the header."""
        found = self.piece(_HEADER[self.kind])
        return self.flipped(found.payload + (7 if self.kind in ("png", "webp", "jpg") else 40))

    def without(self) -> bytes:
        """The manifest cut out."""
        return self.rebuilt(lambda piece: b"" if piece.manifest else None)

    def renamed(self) -> bytes:
        """The manifest's pieces under another type."""
        name, changed = _RENAMED[self.kind], bytearray(self.data)
        for piece in self.manifest:
            place = piece.start + (4 if self.kind in (*BOXES, "png") else 0)
            changed[place : place + len(name)] = name
        return bytes(changed)

    def transplanted(self) -> bytes:
        """Another file's manifest in the place of this one's."""
        theirs = b"".join(
            self.other[piece.start : piece.end] for piece in pieces(self.other, self.kind) if piece.manifest
        )
        first = self.manifest[0]
        return self.rebuilt(lambda piece: (theirs if piece == first else b"") if piece.manifest else None)

    def doubled(self) -> bytes:
        """The manifest twice."""
        last, all_of_it = self.manifest[-1], self.data[self.span[0] : self.span[1]]
        return self.rebuilt(
            lambda piece: self.data[piece.start : piece.end] + all_of_it if piece == last else None
        )

    def with_metadata(self) -> bytes:
        """One more piece of metadata."""
        if self.kind in BOXES:
            return self.data + struct.pack(">I4s", 40, b"udta") + bytes(32)
        if self.kind == "jpg":
            return self.data[:2] + b"\xff\xfe\x00\x08remark"[:10] + self.data[2:]
        if self.kind == "png":
            body = b"tEXtComment\0hello"
            chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
            end = self.piece(b"IEND").start
            return self.data[:end] + chunk + self.data[end:]
        return self._riff(self.data + b"XMP " + struct.pack("<I", 4) + b"<x/>")

    def rebuilt(self, change: Callable[[Piece], bytes | None]) -> bytes:
        """The file with some pieces replaced; None leaves one as it is."""
        out, place = bytearray(), 0
        for piece in self.pieces:
            new = change(piece)
            out += self.data[place : piece.start] + (
                self.data[piece.start : piece.end] if new is None else new
            )
            place = piece.end
        return self._riff(bytes(out + self.data[place:]))

    def _riff(self, data: bytes) -> bytes:
        if self.kind != "webp":
            return data
        return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
