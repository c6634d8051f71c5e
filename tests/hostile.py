"""Files that nobody sends by accident, each with the code of the error that it must end in."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests import media
from tests.credentials_forge import nested

MANY_PIXELS = (60_000, 60_000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("This is a letter and no clip.\n" * 200)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(200_000))


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("clip.mp4", bytes(50_000_000))


def playlist(path: Path) -> None:
    """Would make a player fetch another file or an address."""
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")


def huge_png(path: Path) -> None:
    """A few megabytes that would be 10 GB of pixels."""
    media.zero_png(path, *MANY_PIXELS)


def lying_png(path: Path) -> None:
    """Says it has 2^31 - 1 pixels a side, and has none."""
    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    body = b"IHDR" + header
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    )


def nested_boxes(path: Path) -> None:
    path.write_bytes(nested(20_000))


def many_boxes(path: Path) -> None:
    path.write_bytes(
        struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + struct.pack(">I4s", 8, b"free") * 500_000
    )


def truncated(path: Path) -> None:
    media.write_clip(path, media.scene(320, 180, 12))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def no_pictures(path: Path) -> None:
    """A clip whose samples are gone: the header describes pictures, the data is noise."""
    media.write_clip(path, media.scene(320, 180, 12))
    data = bytearray(path.read_bytes())
    start = data.find(b"mdat") + 4
    end = data.find(b"moov", start) - 4
    end = len(data) if end < start else end
    data[start:end] = bytes((37 * index) % 251 for index in range(end - start))
    path.write_bytes(data)


def wide(path: Path) -> None:
    """One black picture of 9216 x 9216 pixels: kilobytes as a file, a quarter of a gigabyte as RGB."""
    media.write_clip(path, [np.zeros((9216, 9216, 3), np.uint8)], options={"preset": "ultrafast"})


def long(path: Path) -> None:
    """Two pictures, a day and a half apart, while the header speaks of two seconds."""
    media.write_clip(path, media.scene(320, 180, 2), fps=1)
    data = bytearray(path.read_bytes())
    edits = data.find(b"edts")
    data[edits : edits + 4] = b"free"  # or the edit list would leave the second one out
    times = data.find(b"stts") + 4
    for index in range(struct.unpack(">I", data[times + 4 : times + 8])[0]):
        place = times + 12 + 8 * index
        data[place : place + 4] = struct.pack(">I", 2**31 - 1)
    path.write_bytes(data)


FILES: dict[str, tuple[str, Callable[[Path], None], frozenset[str]]] = {
    "empty": ("clip.mp4", empty, frozenset({"media_empty"})),
    "text": ("clip.mp4", text, frozenset({"media_unreadable"})),
    "zeros": ("clip.mp4", zeros, frozenset({"media_unreadable", "media_truncated"})),
    "archive": ("clip.mp4", archive, frozenset({"media_unreadable", "media_truncated"})),
    "playlist": ("clip.m3u8", playlist, frozenset({"media_unreadable"})),
    "huge png": ("picture.png", huge_png, frozenset({"media_bomb"})),
    "lying png": ("picture.png", lying_png, frozenset({"media_bomb", "media_unreadable"})),
    "nested boxes": ("clip.mp4", nested_boxes, frozenset({"media_unreadable", "media_truncated"})),
    "many boxes": ("clip.mp4", many_boxes, frozenset({"media_unreadable", "media_truncated"})),
    "truncated": ("clip.mp4", truncated, frozenset({"media_truncated"})),
    "no pictures": ("clip.mp4", no_pictures, frozenset({"media_unreadable", "media_no_video"})),
    "wide": ("clip.mp4", wide, frozenset({"media_bomb", "media_unreadable"})),
    "long": ("clip.mp4", long, frozenset({"media_too_large", "media_bomb"})),
}
"""Name, how to make it, and the codes that are right for it."""


def make(folder: Path, name: str) -> Path:
    """The file of that name, in a folder of its own."""
    file_name, write, _ = FILES[name]
    path = folder / name.replace(" ", "-") / file_name
    path.parent.mkdir(parents=True)
    write(path)
    return path
