"""Migrations, transactions and failures of both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import StatementError

from guard.ledger import Log, PolicyEntry, append, from_leaf, metadata, read_leaf, size_of, verify_database
from guard.store import Database, StoreError, Tenant, create_tenant
from guard.store.migrating import VERSION_TABLE
from guard.store.types import Base

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32


def test_migrations_make_the_tables_of_the_models(database: Database) -> None:
    with database.read() as session:
        context = MigrationContext.configure(
            session.connection(), opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, [Base.metadata, metadata]) == []


def test_migrating_again_changes_nothing(database: Database, tenant: Tenant) -> None:
    database.migrate()
    database.check()
    with database.read() as session:
        assert session.get(Tenant, tenant.id) is not None


def test_empty_database_is_called_outdated(tmp_path: Path, new_postgres: Callable[[], str]) -> None:
    for url in (f"sqlite:///{tmp_path / 'empty.db'}", new_postgres()):
        database = Database(url)
        with pytest.raises(StoreError) as caught:
            database.check()
        assert caught.value.code == "database_outdated"
        database.close()


def test_two_processes_may_migrate_at_once(tmp_path: Path, new_postgres: Callable[[], str]) -> None:
    code = "import sys; from guard.store import Database; Database(sys.argv[1]).migrate()"
    for url in (f"sqlite:///{tmp_path / 'new.db'}", new_postgres()):
        both = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(2)]
        assert [process.wait(timeout=120) for process in both] == [0, 0]
        database = Database(url)
        database.check()
        database.close()


def test_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.write() as session:
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    for call in (database.check, database.migrate):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.code == "database_newer"


def test_write_is_rolled_back_on_any_exception(database: Database) -> None:
    def interrupted() -> None:
        with database.write() as session:
            create_tenant(session, "A", now=NOW)
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Tenant)) == 0


def test_reading_transaction_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError), database.read() as session:
        create_tenant(session, "A", now=NOW)
    with database.write() as session:
        create_tenant(session, "A", now=NOW)


def test_contradiction_is_a_conflict(database: Database, tenant: Tenant) -> None:
    with pytest.raises(StoreError) as caught, database.write() as session:
        create_tenant(session, tenant.name, now=NOW)
    assert caught.value.code == "conflict"


def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(StoreError) as caught, database.write() as session:
        session.execute(
            text(
                "INSERT INTO api_keys (id, tenant_id, name, prefix, hash, scopes, created) "
                "VALUES ('k', 'nobody', 'n', 'p', 'h', '[]', '2026-01-01')"
            )
        )
    assert caught.value.code == "conflict"


def test_naive_times_are_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="time zone"), database.write() as session:
        create_tenant(session, "A", now=NOW.replace(tzinfo=None))


def test_times_come_back_in_utc(database: Database, tenant: Tenant) -> None:
    with database.read() as session:
        read = session.get(Tenant, tenant.id)
        assert read is not None
        assert read.created == NOW
        assert read.created.tzinfo is UTC


@pytest.mark.parametrize("table", ["ledger_entries", "ledger_nodes", "ledger_checkpoints"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_log_is_append_only(database: Database, log: Log, table: str, verb: str) -> None:
    with database.write() as session:
        for number in range(2):
            append(session.connection(), policy(number), now=NOW)
        log.checkpoint(session.connection(), now=NOW)
    column = {"ledger_entries": "kind", "ledger_nodes": "node_index", "ledger_checkpoints": "created"}[table]
    with pytest.raises(StoreError) as caught, database.write() as session:
        session.execute(text(verb.format(table, column, column)))
    assert caught.value.code == "conflict"


def test_log_cannot_be_truncated_on_postgresql(new_postgres: Callable[[], str]) -> None:
    database = Database(new_postgres())
    database.migrate()
    with pytest.raises(StoreError) as caught, database.write() as session:
        session.execute(text("TRUNCATE ledger_entries"))
    assert caught.value.code == "conflict"
    database.close()


def policy(number: int) -> PolicyEntry:
    return PolicyEntry(policy_id=f"policy-{number}", policy_version=1, policy_digest=DIGEST)


def test_index_must_be_the_next(database: Database) -> None:
    with pytest.raises(StoreError) as caught, database.write() as session:
        session.execute(
            text(
                "INSERT INTO ledger_entries (leaf_index, leaf, leaf_hash, kind, created) "
                "VALUES (5, :data, :data, 'x', '2026-01-01 00:00:00+00:00')"
            ),
            {"data": b"x" * 32},
        )
    assert caught.value.code == "conflict"


WRITER = """
import sys
from datetime import UTC, datetime
from guard.ledger import PolicyEntry, append
from guard.store import Database
database = Database(sys.argv[1], busy_timeout=120)
for number in range(int(sys.argv[3])):
    with database.write() as session:
        name, digest = f"{sys.argv[2]}-{number}", "sha256:" + "ab" * 32
        entry = PolicyEntry(policy_id=name, policy_version=1, policy_digest=digest)
        append(session.connection(), entry, now=datetime(2026, 5, 4, tzinfo=UTC))
