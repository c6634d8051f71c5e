"""Manifest stores of clips that somebody else signed, for tests that need them without a service."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from guard import credentials
from tests import media


def from_a_picture(folder: Path) -> credentials.Signed:
    """A clip that began from a signed picture, under an identity of its own: two manifests."""
    credentials.initialise(folder / "identity")
    identity = credentials.load_identity(folder / "identity")
    common: dict[str, Any] = {
        "created": datetime(2026, 11, 25, 12, tzinfo=UTC),
        "model": credentials.Model("model", "1", "sha256:" + "ab" * 32),
        "watermark": credentials.SoftBinding("com.example.mark.1", b"12345678"),
        "application": credentials.Software("Elsewhere", "1"),
    }
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(folder / "plain.png")
    picture = credentials.ManifestSpec(title="picture", kind="picture", **common)
    credentials.sign(folder / "plain.png", folder / "picture.png", picture, identity)
    clip = media.write_clip(folder / "plain.mp4", media.scene(320, 192, 8, seed=3))
    ingredient = credentials.Ingredient(folder / "picture.png", "input", "inputTo")
    spec = credentials.ManifestSpec(title="clip", kind="image_to_video", ingredients=(ingredient,), **common)
    return credentials.sign(clip, folder / "clip.mp4", spec, identity)
