"""Putting the parts together from the settings, for a service and for the command line alike."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from guard import __version__, credentials, keyfiles, ledger
from guard.backends import loader
from guard.credentials import Software, TimeStamping, Trust, budget
from guard.inspection import Inspector
from guard.judging import examiner
from guard.ledger import Entry, KeyEntry, Log, LogKey, PolicyEntry
from guard.ledger.tables import entries
from guard.marks.codecs import codec
from guard.media import ReadLimits
from guard.media.sandbox import Limits
from guard.once import once
from guard.paths import Paths
from guard.pipeline.engine import Engine
from guard.pipeline.hook import Hook
from guard.pipeline.jobs import VideoJobs, utc_now
from guard.pipeline.steps import VideoSteps
from guard.registry import StoredRegistry
from guard.services import Encoding, Placement, Services
from guard.settings import Settings, TimeStampSettings
from guard.store import Database, Objects, Pictures, SealedFiles, StoreError, Vault, create_private, sign_log

APPLICATION = "Guard"
LEFT_AFTER = timedelta(hours=1)
"""Age from which nobody can still be working on an upload."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Installation:
    """Everything that one process works with.

    Attributes:
        settings: what the operator set.
        paths: of the data folder.
        services: the parts.
        engine: of the workflow.
        jobs: the engine's and the steps' view of the store.
        new: whether there was nothing in the data folder before.
    """

    settings: Settings
    paths: Paths
    services: Services
    engine: Engine
    jobs: VideoJobs
    new: bool

    def work(self) -> None:
        """Become the worker; what cannot judge does not start.

        Raises:
            PipelineError: ``already_working``.
            PolicyError, ModelError, SettingsError: policy, weights or further judges cannot be used.
        """
        self.announce()
        self.engine.work(
            VideoSteps(self.services, self.jobs),
            self.paths.lock,
            concurrency=self.settings.worker_threads,
        )
        self._tidy()

    def announce(self, *, policy: bool = True) -> None:
        """Log the policy and the keys in force, where the log does not say so already.

        Done before working, also where another process then turns out to be the worker: whoever means to work takes
        requests and decides on them by this policy. Who only looks at things announces nothing.

        Args:
            policy: say which policy is in force; left out where a key was changed and nothing will be decided.
        """
        services = self.services
        wanted = [*([_policy_in_force(services)] if policy else []), *_keys_in_force(services)]
        with services.database.read() as session:
            if all(_in_force(session, entry) for entry in wanted):
                return
        now = utc_now()
        with services.database.write() as session:
            for entry in wanted:
                if not _in_force(session, entry):
                    ledger.append(session.connection(), entry, now=now)
            sign_log(session, services.log, now=now)

    def _tidy(self) -> None:
        """Remove what a killed process left: uploads under examination, objects half stored, erased rows."""
        try:
            for path in self.paths.uploads.iterdir():
                if path.stat().st_mtime < (utc_now() - LEFT_AFTER).timestamp():
                    path.unlink(missing_ok=True)
            for root in self.paths.work.glob("*_*"):  # files of a job that was never made
                old = root.stat().st_mtime < (utc_now() - LEFT_AFTER).timestamp()
                if old and not self.jobs.known(root.name):
                    shutil.rmtree(root, ignore_errors=True)
            self.services.objects.discard_uploads(before=utc_now() - LEFT_AFTER)
            self.services.database.scrub()
        except (OSError, StoreError) as error:
            _log.warning("not_tidied", error=type(error).__name__)

    def close(self) -> None:
        """Let go of workflow engine and database."""
        self.engine.close()
        self.services.database.close()


def open_installation(settings: Settings) -> Installation:
    """Open the data folder, making keys, tables and folders that are missing.

    Raises:
        CredentialsError, GeneratorError, KeyFileError, LedgerError, PolicyError, StoreError: something is unusable;
            each says what to do.
    """
    paths = Paths(settings.data.absolute())
    new = not paths.log_key.exists()
    try:
        for folder in (paths.data, paths.keys, paths.work, paths.uploads, paths.sealed):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            "data_folder_unusable",
            f"The data folder {paths.data} cannot be used ({error.strerror}); name another with --data or GUARD_DATA.",
        ) from None
    database = Database(_database_url(settings, paths))
    database.migrate()
    credentials.initialise(paths.signing)
    log = Log(_log_key(paths.log_key, settings.log_origin), paths.log_checkpoint)
    vault = Vault(keyfiles.load_or_create(paths.prompts_key))
    mark_keys = keyfiles.mark_keys(paths.keys)
    _trust(settings, paths)  # an unreadable list stops the start, not the first verification
    budget.MEMORY.total = settings.signing_memory_bytes
    encoder = settings.encoder
    pictures = Pictures(paths.pictures)
    services = Services(
        application=Software(APPLICATION, __version__),
        database=database,
        objects=Objects(_objects(settings, paths)),
        pictures=pictures,
        registry=StoredRegistry(database, pictures),
        vault=vault,
        log=log,
        make_judge=once(lambda: examiner(settings, paths.models)),
        placement=Placement(settings.audience, settings.regions),
        placements={name: Placement(own.audience, own.regions) for name, own in settings.tenants.items()},
        sealed=SealedFiles(paths.sealed, vault),
        hook=_hook(settings),
        generators={backend.model: loader(backend, paths.models) for backend in settings.generators},
        mark_keys=mark_keys,
        identity=lambda: credentials.load_identity(paths.signing),
        time_stamps=_time_stamps(settings.time_stamps),
        key_status=lambda: credentials.status(paths.signing),
        inspector=Inspector(
            trust=lambda: _trust(settings, paths),
            mark_keys=mark_keys,
            mark_codec=settings.mark.codec,
            mark_weights=settings.mark.weights,
            limits=Limits(
                seconds=settings.uploads.timeout_seconds,
                cpu_seconds=max(Limits.cpu_seconds, settings.uploads.timeout_seconds),
                memory_bytes=settings.uploads.memory_bytes,
            ),
            reading=ReadLimits(seconds=settings.uploads.max_seconds),
        ),
        work=paths.work,
        training_mining=credentials.training_mining(settings.training_mining),
        mark_codec=codec(settings.mark.codec, settings.mark.weights),
        mark_preset=settings.mark.preset,
        picture_preset=settings.mark.picture_preset,
        link_key=keyfiles.load_or_create(paths.link_key),
        encoding=Encoding(encoder.name, encoder.crf, encoder.preset, encoder.threads),
        model_aliases=settings.model_aliases,
        review_expires=timedelta(hours=settings.review.expires_hours),
    )
    jobs = VideoJobs(database, vault, log, review_expires=services.review_expires)
    engine = Engine(_workflow_url(settings, paths), jobs, executor=settings.executor)
    return Installation(settings, paths, services, engine, jobs, new)