"""


def test_writers_in_threads_and_processes_leave_no_gap(database_url: str, log: Log) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, database_url, f"process{n}", "15"]) for n in range(2)
    ]
    database = Database(database_url, busy_timeout=120)

    def work(name: str) -> None:
        for number in range(15):
            with database.write() as session:
                append(
                    session.connection(),
                    PolicyEntry(policy_id=f"{name}-{number}", policy_version=1, policy_digest=DIGEST),
                    now=NOW,
                )
            if number % 5 == 0:
                with database.write() as session:
                    log.checkpoint(session.connection(), now=NOW)

    threads = [threading.Thread(target=work, args=(f"thread{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(timeout=180) for process in processes] == [0, 0]
    with database.write() as session:
        log.checkpoint(session.connection(), now=NOW)
    with database.read() as session:
        conn = session.connection()
        assert size_of(conn) == 75
        logged = [from_leaf(read_leaf(conn, index))[0].policy_id for index in range(75)]  # type: ignore[union-attr]
        assert len(set(logged)) == 75
        for name in ("process0", "process1", "thread0", "thread1", "thread2"):
            own = [entry for entry in logged if entry.startswith(name + "-")]
            assert own == [f"{name}-{number}" for number in range(15)]
        report = verify_database(conn, log.public_key)
        assert report.ok, report.problems
    database.close()


def test_locked_database_is_called_unavailable(database_url: str) -> None:
    # SQLite's writing transactions hold the lock from their first moment.
    lock = "SELECT 1" if database_url.startswith("sqlite") else "SELECT pg_advisory_xact_lock(1)"
    first, second = Database(database_url), Database(database_url, busy_timeout=0.1)
    with first.write() as holder:
        holder.execute(text(lock))
        with pytest.raises(StoreError) as caught, second.write() as session:
            session.execute(text(lock))
    assert caught.value.code == "database_unavailable"
    first.close()
    second.close()


def test_unreachable_database_is_called_unavailable(tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "guard.db"
    database = Database(f"sqlite:///{gone}")
    gone.unlink()
    gone.parent.rmdir()
    for unreachable in (database, Database("postgresql://nobody@127.0.0.1:9/none")):
        with pytest.raises(StoreError) as caught, unreachable.write() as session:
            session.execute(text("SELECT 1"))
        assert caught.value.code == "database_unavailable"
        assert "nobody" not in str(caught.value)
        unreachable.close()


def test_lost_connection_is_called_unavailable_and_comes_back(new_postgres: Callable[[], str]) -> None:
    url = new_postgres()
    database, other = Database(url), Database(url)

    def lose() -> None:
        with database.write() as session:
            pid = session.scalar(text("SELECT pg_backend_pid()"))
            with other.write() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            session.execute(text("SELECT 1"))

    with pytest.raises(StoreError) as caught:
        lose()
    assert caught.value.code == "database_unavailable"
    with database.write() as session:
        assert session.scalar(text("SELECT 1")) == 1
    database.close()
    other.close()


def test_full_disk_is_called_unavailable_and_loses_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'guard.db'}")
    database.migrate()
    with database.write() as session:
        create_tenant(session, "A", now=NOW)

    def fill() -> None:
        with database.write() as session:
            session.execute(text("PRAGMA max_page_count = 1"))  # SQLite raises it to the pages in use
            for number in range(2000):
                create_tenant(session, f"tenant {number} {'x' * 200}", now=NOW)

    with pytest.raises(StoreError) as caught:
        fill()
    assert caught.value.code == "database_unavailable"
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Tenant)) == 1
    database.close()


def test_errors_do_not_show_values(database: Database, tenant: Tenant) -> None:
    marker = "geheimer-wert-4711"
    with pytest.raises(StoreError) as caught, database.write() as session:
        session.execute(
            text("INSERT INTO tenants (id, name) VALUES (:id, :name)"), {"id": marker, "name": marker}
        )
    texts = []
    error: BaseException | None = caught.value
    while error is not None:
        texts.append(str(error))
        error = error.__cause__
    assert len(texts) >= 2
    assert marker not in texts[0]
    assert "parameters hidden" in texts[1]


@pytest.mark.parametrize("url", ["", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_unsupported_databases_are_refused(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        Database(url)
    assert caught.value.code == "database_unsupported"
