"""What pipeline and verification work with, put together once by :mod:`guard.installation`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from generator import Generator
from guard.credentials import Identity, KeyStatus, Software, TimeStamping
from guard.credentials.manifest import Use
from guard.inspection import Inspector
from guard.ledger import Log
from guard.marks import MarkKey
from guard.marks.codecs import Codec
from guard.media.writing import Encoder
from guard.pipeline.errors import PipelineError
from guard.pipeline.hook import Hook
from guard.registry import StoredRegistry
from guard.store import Database, Objects, Pictures, SealedFiles, Vault
from guard.store import tenants as tenant_rows
from policies import Audience, Context, Examiner, Medium, Region


@dataclass(frozen=True)
class Encoding:
    """The finished file's video codec, as :func:`guard.media.encode` takes it."""

    name: Encoder
    crf: int
    preset: str
    threads: int


@dataclass(frozen=True)
class Placement:
    """Whom a tenant serves, and where; see :class:`policies.Context`."""

    audience: Audience | None = None
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts of one installation.

    Attributes:
        application: name and version of this software, for manifests.
        database: of everything but objects.
        objects: released files.
        pictures: finds releases by their pictures.
        registry: what was released, for lookups.
        vault: prompts, encrypted.
        log: the transparency log.
        make_judge: puts together the policy in force and all who examine under it, at first use: they are heavy, and
            not every command judges.
        placement: of tenants that have none of their own.
        placements: by the tenant's name.
        sealed: encrypted files of what is under seal.
        hook: who is told of seals.
        generators: what makes clips, by model name; loaded at first use.
        mark_keys: the current watermark key and retired ones.
        identity: the signing identity, read anew so that a rotation takes effect without a restart.
        time_stamps: who stamps the time of signatures; None if nobody does.
        key_status: what is known of that identity, expired or not.
        inspector: how files are read back.
        work: folder of jobs under way.
        training_mining: entries of the manifest's training and mining assertion.
        mark_codec: what marks new clips and pictures.
        mark_preset: strength of the first attempt at a clip's watermark.
        picture_preset: the same for a single picture.
        link_key: signs links to pictures.
        encoding: of the finished file.
        model_aliases: names that clients ask for, and the models that serve them.
        review_expires: how long a hold for review lasts.
    """

    application: Software
    database: Database
    objects: Objects
    pictures: Pictures
    registry: StoredRegistry
    vault: Vault
    log: Log
    make_judge: Callable[[], Examiner]
    placement: Placement = Placement()
    placements: Mapping[str, Placement] = field(default_factory=dict)
    sealed: SealedFiles
    hook: Hook
    generators: Mapping[str, Callable[[], Generator]]
    mark_keys: tuple[MarkKey, ...]
    identity: Callable[[], Identity]
    time_stamps: TimeStamping | None
    key_status: Callable[[], KeyStatus]
    inspector: Inspector
    work: Path
    training_mining: Mapping[str, Use]
    mark_codec: Codec
    mark_preset: str
    picture_preset: str
    link_key: bytes = field(repr=False)
    encoding: Encoding
    model_aliases: Mapping[str, str]
    review_expires: timedelta

    @property
    def judge(self) -> Examiner:
        """The policy in force, and all who examine under it.

        Raises:
            PolicyError, ModelError, SettingsError: something that is configured cannot be used.
        """
        return self.make_judge()

    def context(self, tenant_id: str, *, medium: Medium = "video") -> Context:
        """The circumstances of a tenant's requests, as far as the settings know them.

        Raises:
            StoreError: ``not_found``, ``database_unavailable``.
        """
        with self.database.read() as session:
            name = tenant_rows.get_tenant(session, tenant_id).name
        place = self.placements.get(name, self.placement)
        return Context(audience=place.audience, regions=place.regions, tenant=name, medium=medium)

    def model_named(self, name: str) -> str:
        """The model that serves a request for ``name``, aliases resolved.

        Raises:
            PipelineError: ``model_not_found``.
        """
        resolved = self.model_aliases.get(name, name)
        if resolved not in self.generators:
            aliases = {alias for alias, model in self.model_aliases.items() if model in self.generators}
            known = ", ".join(sorted({*self.generators, *aliases}))
            raise PipelineError(
                "model_not_found", f"There is no model of this name here; use one of {known}.", param="model"
            )
        return resolved

    def picture_model(self) -> str:
        """The first configured model that makes pictures; may have to wait until one is loaded.

        Raises:
            PipelineError: ``model_unsupported``.
            generator.GeneratorError: one cannot be loaded.
        """
        for name in self.generators:
            if self.generator(name).info.makes_pictures:
                return name
        raise PipelineError("model_unsupported", "No model here makes pictures.", param="model")

    def generator(self, name: str) -> Generator:
        """The generator of that model, loaded at first use.

        Raises:
            PipelineError: ``model_not_found``.
            generator.GeneratorError: it cannot be loaded.
        """
        return self.generators[self.model_named(name)]()
