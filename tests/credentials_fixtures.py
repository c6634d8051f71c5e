"""Keys and small signed clips for tests of credentials, made once a session."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from guard.credentials import (
    Identity,
    Ingredient,
    ManifestSpec,
    Model,
    SoftBinding,
    Software,
    Trust,
    create_development_ca,
    load_identity,
    sign,
)
from tests.credentials_forge import write_mp4

PAYLOAD = bytes.fromhex("0123456789abcdef")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("credentials") / "keys"
    create_development_ca(folder)
    return folder


@pytest.fixture(scope="session")
def identity(keys: Path) -> Identity:
    return load_identity(keys)


@pytest.fixture(scope="session")
def trust(keys: Path) -> Trust:
    return Trust.from_folder(keys)


@pytest.fixture(scope="session")
def spec() -> ManifestSpec:
    return ManifestSpec(
        title="clip.mp4",
        kind="text_to_video",
        created=datetime(2026, 11, 23, 12, tzinfo=UTC),
        model=Model("scenes", "r7", "sha256:" + "ab" * 32),
        watermark=SoftBinding("io.github.generation-guard.lattice.1", PAYLOAD),
        fingerprint=SoftBinding("io.github.generation-guard.vpdq.1", bytes(range(64))),
        application=Software("Guard", "0.1.0"),
        training_mining={"cawg.ai_generative_training": "notAllowed"},
    )


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unsigned clip, header first."""
    path = tmp_path_factory.mktemp("credentials") / "clip.mp4"
    return write_mp4(path, "faststart")


@pytest.fixture(scope="session")
def fragmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unsigned clip in fragments, one each eight pictures."""
    path = tmp_path_factory.mktemp("credentials") / "fragments.mp4"
    return write_mp4(path, "frag_keyframe+empty_moov+default_base_moof")


@pytest.fixture(scope="session")
def signed(clip: Path, spec: ManifestSpec, identity: Identity) -> Path:
    out = clip.with_name("signed.mp4")
    sign(clip, out, spec, identity)
    return out


@pytest.fixture(scope="session")
def edited(signed: Path, clip: Path, spec: ManifestSpec, identity: Identity) -> Path:
    """An edit whose parent is `signed`."""
    out = clip.with_name("edited.mp4")
    parent = Ingredient(signed, "parent.mp4", "parentOf")
    sign(clip, out, replace(spec, kind="edit", ingredients=(parent,)), identity)
    return out
