"""Which weights run: a folder's digest, a cached repository's commit, and what is refused."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from generator import DiffusersGenerator, GeneratorError, Offer, Running
from generator.identity import digest_of, find, loaded_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OFFER = Offer(sizes=((24, 20),), seconds=(1,), fps=9, licence="test")


def _generator(model: Any, **changes: Any) -> DiffusersGenerator:
    return DiffusersGenerator(
        model, OFFER, running=Running(dtype=torch.float32, device="cpu"), arguments={}, **changes
    )


@pytest.fixture
def folder(wan_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(wan_folder, tmp_path / "tiny-wan"))


@pytest.fixture
def cache(wan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository `somebody/tiny-wan` as huggingface_hub keeps it, its main branch at COMMIT."""
    root = tmp_path / "hub"
    repository = root / "models--somebody--tiny-wan"
    snapshot = repository / "snapshots" / COMMIT
    for path in (path for path in wan_folder.rglob("*") if path.is_file()):
        blob = repository / "blobs" / hashlib.sha256(path.read_bytes()).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, blob)
        link = snapshot / path.relative_to(wan_folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(root))
    return repository


def test_the_digest_is_that_of_sha256sums_lines(folder: Path) -> None:
    lines = "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in loaded_files(folder)
    )
    assert digest_of(folder) == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert "transformer/diffusion_pytorch_model.safetensors" in lines
    assert "tokenizer/tokenizer.json" in lines
    assert _generator(folder).info.digest == digest_of(folder)


def test_only_what_is_loaded_counts(folder: Path) -> None:
    before = digest_of(folder)
    (folder / "README.md").write_text("words")
    (folder / "transformer" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another variant")
    (folder / "transformer" / "diffusion_pytorch_model-00001-of-00002.fp16.safetensors").write_bytes(
        b"likewise"
    )
    (folder / "transformer" / "diffusion_pytorch_model.bin").write_bytes(b"another format")
    assert digest_of(folder) == before
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert digest_of(folder) != before


def test_weights_that_are_not_the_pinned_ones_do_not_run(folder: Path) -> None:
    _generator(folder, digest=digest_of(folder)).load()
    other = _generator(folder, digest="sha256:" + "0" * 64)
    with pytest.raises(GeneratorError) as refused:
        other.load()
    assert refused.value.code == "weights_altered"
    assert digest_of(folder) in str(refused.value)


def test_pickled_weights_are_not_loaded(folder: Path) -> None:
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    torch.save({}, folder / "transformer" / "diffusion_pytorch_model.bin")
    weights.unlink()
    with pytest.raises(GeneratorError) as refused:
        _generator(folder).load()
    assert refused.value.code == "weights_missing"


@pytest.mark.parametrize("revision", [None, "main", COMMIT])
def test_a_repository_is_taken_from_the_cache_with_its_commit(revision: str | None, cache: Path) -> None:
    maker = _generator("somebody/tiny-wan", revision=revision)
    maker.load()
    assert (maker.info.id, maker.info.name) == ("diffusers:somebody/tiny-wan", "somebody/tiny-wan")
    assert maker.info.revision == COMMIT
    assert maker.info.digest == digest_of(cache / "snapshots" / COMMIT)


@pytest.mark.parametrize(
    ("model", "revision"),
    [("somebody/tiny-wan", "v2"), ("somebody/else", None), ("no such/folder/anywhere", None)],
)
def test_what_is_not_there_is_not_fetched(model: str, revision: str | None, cache: Path) -> None:
    with pytest.raises(GeneratorError) as refused:
        find(model, revision)
    assert refused.value.code == "weights_missing"


def test_a_folder_has_the_operators_word_for_its_revision(folder: Path) -> None:
    assert find(folder, None).revision == "unpinned"
    assert find(folder, "2026-11").revision == "2026-11"
    assert find(folder, None).name == "tiny-wan"
    (folder / "model_index.json").unlink()
    with pytest.raises(GeneratorError):
        find(folder, None)
