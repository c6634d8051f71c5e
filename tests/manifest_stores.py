"""Manifest stores of clips that somebody else signed, for tests that need them without a service."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import c2pa
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


def by_another_program(folder: Path) -> tuple[bytes, str]:
    """A manifest store that another program wrote, under an identity of its own; and its active manifest's name."""
    credentials.initialise(folder / "identity")
    identity = credentials.load_identity(folder / "identity")
    clip = media.write_clip(folder / "foreign.mp4", media.scene(320, 192, 12, seed=3))
    definition = {
        "claim_generator_info": [{"name": "Elsewhere", "version": "1"}],
        "title": "A holiday",
        "format": "video/mp4",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType":
                         "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"}]},
            }
        ],
    }  # fmt: skip
    algorithm = c2pa.C2paSigningAlg[identity.alg.upper()]
    with (
        c2pa.Signer.from_callback(
            identity.cose_signature, algorithm, identity.chain_pem.decode("ascii")
        ) as signer,
        c2pa.Builder(definition) as builder,
        clip.open("rb") as source,
        (folder / "signed.mp4").open("w+b") as target,
    ):
        content = bytes(builder.sign(signer, "video/mp4", source, target))
    with c2pa.Reader(folder / "signed.mp4") as reader:
        return content, str(json.loads(reader.json())["active_manifest"])
