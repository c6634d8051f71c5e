"""Audit of the log in the database, and of the rows that say they are logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from guard.ledger.commitments import commitment
from guard.ledger.entries import from_leaf, timestamp
from guard.ledger.errors import LedgerError
from guard.ledger.merkle import Frontier, inclusion_ranges, leaf_hash, verify_inclusion
from guard.ledger.notes import Checkpoint, VerifyKey
from guard.ledger.report import Report, read_checkpoint
from guard.ledger.tables import nodes
from guard.ledger.tree import StoredLeaf, range_hashes, read_checkpoints, read_leaves, read_nodes

_LOGGED_TYPES = frozenset({"decision", "review", "release", "revocation"})
"""Types of leaves that have a row of their own."""

_NODES_AT_ONCE = 200


@dataclass(frozen=True)
class Expected:
    """What a row outside the log says about a leaf.

    Attributes:
        index: of the leaf; below 0 if the row names none.
        type: of the leaf.
        values: fields of the leaf that must agree; ``time`` is the leaf's.
        committed: what the leaf's commitments must open to, by field.
        salt: of the commitments; None if there is none.
    """

    index: int | float
    type: str
    values: Mapping[str, object]
    committed: Mapping[str, bytes | None] = field(default_factory=dict)
    salt: bytes | None = None


def verify_database(
    conn: Connection,
    public_key: VerifyKey | str,
    *,
    expected: Callable[[], Iterable[Expected]] | None = None,
    previous_checkpoints: Sequence[str] = (),
) -> Report:
    """Check the log in the database completely.

    Every leaf is hashed again and compared with the stored hashes and nodes; every checkpoint ever signed
    must carry a valid signature and the root of its size, so that all are consistent with each other; every
    row that ``expected`` yields must be in the tree where it says, and no leaf of those types may lack a row.

    Args:
        conn: connection with an open transaction; the audit sees one snapshot if the transaction does.
        public_key: the log's key.
        expected: yields what other tables say about leaves, in the order of their index, unlogged ones first.
        previous_checkpoints: signed checkpoints kept outside of this database.

    Raises:
        LedgerError: ``key_invalid``. Whatever is wrong with the log is in the report.
    """
    key = VerifyKey.parse(public_key) if isinstance(public_key, str) else public_key
    report = Report(origin=key.name)
    claims = _checkpoints(report, conn, key, previous_checkpoints)
    rows = None if expected is None else _Rows(report, expected())
    _replay_database(report, conn, claims, rows)
    return report


class _Rows:
    """Expected rows, walked along with the leaves."""

    def __init__(self, report: Report, rows: Iterable[Expected]) -> None:
        self._report = report
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def at(self, index: int) -> list[Expected]:
        """The rows of one leaf; those that come too late or have no index are reported."""
        found: list[Expected] = []
        while self._next is not None and self._next.index <= index:
            if self._next.index == index:
                found.append(self._next)
            else:
                self._unlogged(self._next)
            self._next = next(self._rows, None)
        return found

    def end(self) -> None:
        """All leaves were seen; what is left was never logged."""
        while self._next is not None:
            self._unlogged(self._next)
            self._next = next(self._rows, None)

    def _unlogged(self, row: Expected) -> None:
        place = f"at leaf {row.index}" if row.index >= 0 else "nowhere"
        self._report.problem("row_unlogged", f"A {row.type} claims to be logged {place}; it is not.")


def _checkpoints(
    report: Report, conn: Connection, key: VerifyKey, previous: Sequence[str]
) -> dict[int, set[bytes]]:
    before = report.found
    claims: dict[int, set[bytes]] = {}
    newest: Checkpoint | None = None
    for size, root, note in read_checkpoints(conn):
        checkpoint = read_checkpoint(report, note, key, f"checkpoint of {size} leaves")
        if checkpoint is None:
            continue
        if (checkpoint.size, checkpoint.root) != (size, root):
            report.problem("checkpoint_mismatch", f"The checkpoint of {size} leaves signs something else.")
        claims.setdefault(checkpoint.size, set()).add(checkpoint.root)
        if newest is None or checkpoint.size > newest.size:
            newest = checkpoint
    if newest is None:
        report.problem("checkpoint_missing", "The log has no valid checkpoint yet.")
    else:
        report.size, report.root = newest.size, newest.root.hex()
    for note in previous:
        kept = read_checkpoint(report, note, key, "previous checkpoint")
        if kept is None:
            continue
        if kept.root not in claims.setdefault(kept.size, set()):
            report.problem(
                "checkpoint_missing",
                f"A checkpoint of {kept.size} leaves was signed and is not stored any more.",
            )
        claims[kept.size].add(kept.root)
    report.held("signature", before)
    return claims


def _replay_database(
    report: Report, conn: Connection, claims: dict[int, set[bytes]], rows: _Rows | None
) -> None:
    before = report.found
    frontier = Frontier()
    interior = 0
    fresh: list[tuple[int, int, bytes]] = []
    for root in claims.pop(0, set()):
        _claim(report, 0, root, frontier.root())
    for stored in read_leaves(conn):
        if stored.index != frontier.size:
            report.problem("leaf_missing", f"Leaf {frontier.size} is missing.")
            break
        value = leaf_hash(stored.leaf)
        if value != stored.hash:
            report.problem("leaf_mismatch", f"Leaf {stored.index} does not fit its stored hash.")
        fresh += list(frontier.push(value))[1:]
        if len(fresh) >= _NODES_AT_ONCE:
            interior += len(fresh)
            _compare_nodes(report, conn, fresh)
            fresh.clear()
        _compare_rows(report, conn, stored, None if rows is None else rows.at(stored.index))
        for root in claims.pop(frontier.size, set()):
            _claim(report, frontier.size, root, frontier.root())
    _compare_nodes(report, conn, fresh)
    interior += len(fresh)
    report.replayed = frontier.size
    report.pending = max(0, frontier.size - report.size)
    if conn.execute(select(func.count()).select_from(nodes)).scalar_one() != interior:
        report.problem("node_mismatch", "The stored tree has more or fewer nodes than its leaves give.")
    report.held("replay", before)
    if rows is not None:
        rows.end()
        report.held("rows", before)
    for missing in sorted(claims):
        report.problem("log_truncated", f"A checkpoint signs {missing} leaves; the log has {frontier.size}.")
    report.held("consistency", before)


def _claim(report: Report, size: int, claimed: bytes, found: bytes) -> None:
    if claimed != found:
        report.problem("root_mismatch", f"The first {size} leaves do not give the root that was signed.")


def _compare_nodes(report: Report, conn: Connection, fresh: list[tuple[int, int, bytes]]) -> None:
    if not fresh:
        return
    try:
        stored = read_nodes(conn, [(level, index) for level, index, _ in fresh])
    except LedgerError as error:
        report.problem("node_mismatch", str(error))
        return
    for (level, index, value), found in zip(fresh, stored, strict=True):
        if value != found:
            report.problem("node_mismatch", f"Node {index} of level {level} does not fit the leaves.")


def _compare_rows(report: Report, conn: Connection, stored: StoredLeaf, rows: list[Expected] | None) -> None:
    index = stored.index
    try:
        entry, time = from_leaf(stored.leaf)
    except LedgerError as error:
        report.problem(error.code, f"Leaf {index}: {error}")
        return
    says = {**entry.model_dump(mode="json"), "time": timestamp(time)}
    if (stored.kind, stored.time) != (entry.type, says["time"]):
        report.problem("leaf_mismatch", f"Leaf {index} does not fit the kind and time stored beside it.")
    if rows is None:
        return
    if entry.type in _LOGGED_TYPES and not rows:
        report.problem("row_missing", f"Leaf {index} logs a {entry.type} that has no row in the database.")
    for row in rows:
        different = [name for name, value in row.values.items() if says.get(name) != value]
        different += [
            name for name, value in row.committed.items() if not _opens(says.get(name), row.salt, value)
        ]
        if row.type != entry.type or different:
            report.problem(
                "row_mismatch", f"Leaf {index} and its row disagree on: {', '.join(different) or 'type'}."
            )
        if row.type == "release" and index < report.size:
            _prove(report, conn, index)


def _opens(logged: object, salt: bytes | None, value: bytes | None) -> bool:
    """Whether a leaf's commitment is one to this value; one to nothing is none."""
    if value is None or salt is None:
        return value is None and logged is None
    return logged == commitment(salt, value)


def _prove(report: Report, conn: Connection, index: int) -> None:
    """Prove a release against the newest checkpoint, as a stranger would."""
    try:
        [value] = read_nodes(conn, [(0, index)])
        path = range_hashes(conn, inclusion_ranges(index, report.size))
    except LedgerError:
        path, value = [], b""
    if not verify_inclusion(value, index, report.size, path, bytes.fromhex(report.root or "")):
        report.problem("inclusion_failed", f"The release at leaf {index} is not in the signed tree.")
