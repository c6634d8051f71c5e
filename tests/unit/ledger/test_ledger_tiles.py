"""Exports in the tlog-tiles layout: their files, their growth, and that every alteration is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from guard.ledger import LedgerError, Log, LogKey, read_leaf, verify_export
from guard.ledger.tiles import tile_path, tiles_of

NOW = datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC)
Fill = Callable[[int], None]


@pytest.fixture
def export(engine: Engine, log: Log, fill: Fill, tmp_path: Path) -> Callable[[int], Path]:
    """Grow the log to a size, sign it and export it."""

    def run(size: int) -> Path:
        fill(size)
        with engine.begin() as conn:
            log.checkpoint(conn, now=NOW)
        with engine.begin() as conn:
            assert log.export(conn, tmp_path / "export").size == size
        return tmp_path / "export"

    return run


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_paths_are_those_of_the_specification() -> None:
    assert tile_path(0, 5) == "tile/0/005"
    assert tile_path(2, 1234067) == "tile/2/x001/x234/067"
    assert tile_path("entries", 1000, 17) == "tile/entries/x001/000.p/17"


def test_tiles_of_a_tree_of_70000_are_those_of_the_specification() -> None:
    tiles = list(tiles_of(70_000))
    assert sum(level == 0 and width == 256 for level, _, width in tiles) == 273
    assert [tile for tile in tiles if tile[2] < 256] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert [tile for tile in tiles if tile[0] == 1] == [(1, 0, 256), (1, 1, 17)]
    assert list(tiles_of(256)) == [(0, 0, 256), (1, 0, 1)]
    assert list(tiles_of(0)) == []


def test_growth_writes_only_what_is_new() -> None:
    assert list(tiles_of(70_000, 70_000)) == []
    assert list(tiles_of(70_001, 70_000)) == [(0, 273, 113)]
    assert list(tiles_of(300, 255)) == [(0, 0, 256), (0, 1, 44), (1, 0, 1)]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 515])
def test_export_verifies(export: Callable[[int], Path], log: Log, size: int) -> None:
    report = verify_export(export(size), str(log.public_key))
    assert report.ok, report.problems
    assert (report.size, report.replayed) == (size, size)
    assert report.checks == ["signature", "tiles", "replay"]


def test_export_grows_and_drops_partial_tiles(export: Callable[[int], Path], log: Log) -> None:
    small = files(export(200))
    assert small == {"checkpoint", "tile/0/000.p/200", "tile/entries/000.p/200"}
    checkpoint = (export(200) / "checkpoint").read_text()
    folder = export(300)
    assert files(folder) == {
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    }
    report = verify_export(folder, log.public_key, checkpoint)
    assert report.ok, report.problems
    assert report.checks == ["signature", "tiles", "replay", "consistency"]


def test_entries_are_the_leaves_with_their_lengths(
    engine: Engine, export: Callable[[int], Path], log: Log
) -> None:
    data = (export(3) / "tile/entries/000.p/3").read_bytes()
    with engine.begin() as conn:
        leaves = [read_leaf(conn, index) for index in range(3)]
    assert data == b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def test_export_without_a_checkpoint_is_refused(engine: Engine, log: Log, tmp_path: Path) -> None:
    with engine.begin() as conn, pytest.raises(LedgerError) as caught:
        log.export(conn, tmp_path / "export")
    assert caught.value.code == "checkpoint_missing"


def test_export_does_not_overwrite_another_history(
    engine: Engine, export: Callable[[int], Path], log: Log, tmp_path: Path
) -> None:
    folder = export(4)
    foreign = LogKey.create(tmp_path / "foreign.key", "log.example/foreign")
    for note in (
        foreign.sign("log.example/foreign\n4\n" + "A" * 43 + "=\n"),
        log._key.sign(log.origin + "\n4\n" + "A" * 43 + "=\n"),
        log._key.sign(log.origin + "\n9\n" + "A" * 43 + "=\n"),
    ):
        (folder / "checkpoint").write_text(note)
        with engine.begin() as conn, pytest.raises(LedgerError) as caught:
            log.export(conn, folder)
        assert caught.value.code == "export_conflict"


def test_interrupted_export_is_finished_by_the_next(
    engine: Engine, export: Callable[[int], Path], log: Log
) -> None:
    folder = export(300)
    (folder / "checkpoint").unlink()
    (folder / "tile/0/000").unlink()
    with engine.begin() as conn:
        log.export(conn, folder)
    assert verify_export(folder, log.public_key).ok


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("tile/0/000", "tile_mismatch"),
        ("tile/0/001.p/44", "tile_mismatch"),
        ("tile/1/000.p/1", "tile_mismatch"),
    ],
)
def test_altered_tile_is_found(export: Callable[[int], Path], log: Log, path: str, code: str) -> None:
    folder = export(300)
    data = bytearray((folder / path).read_bytes())
    data[7] ^= 1
    (folder / path).write_bytes(data)
    report = verify_export(folder, log.public_key)
    assert [problem.code for problem in report.problems] == [code]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("tile/0/000.p/200", "tile_mismatch"),
        ("tile/entries/000.p/200", "entries_mismatch"),
    ],
)
def test_what_an_earlier_export_left_is_compared_too(
    export: Callable[[int], Path], log: Log, path: str, code: str
) -> None:
    export(200)
    folder = export(250)
    assert verify_export(folder, log.public_key).ok
    data = bytearray((folder / path).read_bytes())
    data[7] ^= 1
    (folder / path).write_bytes(data)
    assert [problem.code for problem in verify_export(folder, log.public_key).problems] == [code]


def test_altered_leaf_is_found(export: Callable[[int], Path], log: Log) -> None:
    folder = export(300)
    path = folder / "tile/entries/000"
    path.write_bytes(path.read_bytes().replace(b"decision_21", b"decision_99"))
    codes = {problem.code for problem in verify_export(folder, log.public_key).problems}
    assert codes == {"tile_mismatch", "root_mismatch"}


@pytest.mark.parametrize(
    ("path", "change", "code"),
    [
        ("tile/entries/001.p/44", None, "entries_missing"),
        ("tile/entries/000", lambda data: data[:-1], "entries_malformed"),
        ("tile/entries/000", lambda data: data + b"\x00\x00", "entries_malformed"),
        ("tile/entries/000", lambda data: b"", "entries_malformed"),
        ("tile/0/000", None, "tile_missing"),
        ("tile/1/000.p/1", None, "tile_missing"),
        ("checkpoint", None, "checkpoint_missing"),
        ("checkpoint", lambda data: data.replace(b"\n300\n", b"\n299\n"), "signature_invalid"),
        ("checkpoint", lambda data: b"", "note_malformed"),
        ("checkpoint", lambda data: b"\xff", "checkpoint_missing"),
    ],
)
def test_damaged_export_is_found(
    export: Callable[[int], Path], log: Log, path: str, change: object, code: str
) -> None:
    folder = export(300)
    if change is None:
        (folder / path).unlink()
    else:
        (folder / path).write_bytes(change((folder / path).read_bytes()))  # type: ignore[operator]
    report = verify_export(folder, log.public_key)
    assert not report.ok
    assert report.problems[0].code == code


def test_history_signed_twice_is_found_with_an_older_checkpoint(
    export: Callable[[int], Path], log: Log
) -> None:
    folder = export(300)
    honest = (folder / "checkpoint").read_text()
    other = log._key.sign(log.origin + "\n200\n" + "A" * 43 + "=\n")
    assert [p.code for p in verify_export(folder, log.public_key, other).problems] == ["inconsistent"]
    longer = log._key.sign(log.origin + "\n301\n" + "A" * 43 + "=\n")
    assert [p.code for p in verify_export(folder, log.public_key, longer).problems] == ["log_truncated"]
    assert verify_export(folder, log.public_key, honest).ok