@dataclass(frozen=True)
class Record:
    """What was recorded, to be looked at.

    Attributes:
        log: the transparency log.
        database: of everything but objects.
        objects: released files.
        vault: prompts; None where their key is elsewhere.
    """

    log: Log
    database: Database
    objects: Objects
    vault: Vault | None


@contextmanager
def open_record(settings: Settings) -> Iterator[Record]:
    """Open what an installation recorded, for looking at it alone: nothing is made, brought up to date or logged.

    Raises:
        KeyFileError, LedgerError, StoreError: there is no installation, or something is unusable; each says what to do.
    """
    paths = Paths(settings.data.absolute())
    log = Log(LogKey.load(paths.log_key), paths.log_checkpoint)
    if settings.database_url is None and not paths.database.exists():
        raise StoreError("database_unavailable", f"There is no database at {paths.database}; restore it.")
    database = Database(_database_url(settings, paths))
    try:
        database.check()
        vault = Vault(keyfiles.load_or_create(paths.prompts_key)) if paths.prompts_key.exists() else None
        yield Record(log, database, Objects(_objects(settings, paths)), vault)
    finally:
        database.close()


def stranger(anchors: Trust, *, timeout: timedelta = timedelta(minutes=2)) -> Inspector:
    """How somebody without the service reads a file: with public anchors, and no watermark key."""
    return Inspector(
        trust=lambda: anchors,
        mark_keys=(),
        limits=Limits(seconds=timeout.total_seconds()),
        reading=ReadLimits(),
    )


def _database_url(settings: Settings, paths: Paths) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return f"sqlite:///{paths.database}"


def _objects(settings: Settings, paths: Paths) -> Path | str:
    return settings.objects_url or paths.data / "objects"


def _workflow_url(settings: Settings, paths: Paths) -> str:
    if settings.workflow_database_url is not None:
        return settings.workflow_database_url.get_secret_value()
    if settings.database_url is not None and settings.database_url.get_secret_value().startswith("postgres"):
        return settings.database_url.get_secret_value()
    create_private(str(paths.workflow))  # the engine itself would let others read it
    return f"sqlite:///{paths.workflow}"


def _hook(settings: Settings) -> Hook:
    sealed = settings.sealed
    address = None if sealed.webhook is None else sealed.webhook.get_secret_value()
    return Hook(sealed.command, address, sealed.timeout_seconds)


def _log_key(path: Path, origin: str) -> LogKey:
    try:
        LogKey.create(path, origin)
    except ledger.LedgerError as error:
        if error.code != "key_exists":
            raise
    key = LogKey.load(path)
    if key.name != origin:
        raise ledger.LedgerError(
            "log_renamed",
            f"The log in {path.parent.parent} is called {key.name}, the settings call it {origin}; a log keeps its"
            " name. Set log_origin back, or begin with a new data folder: --data or GUARD_DATA.",
        )
    return key


def _trust(settings: Settings, paths: Paths) -> Trust:
    """Our own anchors, the operator's files, and the lists that were fetched."""
    return (
        Trust.from_folder(paths.signing)
        + Trust.from_files(settings.trust_lists)
        + credentials.trust_of(paths.trust)
    )


def _time_stamps(wanted: TimeStampSettings) -> TimeStamping | None:
    if wanted.url is None:
        return None
    return TimeStamping(wanted.url, wanted.timeout_seconds, wanted.attempts, wanted.when_down)


def _policy_in_force(services: Services) -> Entry:
    policy = services.judge.policy
    return PolicyEntry(policy_id=policy.id, policy_version=policy.version, policy_digest=policy.digest)


def _keys_in_force(services: Services) -> list[Entry]:
    chain = services.identity().chain_pem
    return [
        KeyEntry(
            key_id=services.key_status().id,
            purpose="manifest",
            event="activated",
            public_digest=f"sha256:{hashlib.sha256(chain).hexdigest()}",
        ),
        KeyEntry(key_id=services.mark_keys[0].id, purpose="mark", event="activated"),
    ]


def _in_force(session: Session, entry: Entry) -> bool:
    """Whether the newest entry of the same kind (and purpose) says the same."""
    newest = select(entries.c.leaf).where(entries.c.kind == entry.type).order_by(entries.c.leaf_index.desc())
    for leaf in session.scalars(newest):
        logged, _ = ledger.from_leaf(leaf)
        if not isinstance(entry, KeyEntry) or (
            isinstance(logged, KeyEntry) and logged.purpose == entry.purpose
        ):
            return logged == entry
    return False
