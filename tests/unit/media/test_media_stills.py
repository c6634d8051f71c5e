"""Writing single pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guard.media import MediaError, VideoFile, write_lossless, write_still

SIDE = 130
"""Not a multiple of anything that an encoder counts in."""


@pytest.fixture
def raw(tmp_path: Path) -> VideoFile:
    return kept(tmp_path / "raw.avi", 1)


def kept(path: Path, count: int) -> VideoFile:
    shape = (count, SIDE, SIDE + 3, 3)
    smooth = np.linspace(0, 255, int(np.prod(shape))).reshape(shape).astype(np.uint8)
    write_lossless(path, [smooth], width=SIDE + 3, height=SIDE, fps=12)
    return VideoFile(path)


def pixels(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_png_keeps_every_pixel_and_is_nobody_elses(raw: VideoFile, tmp_path: Path) -> None:
    out = tmp_path / "picture"
    write_still(raw, out, "png")
    assert np.array_equal(pixels(out), next(raw.chunks()).frames[0])
    assert out.stat().st_mode & 0o777 == 0o600
    assert VideoFile(out).info.kind == "image"


@pytest.mark.parametrize("file_format", ["jpeg", "webp"])
def test_quality_makes_files_smaller(raw: VideoFile, tmp_path: Path, file_format: str) -> None:
    best, poor = tmp_path / "best", tmp_path / "poor"
    write_still(raw, best, file_format)
    write_still(raw, poor, file_format, quality=10)
    assert poor.stat().st_size < best.stat().st_size / 2
    with Image.open(best) as image:
        assert image.format == file_format.upper()


def test_the_transform_is_applied(raw: VideoFile, tmp_path: Path) -> None:
    out = tmp_path / "picture"
    write_still(raw, out, "png", transform=lambda frames: 255 - frames)
    assert np.array_equal(pixels(out), 255 - next(raw.chunks()).frames[0])


def test_a_clip_is_no_picture_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "picture"
    with pytest.raises(MediaError) as caught:
        write_still(kept(tmp_path / "clip.avi", 2), out, "png")
    assert caught.value.code == "media_no_video"
    assert [path.name for path in tmp_path.iterdir()] == ["clip.avi"]
