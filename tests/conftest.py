"""Fixtures shared by all tests: media made once a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import media


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's media lie."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def pictures_360() -> np.ndarray:
    """The 48 pictures of `clip_360` before encoding, (48, 360, 640, 3)."""
    return np.stack(list(media.scene(640, 360, 48, seed=1)))


@pytest.fixture(scope="session")
def clip_360(media_folder: Path, pictures_360: np.ndarray) -> Path:
    """A moving textured scene, 640 x 360, 48 pictures at 24 a second, silent MP4."""
    return media.write_clip(media_folder / "scene-360.mp4", list(pictures_360))


@pytest.fixture(scope="session")
def clip_720(media_folder: Path) -> Path:
    """As `clip_360`, another scene in 1280 x 720."""
    return media.write_clip(media_folder / "scene-720.mp4", media.scene(1280, 720, 48, seed=2))


@pytest.fixture(scope="session")
def clip_with_sound(media_folder: Path, pictures_360: np.ndarray) -> Path:
    """`clip_360` with a tone (AAC, stereo, 48 kHz)."""
    return media.write_clip(media_folder / "scene-sound.mp4", list(pictures_360), sound="aac")


@pytest.fixture(scope="session")
def picture_png(media_folder: Path) -> Path:
    """A still picture, 320 x 180 PNG."""
    path = media_folder / "picture.png"
    Image.fromarray(next(media.scene(320, 180, 1, seed=3))).save(path)
    return path


@pytest.fixture(scope="session")
def picture_jpg(media_folder: Path) -> Path:
    """The same picture as JPEG."""
    path = media_folder / "picture.jpg"
    Image.fromarray(next(media.scene(320, 180, 1, seed=3))).save(path, quality=92)
    return path
