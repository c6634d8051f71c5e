"""Find metadata in a file's bytes, without trusting any length in it.

Pictures (PNG, JPEG, WebP) are walked chunk by chunk and their pixels skipped. Files in ISO boxes (MP4, MOV,
HEIF, AVIF) are searched for XMP packets box by box; of anything else, the first and the last megabytes are.
Every read is bounded; a length that points outside the file ends the walk.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MAX_ITEM = 4 << 20
"""Bytes of one piece of metadata; longer pieces are left out, and said to be (``Metadata.skipped``)."""

MAX_TOTAL = 16 << 20
"""Bytes of metadata kept per file."""

MAX_CHUNKS = 65_536
"""Chunks, segments or boxes walked per file."""

WINDOW = 8 << 20
"""Bytes searched at either end of a file of unknown structure, and at the start of a box."""

MAX_SEARCHED = 64 << 20
"""Bytes of boxes searched per file."""

_C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_PICTURE_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"})
_PNG = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_JPEG_EXIF = b"Exif\x00\x00"
_PACKET = (b"<x:xmpmeta", b"</x:xmpmeta>")


@dataclass
class Metadata:
    """What was found.

    Attributes:
        format: ``png``, ``jpeg``, ``webp``, ``bmff`` or ``other``.
        texts: Keyword and text of text chunks and comments.
        exif: EXIF blocks, each starting with the TIFF header.
        xmp: XMP packets, unparsed.
        skipped: Pieces left out because they were too long or damaged.
    """

    format: str
    texts: list[tuple[str, str]] = field(default_factory=list)
    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    skipped: int = 0
    _total: int = 0

    def admit(self, data: bytes) -> bool:
        """Count data against the limit for the file; False where it no longer fits."""
        self._total += len(data)
        if self._total > MAX_TOTAL:
            self.skipped += 1
            return False
        return True


def read_metadata(path: Path) -> Metadata:
    """Collect the metadata of a file.

    Args:
        path: The file; its content may be hostile.

    Returns:
        What was found; damaged parts are left out, never raised.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(16)
        if head.startswith(_PNG):
            return _read_png(file, size)
        if head.startswith(b"\xff\xd8\xff"):
            return _read_jpeg(file)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _read_webp(file, size)
        if head[4:8] in (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip"):
            return _read_boxes(file, size, picture=head[8:12] in _PICTURE_BRANDS)
        return _read_ends(file, size)


def _read_png(file: BinaryIO, size: int) -> Metadata:
    found = Metadata("png")
    at = len(_PNG)
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            break
        length, kind = struct.unpack(">I4s", header)
        end = at + 8 + length
        if end > size:
            found.skipped += 1
            break
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf"):
            if length > MAX_ITEM:
                found.skipped += 1
            else:
                _keep_png_chunk(found, kind, file.read(length))
        at = end + 4
        if kind == b"IEND":
            break
    return found


def _keep_png_chunk(found: Metadata, kind: bytes, data: bytes) -> None:
    if kind == b"eXIf":
        if found.admit(data):
            found.exif.append(data)
        return
    keyword, _, rest = data.partition(b"\x00")
    if kind == b"tEXt":
        text: bytes | None = rest
    elif kind == b"zTXt":
        text = _inflate(rest[1:])
    else:
        compressed = rest[:1] == b"\x01"
        body = rest[2:].split(b"\x00", 2)  # after the two flags: language, translated keyword, text
        text = body[2] if len(body) == 3 else None
        if text is not None and compressed:
            text = _inflate(text)
    if text is None:
        found.skipped += 1
    elif not found.admit(text):
        return
    elif keyword == _XMP_KEYWORD:
        found.xmp.append(text)
    else:
        found.texts.append((keyword.decode("latin-1"), _decode(text)))


def _inflate(data: bytes) -> bytes | None:
    """Decompress, or None where the data are damaged or longer than ``MAX_ITEM``."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_ITEM)
    except zlib.error:
        return None
    return None if inflater.unconsumed_tail else text


def _read_jpeg(file: BinaryIO) -> Metadata:
    found = Metadata("jpeg")
    file.seek(2)
    for _ in range(MAX_CHUNKS):
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF:
            break
        if marker[1] == 0xFF:  # fill byte before a marker
            file.seek(-1, 1)
            continue
        if marker[1] in (0xD9, 0xDA):  # end of picture, or the coded pixels begin
            break
        length = int.from_bytes(file.read(2), "big")
        if length < 2:
            break
        data = file.read(length - 2)
        if marker[1] not in (0xE1, 0xFE):
            continue
        if not found.admit(data):
            break
        if marker[1] == 0xFE:
            found.texts.append(("comment", _decode(data)))
        elif data.startswith(_JPEG_EXIF):
            found.exif.append(data[len(_JPEG_EXIF) :])
        elif data.startswith(_JPEG_XMP):
            found.xmp.append(data[len(_JPEG_XMP) :])
    return found


def _read_webp(file: BinaryIO, size: int) -> Metadata:
    found = Metadata("webp")
    at = 12
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            break
        kind, length = struct.unpack("<4sI", header)
        if at + 8 + length > size:
            found.skipped += 1
            break
        if kind in (b"EXIF", b"XMP "):
            data = file.read(length) if length <= MAX_ITEM else b""
            if not data or not found.admit(data):
                found.skipped += not data
            elif kind == b"EXIF":
                found.exif.append(data.removeprefix(_JPEG_EXIF))
            else:
                found.xmp.append(data)
        at += 8 + length + length % 2
    return found


def _read_boxes(file: BinaryIO, size: int, *, picture: bool) -> Metadata:
    found = Metadata("bmff")
    budget = MAX_SEARCHED
    for start, end, kind in _boxes(file, size):
        # Pictures keep their metadata among the coded data, videos never do.
        if kind in (b"free", b"skip") or (kind == b"mdat" and not picture):
            continue
        file.seek(start)
        # A C2PA store may carry thumbnails with packets of their own, which speak of other files.
        if kind == b"uuid" and file.read(16) == _C2PA_BOX:
            continue
        file.seek(start)
        data = file.read(min(end - start, WINDOW, budget))
        budget -= len(data)
        _keep_packets(found, data)
        if not budget:
            found.skipped += 1
            break
    return found


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[int, int, bytes]]:
    """Start and end of each top-level box's content, and its type."""
    at = 0
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return
        length, kind = struct.unpack(">I4s", header[:8])
        start = at + 8
        if length == 1 and len(header) == 16:
            length, start = int.from_bytes(header[8:], "big"), at + 16
        end = size if length == 0 else at + length
        if end < start or end > size:
            return
        yield start, end, kind
        at = end


def _read_ends(file: BinaryIO, size: int) -> Metadata:
    found = Metadata("other")
    file.seek(0)
    _keep_packets(found, file.read(WINDOW))
    if size > WINDOW:
        file.seek(max(WINDOW, size - WINDOW))
        _keep_packets(found, file.read(WINDOW))
    return found


def _keep_packets(found: Metadata, data: bytes) -> None:
    at = 0
    while (start := data.find(_PACKET[0], at)) >= 0:
        end = data.find(_PACKET[1], start)
        if end < 0:
            return
        at = end + len(_PACKET[1])
        packet = data[start:at]
        if len(packet) > MAX_ITEM:
            found.skipped += 1
        elif not found.admit(packet):
            return
        else:
            found.xmp.append(packet)


def _decode(data: bytes) -> str:
    """UTF-8, which many writers use whatever the format says, else Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
