"""A log in a SQLite file, as a caller would hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection

from guard.ledger import DecisionEntry, Entry, Log, LogKey, ReleaseEntry, append, metadata

NOW = datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC)
ORIGIN = "log.example/tests"
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'log.db'}")

    @event.listens_for(engine, "connect")
    def _connect(connection, _record):  # type: ignore[no-untyped-def]
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as conn:
        metadata.create_all(conn)
    yield engine
    engine.dispose()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(LogKey.create(tmp_path / "log.key", ORIGIN), tmp_path / "log.checkpoint")


@pytest.fixture
def entry() -> Callable[[int], Entry]:
    """An entry for a number: every third one is a release."""

    def make(number: int) -> Entry:
        if number % 3 == 2:
            return ReleaseEntry(
                release_id=f"release_{number}",
                tenant_commitment="hmac-" + DIGEST,
                video_id=f"video_{number}",
                asset_digest=DIGEST,
                size=1000,
                manifest_id=f"urn:c2pa:{number}",
                fingerprint_digest=DIGEST,
                manifest_digest=DIGEST,
                model_digest=DIGEST,
                policy_digest=DIGEST,
                mark_algorithm="io.github.generation-guard.lattice.1",
                mark_key_id="mark-1",
                payload_commitment="hmac-" + DIGEST,
            )
        return DecisionEntry(
            decision_id=f"decision_{number}",
            tenant_commitment="hmac-" + DIGEST,
            stage="prompt",
            action="allow",
            reason="allowed",
            policy_id="default",
            policy_version=3,
            policy_digest=DIGEST,
        )

    return make


@pytest.fixture
def fill(engine: Engine, entry: Callable[[int], Entry]) -> Callable[[int], None]:
    """Append until the log has so many leaves."""
    state = {"size": 0}

    def run(size: int) -> None:
        with engine.begin() as conn:
            for number in range(state["size"], size):
                assert append(conn, entry(number), now=NOW) == number
        state["size"] = size

    return run
