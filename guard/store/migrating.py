"""Migrations, run by the program itself: an installation needs no ``alembic`` command and no ini file."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from guard.store.errors import StoreError

VERSION_TABLE = "guard_schema_version"


def configuration(conn: Connection) -> Config:
    """Alembic's configuration over an open connection."""
    config = Config()
    config.set_main_option("script_location", "guard.store:migrations")
    config.attributes["connection"] = conn
    return config


def upgrade(conn: Connection) -> None:
    """Run what is missing, in the caller's transaction.

    Raises:
        StoreError: ``database_newer``.
    """
    _refuse_newer(conn)
    command.upgrade(configuration(conn), "head")


def check(conn: Connection) -> None:
    """Compare the database's version with the newest migration.

    Raises:
        StoreError: ``database_outdated``, ``database_newer``.
    """
    _refuse_newer(conn)
    if _current(conn) != _script(conn).get_current_head():
        raise StoreError("database_outdated", "The database has old tables; run the migrations first.")


def _script(conn: Connection) -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration(conn))


def _current(conn: Connection) -> str | None:
    return MigrationContext.configure(conn, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _refuse_newer(conn: Connection) -> None:
    current = _current(conn)
    known = {revision.revision for revision in _script(conn).walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            "database_newer",
            "A newer version of this software has changed this database; update the software.",
        )
