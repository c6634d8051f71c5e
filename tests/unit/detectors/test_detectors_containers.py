"""Malformed files: lengths that lie, pieces that are too long, bytes cut off."""

from __future__ import annotations

import random
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest

from detectors.containers import MAX_ITEM, read_metadata
from detectors.declared_metadata import DeclaredMetadata
from tests.unit.detectors.samples import subject

PNG = b"\x89PNG\r\n\x1a\n"
PACKET = b"<x:xmpmeta>here</x:xmpmeta>"


def chunk(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    """A PNG chunk, its length true or as told."""
    return struct.pack(">I", len(data) if length is None else length) + kind + data + b"\0\0\0\0"


def box(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    return struct.pack(">I", len(data) + 8 if length is None else length) + kind + data


def write(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 100])
def test_a_png_chunk_longer_than_the_file_ends_the_walk(tmp_path: Path, length: int) -> None:
    path = write(tmp_path / "a", PNG, chunk(b"tEXt", b"a\0first"), chunk(b"tEXt", b"b\0second", length))
    found = read_metadata(path)
    assert found.texts == [("a", "first")]
    assert found.skipped == 1


def test_a_huge_png_text_is_left_out_and_the_rest_read(tmp_path: Path) -> None:
    huge = chunk(b"tEXt", b"a\0" + b"x" * (MAX_ITEM + 1))
    found = read_metadata(write(tmp_path / "a", PNG, huge, chunk(b"tEXt", b"b\0next"), chunk(b"IEND", b"")))
    assert (found.texts, found.skipped) == ([("b", "next")], 1)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_png_text_that_unfolds_beyond_the_limit(tmp_path: Path, kind: bytes) -> None:
    deflater = zlib.compressobj(1)
    bomb = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(64)) + deflater.flush()
    flags = b"\0" if kind == b"zTXt" else b"\x01\0\0\0"
    path = write(tmp_path / "a", PNG, chunk(kind, b"a\0" + flags + bomb), chunk(b"tEXt", b"b\0next"))
    tracemalloc.start()
    found = read_metadata(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.texts, found.skipped) == ([("b", "next")], 1)
    assert peak < 8 * MAX_ITEM


@pytest.mark.parametrize(
    "data", [b"", b"a", b"a\0", b"a\0\x01", b"a\0\x01\0en\0", b"a\0\x01\0\0\0not deflate"]
)
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"eXIf"])
def test_torn_png_texts(tmp_path: Path, kind: bytes, data: bytes) -> None:
    found = read_metadata(write(tmp_path / "a", PNG, chunk(kind, data), chunk(b"tEXt", b"b\0next")))
    assert found.texts[-1] == ("b", "next")


@pytest.mark.parametrize(
    "segments",
    [
        b"\xff\xe1\x00\x00",
        b"\xff\xe1\x00\x01",
        b"\xff\xe1\xff\xffshort",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x00",
        b"\xff\xda\xff\xe1\x00\x10hidden",
        b"",
    ],
)
def test_torn_jpeg(tmp_path: Path, segments: bytes) -> None:
    found = read_metadata(write(tmp_path / "a", b"\xff\xd8\xff\xfe\x00\x06text", segments))
    assert found.format == "jpeg"
    assert found.texts[:1] == [("comment", "text")]
    assert found.xmp == []


@pytest.mark.parametrize("length", [0xFFFFFFFF, 1000])
def test_a_webp_chunk_longer_than_the_file(tmp_path: Path, length: int) -> None:
    riff = (
        b"RIFF\0\0\0\0WEBP" + b"XMP " + struct.pack("<I", 6) + b"packet" + b"EXIF" + struct.pack("<I", length)
    )
    found = read_metadata(write(tmp_path / "a", riff))
    assert (found.xmp, found.exif, found.skipped) == ([b"packet"], [], 1)


@pytest.mark.parametrize("length", [2, 7, 0x7FFFFFFF])
def test_a_box_with_an_impossible_length_ends_the_walk(tmp_path: Path, length: int) -> None:
    first = box(b"ftyp", b"isom") + box(b"uuid", bytes(16) + PACKET)
    found = read_metadata(write(tmp_path / "a", first, box(b"uuid", PACKET, length), box(b"uuid", PACKET)))
    assert found.xmp == [PACKET]


def test_a_box_with_a_long_length_and_one_to_the_end(tmp_path: Path) -> None:
    long = struct.pack(">I4sQ", 1, b"uuid", 16 + 16 + len(PACKET)) + bytes(16) + PACKET
    found = read_metadata(write(tmp_path / "a", box(b"ftyp", b"isom"), long, box(b"meta", PACKET, 0)))
    assert found.xmp == [PACKET, PACKET]
    endless = struct.pack(">I4sQ", 1, b"uuid", 1 << 63)
    assert read_metadata(write(tmp_path / "b", box(b"ftyp", b"isom"), endless)).xmp == []


def test_pictures_in_boxes_keep_packets_among_their_data(tmp_path: Path) -> None:
    assert read_metadata(write(tmp_path / "a", box(b"ftyp", b"heic"), box(b"mdat", PACKET))).xmp == [PACKET]
    assert read_metadata(write(tmp_path / "b", box(b"ftyp", b"isom"), box(b"mdat", PACKET))).xmp == []


def test_the_search_in_boxes_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.containers.MAX_SEARCHED", 1000)
    path = write(tmp_path / "a", box(b"ftyp", b"isom"), box(b"uuid", bytes(2000)), box(b"uuid", PACKET))
    found = read_metadata(path)
    assert (found.xmp, found.skipped) == ([], 1)


def test_the_total_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.containers.MAX_TOTAL", 100)
    found = read_metadata(write(tmp_path / "a", PNG, *(chunk(b"tEXt", b"a\0" + b"x" * 30) for _ in range(9))))
    assert len(found.texts) == 3
    assert found.skipped == 6


def test_packets_at_both_ends_of_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.containers.WINDOW", 100)
    path = write(tmp_path / "a", b"GIF89a", PACKET, bytes(500), PACKET, bytes(500), PACKET)
    assert read_metadata(path).xmp == [PACKET, PACKET]
    assert read_metadata(write(tmp_path / "b", b"GIF89a", PACKET)).xmp == [PACKET]
    assert read_metadata(write(tmp_path / "c", b"GIF89a", PACKET[:-3])).xmp == []


@pytest.mark.parametrize(
    "head", [PNG, b"\xff\xd8\xff\xe1", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x10ftypisom", b"\x1aE\xdf\xa3", b""]
)
def test_noise_after_a_true_beginning_never_raises(tmp_path: Path, head: bytes) -> None:
    noise = random.Random(5)
    for _ in range(40):
        path = write(tmp_path / "a", head, noise.randbytes(noise.randrange(400)))
        found = DeclaredMetadata().examine(subject(path=path))
        assert [item.claim for item in found] == [None]


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_exif_cut_anywhere_never_raises(tmp_path: Path, cut: int) -> None:
    from PIL import Image

    tags = Image.Exif()
    tags[0x010F], tags[0x0131] = "Maker" * 5, "Software" * 5
    tags.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0comment"
    block = tags.tobytes()[6:]
    path = write(tmp_path / "a", PNG, chunk(b"eXIf", block[:cut] + b"\xff" * 40))
    assert [item.claim for item in DeclaredMetadata().examine(subject(path=path))] == [None]
