"""A file marked while it is encoded can be read back, also after its metadata were stripped."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.marks import Embedder, MarkKey, read
from guard.media import VideoFile, encode, strip_metadata

PAYLOAD = bytes.fromhex("feedfacecafebeef")


@pytest.mark.parametrize("preset", ["invisible", "robust"])
@pytest.mark.parametrize("crf", [18, 23])
def test_mark_is_read_from_the_encoded_file(clip_720: Path, tmp_path: Path, preset: str, crf: int) -> None:
    key = MarkKey("current", b"\x07" * 32)
    retired = MarkKey("retired", b"\x08" * 32)
    source = VideoFile(clip_720)
    embedder = Embedder(key, PAYLOAD, source.info.width, source.info.height, preset)
    marked = tmp_path / "marked.mp4"
    encode(source, marked, transform=embedder, crf=crf, threads=1)
    bare = tmp_path / "bare.mp4"
    strip_metadata(marked, bare)
    for path in (marked, bare):
        reading = read(VideoFile(path).chunks(), [key, retired])
        assert (reading.status, reading.payload, reading.key_id) == ("read", PAYLOAD, "current")
        assert reading.frames == 48


def test_unmarked_file_is_absent(clip_720: Path) -> None:
    reading = read(VideoFile(clip_720).chunks(every=4), [MarkKey("current", b"\x07" * 32)])
    assert reading.status == "absent"
