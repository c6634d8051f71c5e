"""The log in a database: appending, its guards, checkpoints, proofs, commitments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from guard.ledger import (
    Entry,
    LedgerError,
    Log,
    append,
    commit,
    commitment,
    destroy_salt,
    open_checkpoint,
    read_leaf,
    size_of,
    to_leaf,
    verify_proof,
)
from guard.ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash, verify_inclusion
from guard.ledger.tables import salts

NOW = datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC)
Fill = Callable[[int], None]


def expected_root(entry: Callable[[int], Entry], size: int) -> bytes:
    frontier = Frontier()
    for number in range(size):
        list(frontier.push(leaf_hash(to_leaf(entry(number), NOW))))
    return frontier.root()


def test_empty_log_has_a_checkpoint_of_the_empty_root(engine: Engine, log: Log) -> None:
    with engine.begin() as conn:
        checkpoint = open_checkpoint(log.checkpoint(conn, now=NOW), log.public_key)
    assert (checkpoint.size, checkpoint.root) == (0, EMPTY_ROOT)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31, 64, 65])
def test_checkpoint_signs_the_root_of_all_leaves(
    engine: Engine, log: Log, fill: Fill, entry: Callable[[int], Entry], size: int
) -> None:
    fill(size)
    with engine.begin() as conn:
        checkpoint = open_checkpoint(log.checkpoint(conn, now=NOW), log.public_key)
        assert size_of(conn) == size
    assert checkpoint.size == size
    assert checkpoint.root == expected_root(entry, size)


def test_same_size_gives_the_same_checkpoint(engine: Engine, log: Log, fill: Fill) -> None:
    fill(5)
    with engine.begin() as conn:
        note = log.checkpoint(conn, now=NOW)
    with engine.begin() as conn:
        assert log.checkpoint(conn, now=NOW) == note
        assert log.latest(conn) == note


def test_every_leaf_is_proven_at_every_size(engine: Engine, log: Log, fill: Fill) -> None:
    fill(21)
    with engine.begin() as conn:
        for size in range(1, 22):
            [root] = _roots(conn, [size])
            for index in range(size):
                path = log.inclusion(conn, index, size)
                assert verify_inclusion(leaf_hash(read_leaf(conn, index)), index, size, path, root)


def _roots(conn, sizes):  # type: ignore[no-untyped-def]
    from guard.ledger.tree import root_of

    return [root_of(conn, size) for size in sizes]


def test_proofs_beyond_the_log_are_refused(engine: Engine, log: Log, fill: Fill) -> None:
    fill(3)
    with engine.begin() as conn:
        for call in (
            lambda: log.inclusion(conn, 3, 3),
            lambda: log.inclusion(conn, 0, 4),
            lambda: log.inclusion(conn, -1, 3),
            lambda: log.proof(conn, 3),
            lambda: read_leaf(conn, 3),
        ):
            with pytest.raises(LedgerError) as caught:
                call()
            assert caught.value.code == "index_out_of_range"


def test_proof_file_is_checked_offline(engine: Engine, log: Log, fill: Fill) -> None:
    fill(13)
    with engine.begin() as conn:
        log.checkpoint(conn, now=NOW)
        proof, leaf = log.proof(conn, 5), read_leaf(conn, 5)
    assert proof.startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert "\nindex 5\n" in proof
    for given in (leaf, None):
        proven = verify_proof(proof, given, str(log.public_key))
        assert (proven.index, proven.leaf, proven.checkpoint.size) == (5, leaf, 13)


def test_proof_of_the_only_leaf_has_no_path(engine: Engine, log: Log, fill: Fill) -> None:
    fill(1)
    with engine.begin() as conn:
        log.checkpoint(conn, now=NOW)
        assert verify_proof(log.proof(conn, 0), None, log.public_key).index == 0


def test_proof_needs_a_checkpoint_that_covers_the_leaf(engine: Engine, log: Log, fill: Fill) -> None:
    fill(2)
    with engine.begin() as conn, pytest.raises(LedgerError) as caught:
        log.proof(conn, 1)
    assert caught.value.code == "checkpoint_missing"
    with engine.begin() as conn:
        log.checkpoint(conn, now=NOW)
    fill(3)
    with engine.begin() as conn:
        assert verify_proof(log.proof(conn, 1), None, log.public_key).checkpoint.size == 2
        with pytest.raises(LedgerError) as caught:
            log.proof(conn, 2)
    assert caught.value.code == "checkpoint_missing"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda p: p.replace("index 5", "index 6"), "proof_invalid"),
        (lambda p: p.replace("index 5", "index 05"), "proof_malformed"),
        (lambda p: p.replace("index 5\n", ""), "proof_malformed"),
        (lambda p: p.replace("@v1", "@v2"), "proof_malformed"),
        (lambda p: p.replace("extra ", "extra !"), "proof_malformed"),
        (lambda p: p.replace("\n13\n", "\n14\n"), "signature_invalid"),
        (lambda p: p[: p.index("\n\n")], "proof_malformed"),
        (lambda p: "", "proof_malformed"),
        (lambda p: p.replace("index 5\n", "index 5\n" + "A" * 43 + "=\n"), "proof_invalid"),
        (lambda p: p.replace("index 5\n", "index 5\nAAAA\n"), "proof_malformed"),
    ],
)
def test_bent_proof_is_refused(engine: Engine, log: Log, fill: Fill, change: object, code: str) -> None:
    fill(13)
    with engine.begin() as conn:
        log.checkpoint(conn, now=NOW)
        proof = log.proof(conn, 5)
    with pytest.raises(LedgerError) as caught:
        verify_proof(change(proof), None, log.public_key)  # type: ignore[operator]
    assert caught.value.code == code


def test_proof_does_not_hold_for_another_leaf(engine: Engine, log: Log, fill: Fill) -> None:
    fill(13)
    with engine.begin() as conn:
        log.checkpoint(conn, now=NOW)
        proof, leaf = log.proof(conn, 5), read_leaf(conn, 6)
    with pytest.raises(LedgerError) as caught:
        verify_proof(proof, leaf, log.public_key)
    assert caught.value.code == "proof_invalid"


def test_append_stands_or_falls_with_the_transaction(
    engine: Engine, fill: Fill, entry: Callable[[int], Entry]
) -> None:
    fill(3)
    with engine.connect() as conn:
        assert append(conn, entry(3), now=NOW) == 3
        conn.rollback()
    with engine.begin() as conn:
        assert size_of(conn) == 3
        assert append(conn, entry(3), now=NOW) == 3


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET leaf = x'00' WHERE leaf_index = 1",
        "DELETE FROM ledger_entries WHERE leaf_index = 3",
        "DELETE FROM ledger_entries",
        "UPDATE ledger_nodes SET hash = x'00'",
        "DELETE FROM ledger_nodes",
        "UPDATE ledger_checkpoints SET note = ''",
        "DELETE FROM ledger_checkpoints",
        "INSERT OR REPLACE INTO ledger_entries SELECT leaf_index, x'00', leaf_hash, kind, created "
        "FROM ledger_entries WHERE leaf_index = 1",
        "INSERT INTO ledger_entries SELECT 9, leaf, leaf_hash, kind, created "
        "FROM ledger_entries WHERE leaf_index = 1",
        "INSERT OR REPLACE INTO ledger_nodes VALUES (1, 0, x'00')",
        "INSERT OR REPLACE INTO ledger_checkpoints VALUES (4, x'00', '', '2026-01-01')",
        "INSERT INTO ledger_checkpoints VALUES (2, x'00', '', '2026-01-01')",
    ],
)
def test_rows_of_the_log_cannot_be_changed(engine: Engine, log: Log, fill: Fill, statement: str) -> None:
    fill(4)
    with engine.begin() as conn:
        log.checkpoint(conn, now=NOW)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as conn:
        conn.exec_driver_sql(statement)


def test_log_that_no_longer_extends_its_checkpoint_is_not_signed(
    engine: Engine, log: Log, fill: Fill
) -> None:
    fill(4)
    with engine.begin() as conn:
        log.checkpoint(conn, now=NOW)
        conn.exec_driver_sql("DROP TRIGGER ledger_entries_no_delete")
        conn.exec_driver_sql("DELETE FROM ledger_entries WHERE leaf_index = 3")
    with engine.begin() as conn, pytest.raises(LedgerError) as caught:
        log.checkpoint(conn, now=NOW)
    assert caught.value.code == "log_inconsistent"


def test_commitment_can_be_opened_until_its_salt_is_destroyed(engine: Engine) -> None:
    with engine.begin() as conn:
        first = commit(conn, "prompt_1", b"ein roter Fuchs")
        assert commit(conn, "prompt_1", b"ein roter Fuchs") == first
        assert commit(conn, "prompt_2", b"ein roter Fuchs") != first
        salt = conn.execute(select(salts.c.salt).where(salts.c.subject == "prompt_1")).scalar_one()
        assert commitment(salt, b"ein roter Fuchs") == first
        assert destroy_salt(conn, "prompt_1")
        assert not destroy_salt(conn, "prompt_1")
        assert commit(conn, "prompt_1", b"ein roter Fuchs") != first
    assert first.startswith("hmac-sha256:")


def test_commitment_is_hmac_sha256() -> None:
    # RFC 4231, test case 2.
    assert commitment(b"Jefe", b"what do ya want for nothing?") == (
        "hmac-sha256:5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
