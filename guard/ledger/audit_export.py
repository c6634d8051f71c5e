"""Audit of an exported log: needs the folder and the log's public key, and no trust in the operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from guard.ledger.merkle import HASH_SIZE, Frontier, leaf_hash
from guard.ledger.notes import Checkpoint, VerifyKey
from guard.ledger.report import Report, read_checkpoint
from guard.ledger.tiles import ENTRIES, TILE_HEIGHT, TILE_WIDTH, tile_path, tiles_of


def verify_export(
    folder: Path, public_key: VerifyKey | str, previous_checkpoint: str | None = None
) -> Report:
    """Check an exported log completely, with nothing but the log's public key.

    The signature is verified, every entry is hashed again up to the root, every tile is compared with what
    the entries give, and the tree is shown to extend an older checkpoint where one is given.

    Args:
        folder: the export.
        public_key: the log's key, in text form or parsed.
        previous_checkpoint: a signed checkpoint kept from earlier; only this catches a log that was cut off
            or rewritten and signed again by the holder of its key.

    Raises:
        LedgerError: ``key_invalid``. Whatever is wrong with the folder is in the report.
    """
    key = VerifyKey.parse(public_key) if isinstance(public_key, str) else public_key
    report = Report(origin=key.name)
    try:
        note = (folder / "checkpoint").read_text()
    except (OSError, UnicodeDecodeError):
        report.problem("checkpoint_missing", f"There is no readable checkpoint in {folder}.")
        return report
    checkpoint = read_checkpoint(report, note, key, "checkpoint")
    if checkpoint is None:
        return report
    report.size, report.root = checkpoint.size, checkpoint.root.hex()
    report.checks.append("signature")
    previous = None
    if previous_checkpoint is not None:
        previous = read_checkpoint(report, previous_checkpoint, key, "previous checkpoint")
        if previous is not None and previous.size > checkpoint.size:
            report.problem(
                "log_truncated", f"The log had {previous.size} leaves and now has {checkpoint.size}."
            )
    _replay_export(report, folder, checkpoint, previous)
    return report


def _replay_export(report: Report, folder: Path, checkpoint: Checkpoint, previous: Checkpoint | None) -> None:
    before = report.found
    frontier = Frontier()
    tiles: dict[int, bytearray] = {}
    roots: dict[int, bytes] = {0: frontier.root()}
    for leaf in _exported_leaves(report, folder, checkpoint.size):
        for level, index, value in frontier.push(leaf_hash(leaf)):
            if level % TILE_HEIGHT == 0:
                _tile_entry(report, folder, tiles, level // TILE_HEIGHT, index, value)
        if previous is not None and frontier.size == previous.size:
            roots[frontier.size] = frontier.root()
    report.replayed = frontier.size
    for level, number, width in tiles_of(checkpoint.size):
        if width < TILE_WIDTH and frontier.size == checkpoint.size:
            _compare_tile(report, folder, level, number, bytes(tiles.get(level, b"")))
    report.held("tiles", before)
    if frontier.size == checkpoint.size and frontier.root() != checkpoint.root:
        report.problem("root_mismatch", "The entries do not give the root that the checkpoint signs.")
    report.held("replay", before)
    if previous is not None and previous.size <= checkpoint.size:
        if roots.get(previous.size) != previous.root:
            report.problem(
                "inconsistent", f"The log does not extend the checkpoint of {previous.size} leaves."
            )
        report.held("consistency", before)


def _exported_leaves(report: Report, folder: Path, size: int) -> Iterator[bytes]:
    for number in range(-(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - number * TILE_WIDTH)
        path = tile_path(ENTRIES, number, width)
        try:
            data = (folder / path).read_bytes()
        except OSError:
            report.problem("entries_missing", f"{path} is missing.")
            return
        position, ends = 0, [0]
        for _ in range(width):
            end = position + 2 + int.from_bytes(data[position : position + 2], "big")
            if len(data) < position + 2 or end > len(data):
                report.problem("entries_malformed", f"{path} ends too early.")
                return
            yield data[position + 2 : end]
            position = end
            ends.append(end)
        for older, found in _older_tiles(folder, ENTRIES, number, width):
            if found != data[: ends[older]]:
                report.problem(
                    "entries_mismatch", f"{tile_path(ENTRIES, number, older)} does not fit the newer entries."
                )
        if position != len(data):
            report.problem("entries_malformed", f"{path} holds more than its entries.")
            return


def _tile_entry(
    report: Report, folder: Path, tiles: dict[int, bytearray], level: int, index: int, value: bytes
) -> None:
    tile = tiles.setdefault(level, bytearray())
    tile += value
    if len(tile) == TILE_WIDTH * HASH_SIZE:
        _compare_tile(report, folder, level, index // TILE_WIDTH, bytes(tile))
        tile.clear()


def _compare_tile(report: Report, folder: Path, level: int, number: int, expected: bytes) -> None:
    path = tile_path(level, number, len(expected) // HASH_SIZE)
    try:
        found = (folder / path).read_bytes()
    except OSError:
        report.problem("tile_missing", f"{path} is missing.")
        return
    if found != expected:
        report.problem("tile_mismatch", f"{path} does not fit the entries.")
    for width, older in _older_tiles(folder, level, number, len(expected) // HASH_SIZE):
        if older != expected[: width * HASH_SIZE]:
            path = tile_path(level, number, width)
            report.problem("tile_mismatch", f"{path} does not fit the entries.")


def _older_tiles(folder: Path, level: int | str, number: int, width: int) -> Iterator[tuple[int, bytes]]:
    """Partial tiles of earlier exports, by width; who holds an older checkpoint still asks for them."""
    for file in sorted((folder / tile_path(level, number, 1)).parent.glob("*")):
        if file.is_file() and file.name.isascii() and file.name.isdigit() and int(file.name) < width:
            yield int(file.name), file.read_bytes()
