"""A manifest store without its asset: read in a child process, and cut down to its active manifest."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import c2pa
import numpy as np
import pytest
from PIL import Image

from guard import credentials, manifests
from guard.manifests import ManifestError
from guard.media.sandbox import Limits
from tests import media

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LIMITS = Limits(seconds=60)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> credentials.Signed:
    """The manifest store of a clip that began from a signed picture: two manifests."""
    folder = tmp_path_factory.mktemp("signed")
    credentials.initialise(folder / "identity")
    identity = credentials.load_identity(folder / "identity")
    model = credentials.Model("model", "1", "sha256:" + "ab" * 32)
    common = {
        "created": NOW,
        "model": model,
        "watermark": credentials.SoftBinding("com.example.mark.1", b"12345678"),
        "application": credentials.Software("Guard", "1"),
    }
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(folder / "plain.png")
    picture = credentials.ManifestSpec(title="picture", kind="picture", **common)
    credentials.sign(folder / "plain.png", folder / "picture.png", picture, identity)
    clip = media.write_clip(folder / "plain.mp4", media.scene(320, 192, 8, seed=3))
    ingredient = credentials.Ingredient(folder / "picture.png", "input", "inputTo")
    spec = credentials.ManifestSpec(title="clip", kind="image_to_video", ingredients=(ingredient,), **common)
    return credentials.sign(clip, folder / "clip.mp4", spec, identity)


def labels(store: bytes) -> list[str]:
    with c2pa.Reader("application/c2pa", io.BytesIO(store)) as reader:
        return sorted(json.loads(reader.json())["manifests"])


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "store.c2pa"
    path.write_bytes(content)
    return path


def test_the_active_manifest_is_named(signed: credentials.Signed, tmp_path: Path) -> None:
    assert manifests.manifest_id(saved(tmp_path, signed.manifest), LIMITS) == signed.manifest_id
    assert manifests.digest(signed.manifest) == signed.manifest_digest


def test_the_active_manifest_alone_is_still_a_store(signed: credentials.Signed, tmp_path: Path) -> None:
    assert len(labels(signed.manifest)) == 2
    alone = manifests.only_active(signed.manifest)
    assert labels(alone) == [signed.manifest_id]
    assert manifests.only_active(alone) == alone
    assert int.from_bytes(alone[:4]) == len(alone) < len(signed.manifest)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\0\0\0\x08jumb", b"\0\0\0\x09jumbx", b"\0\0\xff\xffjumb" + bytes(40), bytes(64)]
)
def test_what_is_no_store_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        manifests.only_active(content)
    assert caught.value.code == "manifest_malformed"
    with pytest.raises(ManifestError) as caught:
        manifests.manifest_id(saved(tmp_path, content), LIMITS)
    assert caught.value.code == "manifest_malformed"


@pytest.mark.parametrize("word", [b"c2pa.types.model", b"trainedAlgorithmicMedia", b"com.example.mark.1"])
def test_a_changed_statement_is_refused(signed: credentials.Signed, word: bytes, tmp_path: Path) -> None:
    place = signed.manifest.rindex(word)
    altered = signed.manifest[:place] + b"X" + signed.manifest[place + 1 :]
    with pytest.raises(ManifestError) as caught:
        manifests.manifest_id(saved(tmp_path, altered), LIMITS)
    assert caught.value.code == "manifest_invalid"
