"""A log with its signing key: checkpoints, proofs and exports. Works inside the caller's transaction."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from guard.ledger import merkle
from guard.ledger.errors import LedgerError
from guard.ledger.files import write_whole
from guard.ledger.notes import Checkpoint, LogKey, VerifyKey, open_checkpoint
from guard.ledger.proofs import Proof
from guard.ledger.tables import checkpoints
from guard.ledger.tiles import write_tiles
from guard.ledger.tree import lock_writer, range_hashes, read_leaf, root_of, size_of


class Log:
    """Checkpoints, proofs and exports of one log.

    Args:
        key: the log's signing key; its name is the log's origin.
        kept: the file beside the key that holds the newest checkpoint whose transaction is known to have ended well.
            Whoever can write to the database alone cannot change it, so that a log rewritten there is not signed.
    """

    def __init__(self, key: LogKey, kept: Path) -> None:
        self._key = key
        self._kept = kept

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

        Hand the note to :meth:`keep` once the transaction has ended well, and not before: a file that knew more than
        the database after a crash would forbid every further signature.

        Args:
            conn: connection with an open write transaction.
            now: when, with a time zone.

        Raises:
            LedgerError: ``log_inconsistent`` if the log no longer extends its last checkpoint, or the one kept beside
                the key; ``kept_invalid`` if that one is unreadable.
        """
        lock_writer(conn)
        size = size_of(conn)
        last = self.latest(conn)
        newest = None if last is None else open_checkpoint(last, self.public_key)
        # What is kept was committed before the lock became ours, so the database must hold it by now.
        for signed in {self._kept_checkpoint(), newest} - {None}:
            if signed is not None and (signed.size > size or root_of(conn, signed.size) != signed.root):
                raise LedgerError(
                    "log_inconsistent",
                    f"The log no longer extends its checkpoint of {signed.size} leaves; nothing was signed. Run the"
                    " audit and restore the newest backup of the database (see docs/transparency-log.md).",
                )
        if last is not None and newest is not None and newest.size == size:
            return last
        root = root_of(conn, size)
        note = self._key.sign(Checkpoint(self.origin, size, root).text())
        conn.execute(insert(checkpoints).values(size=size, root=root, note=note, created=now.astimezone(UTC)))
        return note

    def kept(self) -> str | None:
        """The checkpoint kept beside the key, unverified; None without one.

        For an audit, read it before the snapshot of the database begins: what is kept then is in the snapshot.

        Raises:
            LedgerError: ``kept_invalid`` if the file cannot be read.
        """
        try:
            return self._kept.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LedgerError("kept_invalid", f"{self._kept} cannot be read ({error.strerror}).") from None

    def keep(self, note: str) -> None:
        """Keep a checkpoint beside the key, now that its transaction has ended well; an older one changes nothing.

        Two processes that keep at the same moment may leave the older of two. That does no harm, and the next
        signature mends it.

        Raises:
            LedgerError: ``kept_invalid``, ``note_malformed``, ``signature_invalid``.
            OSError: the file cannot be written; the log stays as it is, and the next checkpoint is kept in its place.
        """
        kept = self._kept_checkpoint()
        if kept is None or kept.size < open_checkpoint(note, self.public_key).size:
            write_whole(self._kept, note.encode())

    def _kept_checkpoint(self) -> Checkpoint | None:
        note = self.kept()
        try:
            return None if note is None else open_checkpoint(note, self.public_key)
        except LedgerError:
            raise LedgerError(
                "kept_invalid",
                f"{self._kept} is not a checkpoint of this log; restore it from a backup, or move it away if this is"
                " a new log.",
            ) from None

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
