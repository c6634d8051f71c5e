"""Tables of the log, on a MetaData of their own, and the triggers that keep them append-only.

The triggers guard against mistakes and against a careless administrator, not against one who drops them:
what convinces others are the checkpoints that left the house.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    event,
)
from sqlalchemy.engine import Connection

metadata = MetaData()

entries = Table(
    "ledger_entries",
    metadata,
    Column("leaf_index", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    Column("kind", String(32), nullable=False, index=True),
    Column("created", DateTime(timezone=True), nullable=False),
)
"""One row a leaf; ``leaf`` is the canonical JSON, ``leaf_hash`` its RFC 6962 hash."""

nodes = Table(
    "ledger_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("node_index", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)
"""Hashes of complete subtrees of level 1 and above: proofs need no leaf hashed again."""

checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False),
)
"""Every checkpoint ever signed."""

salts = Table(
    "ledger_salts",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("salt", LargeBinary(32), nullable=False),
)
"""Salts of the commitments in the leaves. Rows may be deleted: that makes a commitment unlinkable."""

_NEXT = {
    "ledger_entries": "NEW.leaf_index <> (SELECT coalesce(max(leaf_index), -1) + 1 FROM ledger_entries)",
    "ledger_nodes": (
        "NEW.node_index <> (SELECT coalesce(max(node_index), -1) + 1 "
        "FROM ledger_nodes WHERE level = NEW.level)"
    ),
    "ledger_checkpoints": "NEW.size <= (SELECT coalesce(max(size), -1) FROM ledger_checkpoints)",
}


def _sqlite_triggers() -> list[str]:
    statements = []
    for table, broken in _NEXT.items():
        # The insert guard also stops INSERT OR REPLACE, which deletes without firing delete triggers.
        statements.append(
            f"CREATE TRIGGER {table}_next BEFORE INSERT ON {table} WHEN {broken} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: this row is not the next one'); END"
        )
        statements += [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return statements


def _postgresql_triggers() -> list[str]:
    statements = [
        "CREATE FUNCTION ledger_reject() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"
    ]
    for table, broken in _NEXT.items():
        statements += [
            f"CREATE FUNCTION {table}_check_next() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {broken} THEN "
            f"RAISE EXCEPTION '{table} is append-only: this row is not the next one'; END IF; "
            "RETURN NEW; END $$",
            f"CREATE TRIGGER {table}_next BEFORE INSERT ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_check_next()",
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION ledger_reject()",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_reject()",
        ]
    return statements


def trigger_statements(dialect: str) -> list[str]:
    """The statements that make the log's tables append-only.

    Args:
        dialect: ``sqlite`` or ``postgresql``.

    Raises:
        ValueError: for any other database.
    """
    if dialect == "sqlite":
        return _sqlite_triggers()
    if dialect == "postgresql":
        return _postgresql_triggers()
    raise ValueError(f"the log runs on SQLite and PostgreSQL, not on {dialect}")


@event.listens_for(metadata, "after_create")
def _create_triggers(_target: MetaData, connection: Connection, **_options: object) -> None:
    for statement in trigger_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
