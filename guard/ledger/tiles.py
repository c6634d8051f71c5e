"""Export in the layout of C2SP tlog-tiles (https://c2sp.org/tlog-tiles): files for any web server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import Connection

from guard.ledger.errors import LedgerError
from guard.ledger.files import write_whole
from guard.ledger.merkle import HASH_SIZE
from guard.ledger.notes import Checkpoint, VerifyKey, open_checkpoint
from guard.ledger.raw import as_bytes, raw
from guard.ledger.tables import entries, nodes
from guard.ledger.tree import read_leaves, root_of

TILE_WIDTH = 256
TILE_HEIGHT = 8
ENTRIES = "entries"


def tile_path(level: int | str, number: int, width: int = TILE_WIDTH) -> str:
    """Path of a tile below the export's folder.

    Args:
        level: level of the tile, or ``"entries"`` for a bundle of leaves.
        number: index of the tile within its level.
        width: how many hashes (or leaves) it has; below 256 it is a partial tile.
    """
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    path = f"tile/{level}/{'/'.join(groups)}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def tiles_of(size: int, first: int = 0) -> Iterator[tuple[int, int, int]]:
    """Tiles ``(level, number, width)`` of a tree of ``size`` leaves that a tree of ``first`` leaves lacks."""
    level = 0
    while True:
        total, before = size >> (TILE_HEIGHT * level), first >> (TILE_HEIGHT * level)
        if total == 0:
            return
        if total != before:
            for number in range(before // TILE_WIDTH, -(-total // TILE_WIDTH)):
                yield level, number, min(TILE_WIDTH, total - number * TILE_WIDTH)
        level += 1


def bundle(leaves: list[bytes]) -> bytes:
    """An entry bundle: each leaf after its length in two bytes, big-endian."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def write_tiles(conn: Connection, folder: Path, note: str, public_key: VerifyKey) -> Checkpoint:
    """Bring the export in ``folder`` up to the checkpoint ``note``; see ``Log.export``."""
    checkpoint = open_checkpoint(note, public_key)
    first = _exported_size(conn, folder, checkpoint, public_key)
    for level, number, width in tiles_of(checkpoint.size, first):
        start = number * TILE_WIDTH
        write_whole(folder / tile_path(level, number, width), _hashes(conn, level, start, start + width))
        if level == 0:
            leaves = [stored.leaf for stored in read_leaves(conn, start, start + width)]
            write_whole(folder / tile_path(ENTRIES, number, width), bundle(leaves))
    write_whole(folder / "checkpoint", note.encode())
    # A partial tile may go once its full tile is there.
    for level, number, width in tiles_of(checkpoint.size, first):
        if width == TILE_WIDTH:
            for name in (level, ENTRIES) if level == 0 else (level,):
                shutil.rmtree(folder / (tile_path(name, number) + ".p"), ignore_errors=True)
    return checkpoint


def _exported_size(conn: Connection, folder: Path, checkpoint: Checkpoint, public_key: VerifyKey) -> int:
    try:
        note = (folder / "checkpoint").read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return 0
    try:
        exported = open_checkpoint(note, public_key)
    except LedgerError:
        raise LedgerError(
            "export_conflict", f"{folder} holds another log; export into an empty folder."
        ) from None
    if exported.size > checkpoint.size or root_of(conn, exported.size) != exported.root:
        raise LedgerError(
            "export_conflict", f"{folder} holds a history that this log does not extend; keep it as evidence."
        )
    return exported.size


def _hashes(conn: Connection, level: int, start: int, end: int) -> bytes:
    if level == 0:
        index, query = entries.c.leaf_index, select(raw(entries.c.leaf_hash))
    else:
        index, query = (
            nodes.c.node_index,
            select(raw(nodes.c.hash)).where(nodes.c.level == TILE_HEIGHT * level),
        )
    rows = conn.execute(query.where(index >= start, index < end).order_by(index)).scalars()
    data = b"".join(as_bytes(value) for value in rows)
    if len(data) != HASH_SIZE * (end - start):
        raise LedgerError("log_inconsistent", "The log has lost nodes of its tree; restore the database.")
    return data
