"""A log with its signing key: checkpoints, proofs and exports. Works inside the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from guard.ledger import merkle
from guard.ledger.errors import LedgerError
from guard.ledger.notes import Checkpoint, LogKey, VerifyKey, open_checkpoint
from guard.ledger.proofs import Proof
from guard.ledger.tables import checkpoints
from guard.ledger.tiles import write_tiles
from guard.ledger.tree import lock_writer, range_hashes, read_leaf, root_of, size_of


class Log:
    """Checkpoints, proofs and exports of one log.

    Args:
        key: the log's signing key; its name is the log's origin.
    """

    def __init__(self, key: LogKey) -> None:
        self._key = key

    @property
    def origin(self) -> str:
        """Name of the log in its checkpoints."""
        return self._key.name

    @property
    def public_key(self) -> VerifyKey:
        """Key that others check checkpoints with; ``str()`` gives its text form."""
        return self._key.public

    def checkpoint(self, conn: Connection, *, now: datetime) -> str:
        """Sign the log as it stands and remember the checkpoint; the same size gives the same note again.

        Args:
            conn: connection with an open write transaction.
            now: when, with a time zone.

        Raises:
            LedgerError: ``log_inconsistent`` if the log no longer extends the last checkpoint.
        """
        lock_writer(conn)
        size = size_of(conn)
        last = self.latest(conn)
        if last is not None:
            previous = open_checkpoint(last, self.public_key)
            if previous.size > size or root_of(conn, previous.size) != previous.root:
                raise LedgerError(
                    "log_inconsistent",
                    f"The log no longer extends its checkpoint of {previous.size} leaves; nothing was signed."
                    " Restore the database from a backup and run the audit.",
                )
            if previous.size == size:
                return last
        root = root_of(conn, size)
        note = self._key.sign(Checkpoint(self.origin, size, root).text())
        conn.execute(insert(checkpoints).values(size=size, root=root, note=note, created=now))
        return note

    def latest(self, conn: Connection) -> str | None:
        """The newest signed checkpoint, or None."""
        return conn.execute(
            select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
        ).scalar_one_or_none()

    def inclusion(self, conn: Connection, index: int, size: int) -> list[bytes]:
        """Inclusion proof of a leaf in the tree of the first ``size`` leaves, from the bottom up.

        Raises:
            LedgerError: ``index_out_of_range``.
        """
        if not 0 <= index < size <= size_of(conn):
            raise LedgerError("index_out_of_range", f"The log has no leaf {index} in a tree of size {size}.")
        return range_hashes(conn, merkle.inclusion_ranges(index, size))

    def consistency(self, conn: Connection, old: int, new: int) -> list[bytes]:
        """Proof that the first ``new`` leaves extend the first ``old``.

        Raises:
            LedgerError: ``index_out_of_range``.
        """
        if not 0 <= old <= new <= size_of(conn):
            raise LedgerError("index_out_of_range", f"The log has no trees of sizes {old} and {new}.")
        return range_hashes(conn, merkle.consistency_ranges(old, new))

    def proof(self, conn: Connection, index: int) -> str:
        """Proof of a leaf against the newest checkpoint, as the text of a C2SP ``.tlog-proof`` file.

        The leaf's own bytes travel in the ``extra`` line, so that the file alone, with the log's public key,
        can be checked offline.

        Raises:
            LedgerError: ``index_out_of_range``; ``checkpoint_missing`` if no checkpoint covers the leaf yet.
        """
        leaf = read_leaf(conn, index)
        note = self.latest(conn)
        checkpoint = None if note is None else open_checkpoint(note, self.public_key)
        if note is None or checkpoint is None or checkpoint.size <= index:
            raise LedgerError("checkpoint_missing", f"No checkpoint covers leaf {index} yet; make one first.")
        path = self.inclusion(conn, index, checkpoint.size)
        return Proof(index=index, path=tuple(path), checkpoint=note, extra=leaf).format()

    def export(self, conn: Connection, folder: Path) -> Checkpoint:
        """Write the log, as of its newest checkpoint, to ``folder`` in the layout of C2SP tlog-tiles.

        Only what the folder lacks is written; the checkpoint comes last, and every file appears whole.

        Raises:
            LedgerError: ``checkpoint_missing`` if there is none yet; ``export_conflict`` if the folder holds
                another log, or a history that this log does not extend.
        """
        note = self.latest(conn)
        if note is None:
            raise LedgerError("checkpoint_missing", "The log has no checkpoint yet; make one first.")
        return write_tiles(conn, folder, note, self.public_key)
