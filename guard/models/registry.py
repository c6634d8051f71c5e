"""The models that this project runs: what each is for, whose it is, and the sha256 of each of its files.

The list is `registry.json` beside this module. After training, ``python -m guard.models record`` writes the
new digests into it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from guard.models.errors import ModelError

REGISTRY = Path(__file__).with_name("registry.json")


@dataclass(frozen=True)
class Model:
    """One model and its files.

    Attributes:
        name: how it is called here.
        package: installed package that carries the files.
        folder: the files' folder within the package.
        pattern: which files of the folder belong to the model, as a glob.
        files: sha256 (64 hex digits) by path relative to the folder.
        licence: SPDX identifier.
        purpose: what it is used for.
        source: where the weights come from, or how they are made.
    """

    name: str
    package: str
    folder: str
    pattern: str
    files: dict[str, str]
    licence: str
    purpose: str
    source: str

    @cached_property
    def location(self) -> Path:
        """The folder on this machine.

        Raises:
            ModelError: ``model_missing`` if the package is not installed.
        """
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise ModelError("model_missing", f"Install the package {self.package} to use {self.name}.")
        return Path(spec.submodule_search_locations[0]) / self.folder

    @property
    def digest(self) -> str:
        """``sha256:`` over the names and digests of all files, in order of name."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self.files.items()))
        return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"

    def present(self) -> dict[str, str]:
        """sha256 of the files that are there now."""
        if not self.location.is_dir():
            return {}
        found = sorted(path for path in self.location.glob(self.pattern) if path.is_file())
        return {path.relative_to(self.location).as_posix(): _sha256(path) for path in found}


@dataclass(frozen=True)
class Problem:
    """A file that is not as it was recorded."""

    model: str
    file: str
    kind: Literal["missing", "altered", "unrecorded"]


def models(registry: Path = REGISTRY) -> tuple[Model, ...]:
    """All models, in the order of the registry."""
    return tuple(Model(**entry) for entry in _entries(registry))


def verify(registry: Path = REGISTRY) -> tuple[Problem, ...]:
    """Compare every recorded file with its digest; empty when all is well."""
    return tuple(problem for model in models(registry) for problem in _problems(model))


def locate(name: str, registry: Path = REGISTRY) -> Path:
    """The folder of a model whose files are as recorded.

    Raises:
        ModelError: ``model_unknown``, ``model_missing`` or ``model_altered``.
    """
    model = next((model for model in models(registry) if model.name == name), None)
    if model is None:
        raise ModelError("model_unknown", f"There is no model called {name}.")
    if not model.files:
        raise ModelError("model_missing", f"{name} has not been trained and recorded yet.")
    for problem in _problems(model):
        code = "model_missing" if problem.kind == "missing" else "model_altered"
        raise ModelError(code, f"{problem.file} of {name} is {problem.kind}; install the package again.")
    return model.location


def record(registry: Path = REGISTRY) -> tuple[str, ...]:
    """Write the digests of the files that are there into the registry; returns the names of changed models.

    Only after training, and never on a machine whose files are in doubt: it declares what is there to be
    right.
    """
    entries = _entries(registry)
    changed = []
    for entry in entries:
        model = Model(**entry)
        found = model.present()
        if found != model.files:
            entry["files"] = found
            changed.append(model.name)
    registry.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    return tuple(changed)


def _entries(registry: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(registry.read_text(encoding="utf-8"))
    return found


def _problems(model: Model) -> list[Problem]:
    try:
        found = model.present()
    except ModelError:
        found = {}
    problems = [
        Problem(model.name, name, "altered" if name in found else "missing")
        for name, digest in model.files.items()
        if found.get(name) != digest
    ]
    return problems + [Problem(model.name, name, "unrecorded") for name in found if name not in model.files]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
