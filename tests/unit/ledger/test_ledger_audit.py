"""The audit of the database finds what the triggers could not prevent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from guard.ledger import Entry, Expected, Log, Report, append, verify_database
from guard.ledger.entries import ReleaseEntry

NOW = datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC)
Fill = Callable[[int], None]


@pytest.fixture
def signed(engine: Engine, log: Log, fill: Fill) -> str:
    """A log of 40 leaves with checkpoints at 10, 25 and 40; gives the one of 25."""
    notes = []
    for size in (10, 25, 40):
        fill(size)
        with engine.begin() as conn:
            notes.append(log.checkpoint(conn, now=NOW))
    return notes[1]


def rows(entry: Callable[[int], Entry]) -> list[Expected]:
    return [
        Expected(n, made.type, made.model_dump(exclude={"v", "type", "categories"}, mode="json"))
        for n in range(40)
        for made in [entry(n)]
    ]


def audit(engine: Engine, log: Log, **options: object) -> Report:
    with engine.begin() as conn:
        return verify_database(conn, log.public_key, **options)  # type: ignore[arg-type]


def tamper(engine: Engine, statement: str) -> None:
    """What somebody with the database's password can do."""
    with engine.begin() as conn:
        triggers = (
            conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
        )
        for name in triggers:
            conn.exec_driver_sql(f"DROP TRIGGER {name}")
        conn.exec_driver_sql(statement)


def test_honest_log_passes(
    engine: Engine, log: Log, signed: str, fill: Fill, entry: Callable[[int], Entry]
) -> None:
    report = audit(engine, log, expected=lambda: rows(entry), previous_checkpoints=[signed])
    assert report.ok, report.problems
    assert report.checks == ["signature", "replay", "rows", "consistency"]
    assert (report.size, report.replayed, report.pending) == (40, 40, 0)


def test_leaves_after_the_checkpoint_are_counted_as_pending(
    engine: Engine, log: Log, signed: str, fill: Fill
) -> None:
    fill(43)
    report = audit(engine, log)
    assert report.ok
    assert (report.size, report.replayed, report.pending) == (40, 43, 3)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (
            "UPDATE ledger_entries SET leaf = replace(leaf, 'allow', 'block') WHERE leaf_index = 3",
            "leaf_mismatch",
        ),
        ("UPDATE ledger_entries SET leaf_hash = zeroblob(32) WHERE leaf_index = 3", "leaf_mismatch"),
        ("DELETE FROM ledger_entries WHERE leaf_index = 12", "leaf_missing"),
        ("DELETE FROM ledger_entries WHERE leaf_index = 39", "log_truncated"),
        ("UPDATE ledger_nodes SET hash = zeroblob(32) WHERE level = 2 AND node_index = 1", "node_mismatch"),
        ("DELETE FROM ledger_nodes WHERE level = 2 AND node_index = 1", "node_mismatch"),
        ("INSERT INTO ledger_nodes VALUES (9, 0, zeroblob(32))", "node_mismatch"),
        ("UPDATE ledger_checkpoints SET root = zeroblob(32) WHERE size = 25", "checkpoint_mismatch"),
        (
            "UPDATE ledger_checkpoints SET note = replace(note, '25', '26') WHERE size = 25",
            "signature_invalid",
        ),
        ("DELETE FROM ledger_checkpoints", "checkpoint_missing"),
    ],
)
def test_tampering_is_found(engine: Engine, log: Log, signed: str, statement: str, code: str) -> None:
    tamper(engine, statement)
    report = audit(engine, log)
    assert not report.ok
    assert code in [problem.code for problem in report.problems]


def test_foreign_leaf_is_found(engine: Engine, log: Log, signed: str) -> None:
    tamper(engine, "UPDATE ledger_entries SET leaf = x'7b7d' WHERE leaf_index = 3")
    codes = [problem.code for problem in audit(engine, log).problems]
    assert "entry_invalid" in codes
    assert "root_mismatch" in codes


def test_log_cut_back_with_its_checkpoints_is_found_by_a_kept_checkpoint(
    engine: Engine, log: Log, signed: str
) -> None:
    # 24 leaves leave complete nodes behind, so the tree is cut back with them.
    tamper(engine, "DELETE FROM ledger_entries WHERE leaf_index >= 24")
    tamper(engine, "DELETE FROM ledger_nodes WHERE (node_index + 1) * (1 << level) > 24")
    tamper(engine, "DELETE FROM ledger_checkpoints WHERE size > 24")
    assert audit(engine, log).ok
    report = audit(engine, log, previous_checkpoints=[signed])
    assert [problem.code for problem in report.problems] == ["checkpoint_missing", "log_truncated"]


def test_rewritten_and_signed_again_is_found_by_a_kept_checkpoint(
    engine: Engine, log: Log, signed: str, entry: Callable[[int], Entry]
) -> None:
    tamper(engine, "DELETE FROM ledger_entries")
    tamper(engine, "DELETE FROM ledger_nodes")
    tamper(engine, "DELETE FROM ledger_checkpoints")
    with engine.begin() as conn:
        for number in range(30):
            append(conn, entry(number + 3), now=NOW)
        log.checkpoint(conn, now=NOW)
    assert audit(engine, log).ok
    report = audit(engine, log, previous_checkpoints=[signed])
    assert [problem.code for problem in report.problems] == ["checkpoint_missing", "root_mismatch"]


def test_row_that_disagrees_with_its_leaf_is_found(
    engine: Engine, log: Log, signed: str, entry: Callable[[int], Entry]
) -> None:
    expected = rows(entry)
    expected[5] = Expected(5, "release", {**expected[5].values, "asset_digest": "sha256:" + "00" * 32})
    report = audit(engine, log, expected=lambda: expected)
    assert [problem.code for problem in report.problems] == ["row_mismatch"]
    assert "asset_digest" in report.problems[0].message


def test_row_without_a_leaf_and_leaf_without_a_row_are_found(
    engine: Engine, log: Log, signed: str, entry: Callable[[int], Entry]
) -> None:
    made = entry(5)
    assert isinstance(made, ReleaseEntry)
    report = audit(engine, log, expected=lambda: [*rows(entry)[:39], Expected(77, "release", {})])
    assert [problem.code for problem in report.problems] == ["row_missing", "row_unlogged"]


def test_release_outside_of_the_signed_tree_is_found(
    engine: Engine, log: Log, signed: str, entry: Callable[[int], Entry]
) -> None:
    tamper(engine, "UPDATE ledger_entries SET leaf_hash = zeroblob(32) WHERE leaf_index = 5")
    codes = [problem.code for problem in audit(engine, log, expected=lambda: rows(entry)).problems]
    assert codes == ["leaf_mismatch", "inclusion_failed"]
