"""Which weights a pipeline runs: where they lie, which revision they are, and a digest over what is loaded.

Nothing is ever downloaded: a repository is one that the local cache of `huggingface_hub` already holds.
"""

from __future__ import annotations

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from generator.errors import GeneratorError

INDEX: Final = "model_index.json"
_HASHED_AT_ONCE: Final = 4
_OTHER_FORMATS: Final = frozenset(
    {".bin", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".onnx_data", ".pb", ".pt", ".pth"}
)
# Variants put their name between dots: diffusion_pytorch_model.fp16.safetensors.
_PLAIN_WEIGHTS: Final = re.compile(r"[^.]+\.safetensors(\.index\.json)?")


@dataclass(frozen=True)
class Source:
    """A pipeline's folder on this machine.

    Attributes:
        folder: holds `model_index.json`.
        name: of the model: the repository's id, or the folder's own name.
        revision: the repository's commit (40 hex digits) where the cache knows it; else what the operator
            named; else ``unpinned``.
    """

    folder: Path
    name: str
    revision: str


def find(model: str | Path, revision: str | None, elsewhere: Path | None = None) -> Source:
    """The folder that a model's weights lie in.

    Args:
        model: a local folder, or the id of a repository in the local cache.
        revision: the repository's commit, tag or branch; its `main` branch if None.
        elsewhere: folder that holds the repository's files in place of the cache.

    Raises:
        GeneratorError: weights_missing.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    folder = Path(model)
    if elsewhere is not None and not folder.is_dir():
        return Source(elsewhere, str(model), revision or "unpinned")
    if folder.is_dir():
        if not (folder / INDEX).is_file():
            raise GeneratorError("weights_missing", f"{folder.name} holds no {INDEX}")
        return Source(folder, folder.resolve().name, revision or "unpinned")
    try:
        cached = try_to_load_from_cache(str(model), INDEX, revision=revision)
    except HFValidationError:
        cached = None
    if not isinstance(cached, str):
        at = f" at revision {revision}" if revision else ""
        raise GeneratorError("weights_missing", f"{model}{at} is neither a folder nor in the local cache")
    snapshot = Path(cached).parent
    return Source(snapshot, str(model), snapshot.name)


def pipeline_index(folder: Path) -> dict[str, Any]:
    """The pipeline's description: its class, and the library and class of each component.

    Raises:
        GeneratorError: weights_missing.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GeneratorError("weights_missing", f"{INDEX} cannot be read") from error
    if not isinstance(index, dict):
        raise GeneratorError("weights_missing", f"{INDEX} is no pipeline's description")
    return index


def loaded_files(folder: Path) -> list[str]:
    """Relative paths of the files that loading this pipeline reads, sorted.

    Its index, and in the folder of each component everything but weights in another format or variant than the
    plain safetensors, which are all that the adapter loads.
    """
    index = pipeline_index(folder)
    parts = [name for name, entry in index.items() if isinstance(entry, list) and any(entry)]
    found = [INDEX]
    for path in (path for part in parts for path in (folder / part).rglob("*")):
        weights = ".safetensors" in path.name
        if path.is_file() and (
            _PLAIN_WEIGHTS.fullmatch(path.name) if weights else path.suffix not in _OTHER_FORMATS
        ):
            found.append(path.relative_to(folder).as_posix())
    return sorted(found)


def digest_of(folder: Path) -> str:
    """`sha256:` over lines of digest, two spaces and path, one for each loaded file, in order of path.

    Several files are read at the same time; run beside the loading of the same files, most of it costs no further
    reading of the disk.

    Raises:
        GeneratorError: weights_missing.
    """
    names = loaded_files(folder)
    try:
        with ThreadPoolExecutor(_HASHED_AT_ONCE) as pool:
            digests = list(pool.map(lambda name: _sha256(folder / name), names))
    except OSError as error:
        raise GeneratorError("weights_missing", "a file of the pipeline cannot be read") from error
    lines = "".join(f"{digest}  {name}\n" for digest, name in zip(digests, names, strict=True))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
