"""Thumbnails and sheets of pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors import Claim, Subject
from detectors.declared_metadata import DeclaredMetadata
from guard.media import MediaError, VideoFile
from guard.media.previews import spritesheet, thumbnail
from tests import media


def test_a_thumbnail_shows_the_asked_moment(clip_360: Path, pictures_360: np.ndarray) -> None:
    for time, index in ((0.0, 0), (1.5, 36), (None, 16), (99.0, 0)):
        image = Image.open(io.BytesIO(thumbnail(VideoFile(clip_360), time=time, width=320)))
        assert (image.format, image.size) == ("WEBP", (320, 180))
        expected = np.asarray(
            Image.fromarray(pictures_360[index]).resize((320, 180), Image.Resampling.LANCZOS)
        )
        others = [media.psnr(np.asarray(image), pictures_360[i][::2, ::2]) for i in (0, 16, 36) if i != index]
        assert media.psnr(np.asarray(image), expected) > max(28, *others)


def test_a_thumbnail_is_never_enlarged(picture_png: Path) -> None:
    assert Image.open(io.BytesIO(thumbnail(VideoFile(picture_png)))).size == (320, 180)


def test_a_sheet_holds_the_clip_in_reading_order(clip_360: Path, pictures_360: np.ndarray) -> None:
    image = Image.open(io.BytesIO(spritesheet(VideoFile(clip_360), columns=4, rows=3, tile_width=160)))
    assert (image.format, image.size) == ("JPEG", (640, 270))
    sheet = np.asarray(image)
    for number in range(12):
        row, column = divmod(number, 4)
        tile = sheet[row * 90 : row * 90 + 90, column * 160 : column * 160 + 160]
        scaled = Image.fromarray(pictures_360[number * 4]).resize((160, 90), Image.Resampling.LANCZOS)
        assert media.psnr(tile, np.asarray(scaled)) > 27


@pytest.mark.parametrize("preview", [thumbnail, spritesheet])
def test_a_preview_says_that_a_model_made_it(
    preview: Callable[[VideoFile], bytes], clip_360: Path, tmp_path: Path
) -> None:
    path = tmp_path / "preview"
    path.write_bytes(preview(VideoFile(clip_360)))
    subject = Subject(path=path, media=None, size=path.stat().st_size, sha256="0" * 64)
    assert [item.claim for item in DeclaredMetadata().examine(subject)] == [Claim.DECLARES_AI]


def test_sound_has_no_preview(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "tone.m4a", iter(()), sound="aac", seconds=0.5)
    for preview in (thumbnail, spritesheet):
        with pytest.raises(MediaError) as caught:
            preview(VideoFile(path))
        assert caught.value.code == "media_no_video"
