"""Identifiers sort by time and never repeat."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from guard.store import new_id

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9000, 1, 1)), st.integers(1, 10**9))  # noqa: DTZ001
def test_later_ids_sort_later(moment: datetime, milliseconds: int) -> None:
    moment = moment.replace(tzinfo=UTC)
    assert new_id("video", moment) < new_id("video", moment + timedelta(milliseconds=milliseconds))


def test_id_is_its_prefix_and_26_characters() -> None:
    assert re.fullmatch(r"video_[0-9a-hjkmnp-tv-z]{26}", new_id("video", NOW))


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id("video", NOW) for _ in range(5000)}) == 5000


def test_ids_are_the_same_length_whatever_the_time() -> None:
    early, late = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
    assert len(new_id("x", early)) == len(new_id("x", late)) == 28
