"""The tree in the database: append, and read what was appended. Works inside the caller's transaction.

There is one writer at a time: on PostgreSQL an advisory lock that ends with the transaction, on SQLite the
write lock that the caller takes with ``BEGIN IMMEDIATE``. The insert triggers accept only the next index, so
that a caller without the lock gets a conflict and never a gap or a fork.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import and_, func, insert, or_, select, text
from sqlalchemy.engine import Connection

from guard.ledger import merkle
from guard.ledger.entries import Entry, to_leaf
from guard.ledger.errors import LedgerError
from guard.ledger.raw import as_bytes, as_text, as_time, raw
from guard.ledger.tables import checkpoints, entries, nodes

_WRITER_LOCK = 0x6C65646765720001
"""Key of the advisory lock on PostgreSQL ("ledger", 1)."""


def lock_writer(conn: Connection) -> None:
    """Become the log's only writer until the transaction ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})


def append(conn: Connection, entry: Entry, *, now: datetime) -> int:
    """Append an entry; it stands or falls with the caller's transaction.

    Args:
        conn: connection with an open write transaction (SQLite: begun with ``BEGIN IMMEDIATE``; PostgreSQL:
            ``READ COMMITTED``).
        entry: what happened.
        now: when, with a time zone.

    Returns:
        The index of the new leaf.

    Raises:
        LedgerError: ``leaf_too_large``.
    """
    lock_writer(conn)
    leaf = to_leaf(entry, now)
    index = size_of(conn)
    value = merkle.leaf_hash(leaf)
    conn.execute(
        insert(entries).values(
            # SQLite drops the zone.
            leaf_index=index,
            leaf=leaf,
            leaf_hash=value,
            kind=entry.type,
            created=now.astimezone(UTC),
        )
    )
    siblings = merkle.completed_by(index)
    completed = []
    for (level, sibling), left in zip(siblings, read_nodes(conn, siblings), strict=True):
        value = merkle.node_hash(left, value)
        completed.append({"level": level + 1, "node_index": sibling >> 1, "hash": value})
    if completed:
        conn.execute(insert(nodes), completed)
    return index


def size_of(conn: Connection) -> int:
    """How many leaves the log has."""
    return int(conn.execute(select(func.coalesce(func.max(entries.c.leaf_index), -1))).scalar_one()) + 1


def read_leaf(conn: Connection, index: int) -> bytes:
    """The bytes of one leaf.

    Raises:
        LedgerError: ``index_out_of_range``.
    """
    leaf: bytes | None = conn.execute(
        select(entries.c.leaf).where(entries.c.leaf_index == index)
    ).scalar_one_or_none()
    if leaf is None:
        raise LedgerError("index_out_of_range", f"The log has no leaf {index}.")
    return leaf


@dataclass(frozen=True)
class StoredLeaf:
    """A leaf's row: its bytes, and what the columns beside them claim."""

    index: int
    leaf: bytes
    hash: bytes
    kind: str
    time: str


def read_leaves(
    conn: Connection, start: int = 0, end: int | None = None, *, batch: int = 256
) -> Iterator[StoredLeaf]:
    """Stream the leaves ``[start, end)``, or all from ``start``, in order, a batch of rows at a time."""
    index = entries.c.leaf_index
    columns = (index, *map(raw, (entries.c.leaf, entries.c.leaf_hash, entries.c.kind, entries.c.created)))
    while end is None or start < end:
        query = select(*columns).where(index >= start).order_by(index).limit(batch)
        rows = conn.execute(query if end is None else query.where(index < end)).all()
        for number, leaf, value, kind, created in rows:
            yield StoredLeaf(number, as_bytes(leaf), as_bytes(value), as_text(kind), as_time(created))
        if not rows:
            return
        start = rows[-1][0] + 1


def read_nodes(conn: Connection, wanted: Sequence[merkle.Node]) -> list[bytes]:
    """Hashes of complete nodes, in the order asked for.

    Raises:
        LedgerError: ``log_inconsistent`` if one is not there.
    """
    found: dict[merkle.Node, bytes] = {}
    leaves = [index for level, index in wanted if level == 0]
    if leaves:
        query = select(entries.c.leaf_index, raw(entries.c.leaf_hash)).where(entries.c.leaf_index.in_(leaves))
        found.update({(0, index): as_bytes(value) for index, value in conn.execute(query)})
    # By level, since SQLite does not use its index for a list of pairs.
    levels: dict[int, list[int]] = {}
    for level, index in wanted:
        if level > 0:
            levels.setdefault(level, []).append(index)
    if levels:
        places = [and_(nodes.c.level == level, nodes.c.node_index.in_(at)) for level, at in levels.items()]
        rows = conn.execute(select(nodes.c.level, nodes.c.node_index, raw(nodes.c.hash)).where(or_(*places)))
        found.update({(level, index): as_bytes(value) for level, index, value in rows})
    if len(found) != len(set(wanted)):
        raise LedgerError("log_inconsistent", "The log has lost nodes of its tree; restore the database.")
    return [found[node] for node in wanted]


def range_hashes(conn: Connection, ranges: Sequence[merkle.Range]) -> list[bytes]:
    """Hash of the subtree over each of ``ranges``, by one query for all."""
    plan = [merkle.nodes_of(leaves) for leaves in ranges]
    hashes = iter(read_nodes(conn, [node for part in plan for node in part]))
    return [merkle.fold([next(hashes) for _ in part]) for part in plan]


def root_of(conn: Connection, size: int) -> bytes:
    """Root of the first ``size`` leaves."""
    return range_hashes(conn, [(0, size)])[0]


def read_checkpoints(conn: Connection) -> list[tuple[object, bytes, str]]:
    """All checkpoints as ``(size, root, note)``, oldest first."""
    columns = (checkpoints.c.size, raw(checkpoints.c.root), raw(checkpoints.c.note))
    rows = conn.execute(select(*columns).order_by(checkpoints.c.size))
    return [(size, as_bytes(root), as_text(note)) for size, root, note in rows]
