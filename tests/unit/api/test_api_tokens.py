from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guard.api import tokens

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECRET = bytes(32)


def test_a_token_says_what_it_was_issued_for_until_it_ends() -> None:
    token = tokens.issue("key_1", {"store:manifests"}, SECRET, now=NOW)
    said = tokens.Token("key_1", frozenset({"store:manifests"}))
    assert tokens.read(token, SECRET, now=NOW) == said
    assert tokens.read(token, SECRET, now=NOW + tokens.LASTS - timedelta(seconds=1)) == said
    assert tokens.read(token, SECRET, now=NOW + tokens.LASTS) is None


def test_another_secret_opens_nothing() -> None:
    token = tokens.issue("key_1", {"store:manifests"}, SECRET, now=NOW)
    assert tokens.read(token, bytes([1]) * 32, now=NOW) is None


@pytest.mark.parametrize("place", [0, 3, 10, 40, -1])
def test_a_changed_token_opens_nothing(place: int) -> None:
    token = tokens.issue("key_1", {"store:manifests"}, SECRET, now=NOW)
    changed = list(token)
    changed[place] = "A" if changed[place] != "A" else "B"
    assert tokens.read("".join(changed), SECRET, now=NOW) is None


@pytest.mark.parametrize("text", ["", "gt_", "gt_.", "gk_abc", "gt_ü.ü", "gt_e30.", "x" * 5000])
def test_what_is_no_token_is_none(text: str) -> None:
    assert tokens.read(text, SECRET, now=NOW) is None
