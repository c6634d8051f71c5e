"""Which container a file is, told by its first bytes alone.

Left to itself, FFmpeg tries every demuxer on a file and takes the one that scores best. A file can be made to
score higher as something else than what its first bytes say, and whoever reads its signature by those bytes
then vouches for pictures that somebody else put in. So the first bytes decide, and FFmpeg is told.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

FIRST_BOXES = frozenset(
    {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"sidx", b"uuid"}
)
"""Types with which a file of the mp4 family begins."""

DEMUXERS = "mov,matroska,avi,mpegts,mpeg,flv,ogg,gif,apng,asf,ivf,mxf,h264,hevc,mp3,wav,flac,aac"
"""All of libavformat's demuxers that are used. They carry their own media: playlists and descriptions (HLS, DASH,
concat, SDP), which would open other files or the network, are not among them."""

_MEDIA_TYPES = {
    "mov": "video/mp4 video/quicktime video/x-m4v video/3gpp video/3gpp2 audio/mp4 audio/x-m4a application/mp4 "
    "image/avif image/heic image/heif",
    "matroska": "video/x-matroska video/matroska video/webm audio/x-matroska audio/matroska audio/webm",
    "avi": "video/x-msvideo video/vnd.avi video/avi video/msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg video/mp2p",
    "flv": "video/x-flv",
    "ogg": "video/ogg audio/ogg audio/opus application/ogg",
    "gif": "image/gif",
    "apng": "image/apng image/png",
    "asf": "video/x-ms-asf video/x-ms-wmv audio/x-ms-wma application/vnd.ms-asf",
    "ivf": "video/x-ivf",
    "mxf": "application/mxf",
    "h264": "video/h264",
    "hevc": "video/h265",
    "mp3": "audio/mpeg audio/mp3",
    "wav": "audio/wav audio/x-wav audio/wave audio/vnd.wave",
    "flac": "audio/flac audio/x-flac",
    "aac": "audio/aac",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
}
_HEAD = 256
_MAGIC = (
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"FLV", "flv"),
    (b"OggS", "ogg"),
    (b"GIF8", "gif"),
    (b"\x89PNG\r\n\x1a\n", "apng"),
    (bytes.fromhex("3026b2758e66cf11"), "asf"),
    (b"DKIF", "ivf"),
    (bytes.fromhex("060e2b34020501010d010201"), "mxf"),
    (b"fLaC", "flac"),
    (b"\0\0\1\xba", "mpeg"),
)
_RIFF = {b"AVI ": "avi", b"AVIX": "avi", b"WAVE": "wav"}
# The first units of a raw stream, by the byte after their start code: parameter sets, delimiters, messages.
_RAW = dict.fromkeys((0x06, 0x09, 0x27, 0x47, 0x67), "h264") | dict.fromkeys(
    (0x40, 0x42, 0x44, 0x46, 0x4E), "hevc"
)


def demuxer(path: Path) -> str | None:
    """Libavformat's name of the demuxer for a file, one of `DEMUXERS`; None if it is of no kind that is read."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if head.startswith(b"ID3"):  # a tag before sound; its length is given in seven bits a byte
            length = 0
            for byte in head[6:10]:
                length = length << 7 | byte & 0x7F
            file.seek(10 + length)
            return _sound(file.read(_HEAD)) or "mp3"
    if is_boxes(head):
        return "mov"
    found = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    looks: tuple[Callable[[bytes], str | None], ...] = (_riff, _raw, _transport, _sound)
    return found or next((name for look in looks if (name := look(head))), None)


def is_of_type(container: str, media_type: str) -> bool:
    """Whether a file may be called by this media type.

    Args:
        container: as `ClipInfo.container` has it.
        media_type: lower case, without parameters.
    """
    return media_type in _MEDIA_TYPES.get(container.partition(",")[0], "").split()


def is_boxes(head: bytes) -> bool:
    """Whether a file with these first bytes is one of the mp4 family."""
    return head[4:8] in FIRST_BOXES


def _riff(head: bytes) -> str | None:
    return _RIFF.get(head[8:12]) if head[:4] in (b"RIFF", b"RF64", b"BW64") else None


def _raw(head: bytes) -> str | None:
    start = 4 if head.startswith(b"\0\0\0\1") else 3 if head.startswith(b"\0\0\1") else len(head)
    return _RAW.get(head[start]) if start < len(head) else None


def _transport(head: bytes) -> str | None:
    """Packets of 188 bytes, alone, after four bytes of time, or with 16 bytes of parity."""
    places = ((0, 188), (4, 196), (0, 204))
    return "mpegts" if any(head[a : a + 1] == head[b : b + 1] == b"\x47" for a, b in places) else None


def _sound(head: bytes) -> str | None:
    if head.startswith(b"fLaC"):
        return "flac"
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"
