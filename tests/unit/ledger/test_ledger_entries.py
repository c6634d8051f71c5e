"""Leaves are canonical, small, typed, and have no room for sentences."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from guard.ledger import DecisionEntry, KeyEntry, LedgerError, PolicyEntry, from_leaf, to_leaf

DIGEST = "sha256:" + "0f" * 32
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def decision(**changes: object) -> DecisionEntry:
    values: dict[str, object] = {
        "decision_id": "decision_1",
        "tenant_commitment": "hmac-" + DIGEST,
        "stage": "prompt",
        "action": "block",
        "reason": "rule.weapons-1",
        "categories": ("illicit", "terrorism"),
        "policy_id": "default",
        "policy_version": 1,
        "policy_digest": DIGEST,
        **changes,
    }
    return DecisionEntry.model_validate(values)


def test_leaf_is_sorted_compact_json_with_the_time_in_utc() -> None:
    leaf = to_leaf(PolicyEntry(policy_id="default", policy_version=2, policy_digest=DIGEST), NOW)
    assert leaf == (
        b'{"policy_digest":"' + DIGEST.encode() + b'","policy_id":"default","policy_version":2,'
        b'"time":"2026-01-02T03:04:05Z","type":"policy","v":1}'
    )


def test_leaf_time_is_converted_to_utc_and_needs_a_zone() -> None:
    entry = KeyEntry(key_id="k1", purpose="mark", event="created")
    local = NOW.astimezone(timezone(timedelta(hours=2)))
    assert to_leaf(entry, local) == to_leaf(entry, NOW)
    with pytest.raises(ValueError, match="time zone"):
        to_leaf(entry, NOW.replace(tzinfo=None))


def test_leaf_reads_back_as_the_entry() -> None:
    entry, time = from_leaf(to_leaf(decision(), NOW))
    assert entry == decision()
    assert time == NOW.replace(microsecond=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", "the prompt asked for a weapon"),
        ("reason", "Großbuchstaben"),
        ("tenant_commitment", "Erika Mustermann"),
        ("categories", ("one two",)),
        ("policy_digest", "abc"),
        ("commitment", "a red fox runs through snow"),
        ("prompt", "a red fox"),
        ("policy_version", "1"),
    ],
)
def test_entry_has_no_room_for_sentences_or_unknown_fields(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        decision(**{field: value})


def test_leaf_over_the_limit_is_refused() -> None:
    many = tuple(f"category-{number:06d}-{'x' * 40}" for number in range(1200))
    with pytest.raises(LedgerError) as caught:
        to_leaf(decision(categories=many), NOW)
    assert caught.value.code == "leaf_too_large"


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"type":"decision","time":"2026-01-02T03:04:05Z"}',
        b'{"type":"gossip","v":1,"time":"2026-01-02T03:04:05Z"}',
        b"[" * 100_000,
    ],
)
def test_foreign_leaf_is_refused(leaf: bytes) -> None:
    with pytest.raises(LedgerError) as caught:
        from_leaf(leaf)
    assert caught.value.code == "entry_invalid"


def test_leaf_that_is_not_canonical_is_refused() -> None:
    leaf = to_leaf(decision(), NOW)
    with pytest.raises(LedgerError) as caught:
        from_leaf(json.dumps(json.loads(leaf)).encode())
    assert caught.value.code == "entry_invalid"
