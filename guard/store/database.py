"""The database: SQLite for one machine, PostgreSQL beyond. The only place where its errors become ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, exc, text
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.orm import Session

from guard.store import migrating
from guard.store.errors import StoreError

_PASSING = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.InternalError,
    exc.TimeoutError,
    exc.DisconnectionError,
)
_MIGRATION_LOCK = 0x6D69677261746501
_RAISED_BY_TRIGGER = "P0001"
_WRITES = "guard_writes"
_POSTGRESQL_READS = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
"""One snapshot for the whole transaction, as on SQLite: reports and audits need it."""


class Database:
    """Connections and transactions.

    Args:
        url: ``sqlite:///path/to/guard.db`` or ``postgresql+psycopg://…``.
        busy_timeout: seconds to wait for another writer.

    Raises:
        StoreError: ``database_unsupported``.
    """

    def __init__(self, url: str, *, busy_timeout: float = 15.0) -> None:
        parsed = _checked(url)
        self.dialect: str = parsed.get_backend_name()
        options: dict[str, Any] = {}
        if self.dialect == "sqlite":
            create_private(parsed.database)
            options["connect_args"] = {"timeout": busy_timeout}
        else:
            options["connect_args"] = {"options": f"-c lock_timeout={int(busy_timeout * 1000)}"}
            options["pool_pre_ping"] = True
        # Parameters would otherwise appear in the text of errors, and from there in logs.
        self._engine: Engine = create_engine(parsed, hide_parameters=True, **options)
        if self.dialect == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self._reader = self._engine.execution_options(
            **({} if self.dialect == "sqlite" else _POSTGRESQL_READS)
        )

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end, rolled back on any exception.

        On SQLite it holds the write lock from its first moment, so that it never fails half-way for another
        writer's sake. Objects stay usable after the commit.

        Raises:
            StoreError: ``database_unavailable``, or ``conflict`` if a row contradicts another.
        """
        with _translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            session.connection()
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; a write in it is refused by the database.

        Raises:
            StoreError: ``database_unavailable``.
        """
        with _translated(), Session(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the tables up to date; safe when several processes start at once.

        Raises:
            StoreError: ``database_unavailable``; ``database_newer`` if a newer version of this software has
                been here.
        """
        with _translated(), self._writer.begin() as conn:
            if self.dialect == "postgresql":
                conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            migrating.upgrade(conn)

    def check(self) -> None:
        """Whether the database answers and has the tables that this version expects.

        Raises:
            StoreError: ``database_unavailable``, ``database_outdated``, ``database_newer``.
        """
        with _translated(), self._reader.begin() as conn:
            migrating.check(conn)

    def scrub(self) -> None:
        """Make erased data leave the files: on SQLite the write-ahead log is emptied.

        Overwriting is on (``secure_delete``), so after this no erased key is left in the database's files. On
        PostgreSQL dead rows go with ``VACUUM``, which autovacuum runs.

        Raises:
            StoreError: ``database_unavailable`` if a long reader is in the way.
        """
        if self.dialect != "sqlite":
            return
        with _translated(), self._engine.connect() as conn:
            raw: Any = conn.connection.driver_connection
            raw.execute("PRAGMA query_only=OFF")
            busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreError(
                "database_unavailable", "The database is in use and was not scrubbed; try again."
            )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __repr__(self) -> str:
        return f"Database({self.dialect})"


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise StoreError("database_unsupported", "The database's URL cannot be read.") from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise StoreError(
            "database_unsupported", "Use sqlite:///path or postgresql+psycopg://user@host/name as database."
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("database_unsupported", "SQLite needs a file; name one as sqlite:///path.")
    return parsed


def create_private(path: str | None) -> None:
    """Make the file before SQLite does, so that nobody else may read it; its journals inherit the mode."""
    try:
        Path(str(path)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(str(path), os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise StoreError("database_unavailable", f"The database file cannot be used: {reason}.") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
    # Damaged text must not keep an audit from saying where it is.
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.execute("PRAGMA journal_mode=WAL")
    # A checkpoint that was published and then lost in a power cut would be a fork of the log.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")


def _begin_sqlite(conn: Connection) -> None:
    writes = bool(conn.get_execution_options().get(_WRITES))
    conn.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what databases raise into :class:`StoreError`; everything else passes."""
    try:
        yield
    except exc.IntegrityError as error:
        raise StoreError("conflict", "The change contradicts what the database already holds.") from error
    except _PASSING as error:
        raise StoreError(
            "database_unavailable",
            "The database cannot be used right now (locked, unreachable or full); try again.",
        ) from error
    except exc.DatabaseError as error:
        if getattr(error.orig, "sqlstate", None) == _RAISED_BY_TRIGGER:
            raise StoreError("conflict", "The log only grows; its rows cannot be changed.") from error
        if isinstance(error, exc.ProgrammingError | exc.DataError | exc.NotSupportedError):
            raise
        raise StoreError(
            "database_unavailable", "The database is damaged or unreadable; restore it from a backup."
        ) from error
