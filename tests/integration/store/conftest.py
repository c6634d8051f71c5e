"""Every test of the store runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guard.ledger import Log, LogKey
from guard.ledger import metadata as ledger_metadata
from guard.store import Database, NewRelease, Tenant, Video, create_tenant, create_video, start_video
from guard.store.migrating import VERSION_TABLE
from guard.store.migrations import versions
from guard.store.types import Base

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
NEWEST = max(path.name[1:5] for path in Path(versions.__path__[0]).glob("m*.py"))
"""The newest migration: files are named mNNNN_what.py."""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "guard.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.scrub()
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_database(new_postgres: Callable[[], str]) -> str:
    url = new_postgres()
    database = Database(url)
    database.migrate()
    database.close()
    return url


def empty(url: str) -> None:
    """Empty a migrated PostgreSQL database, which is much faster than making another."""
    tables = ", ".join([*Base.metadata.tables, *ledger_metadata.tables])
    with psycopg.connect(url.replace("+psycopg", "")) as conn:
        conn.execute("SET session_replication_role = replica")  # without the triggers of the log
        conn.execute(f"TRUNCATE {tables}")  # type: ignore[call-overload]
        conn.execute(f"UPDATE {VERSION_TABLE} SET version_num = '{NEWEST}'")  # type: ignore[call-overload]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "guard.db")
        return f"sqlite:///{tmp_path / 'guard.db'}"
    url: str = request.getfixturevalue("postgres_database")
    empty(url)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def tenant(database: Database) -> Tenant:
    with database.write() as session:
        return create_tenant(session, "Testhaus", now=NOW)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(LogKey.create(tmp_path / "log.key", "log.example/store"), tmp_path / "log.checkpoint")


@dataclass
class Judged:
    """A decision as a judge hands it over."""

    action: str = "allow"
    stage: str = "prompt"
    reason: str = "allowed"
    categories: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=lambda: {"violence": 0.125})
    policy_id: str = "default"
    policy_version: int = 2
    policy_digest: str = DIGEST
    model_id: str = "classifier-1"
    model_digest: str = DIGEST
    details: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def judged() -> type[Judged]:
    return Judged


@dataclass(frozen=True)
class Frame:
    """A frame hash."""

    time: float
    hash: str
    quality: int = 100
    crop: int = 100


@pytest.fixture
def frames() -> Callable[..., list[Frame]]:
    """Frame hashes from a seed; ``flip`` turns so many bits of each around."""

    def make(seed: int, count: int = 8, flip: int = 0, quality: int = 100) -> list[Frame]:
        source, turned = random.Random(seed), random.Random(seed + 1)
        made = []
        for number in range(count):
            value = source.getrandbits(256)
            for bit in turned.sample(range(256), flip):
                value ^= 1 << bit
            made.append(Frame(float(number), f"{value:064x}", quality))
        return made

    return make


@pytest.fixture
def new_video(database: Database, tenant: Tenant) -> Callable[..., Video]:
    def make(number: int = 0, *, started: bool = True, file_format: str = "mp4") -> Video:
        with database.write() as session:
            video = create_video(
                session,
                tenant_id=tenant.id,
                model="guard-scenes-1",
                seconds=4,
                size="1280x720",
                seed=2**40 + number,
                now=NOW + timedelta(seconds=number),
                file_format=file_format,
            )
            return start_video(session, video.id) if started else video

    return make


@pytest.fixture
def new_release() -> Callable[..., NewRelease]:
    def make(number: int = 0) -> NewRelease:
        return NewRelease(
            asset_digest=f"sha256:{number:064x}",
            size=12_345,
            manifest_id=f"urn:c2pa:{number}",
            manifest_digest=DIGEST,
            mark_algorithm="io.github.generation-guard.lattice.1",
            mark_preset="robust",
            mark_key_id="mark-1",
            model_name="guard-scenes-1",
            model_revision="1",
            model_digest=DIGEST,
            policy_digest=DIGEST,
        )

    return make
