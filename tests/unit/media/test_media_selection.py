"""Choosing pictures: fair to what a viewer sees, bounded, and not to be known beforehand."""

from __future__ import annotations

import random
from collections import Counter
from itertools import accumulate

import pytest

from guard.media.selection import Selection


def chosen(lengths: list[float], lot: random.Random, *, most: int = 64) -> list[int]:
    """Which pictures are kept of a clip whose pictures are on screen for so long, in seconds."""
    selection: Selection[int] = Selection(lambda _: most, lot)
    shown = 0
    for number, end in enumerate(accumulate(lengths)):
        if selection.wants(end):
            selection.keep(end, number)
            shown += 1
    kept = selection.kept
    assert [moment for moment, _ in kept] == sorted(moment for moment, _ in kept)
    ends = [0.0, *accumulate(lengths)]
    assert all(ends[number] <= moment < ends[number + 1] for moment, number in kept)
    assert shown <= most * 16
    return [number for _, number in kept]


@pytest.mark.parametrize("count", [1, 3, 40, 1000, 100_000])
def test_at_least_half_as_many_as_may_be_are_kept_of_any_clip(count: int) -> None:
    found = chosen([1 / 24] * count, random.Random(count))
    assert 31 <= len(found) <= 64
    assert len(set(found)) >= min(count, 31)


def test_nobody_knows_beforehand_which_are_kept() -> None:
    clip = [1 / 24] * 2000
    runs = [set(chosen(clip, random.Random(seed))) for seed in range(40)]
    counts = Counter(number for run in runs for number in run)
    assert max(counts.values()) <= 8  # of 40 draws, about one each


@pytest.mark.parametrize("step", [2, 3, 8, 16, 17])
def test_pictures_placed_at_every_nth_count_for_what_they_are(step: int) -> None:
    clip = [1 / 24] * 2880
    shares = [
        sum(number % step == 0 for number in found) / len(found)
        for found in (chosen(clip, random.Random(seed)) for seed in range(20))
    ]
    assert sum(shares) / 20 == pytest.approx(1 / step, abs=0.05)
    assert max(shares) < 1 / step + 0.25


def test_what_is_shown_for_long_counts_for_long() -> None:
    # a thousand pictures flash by within a second, ten stay for a second each
    found = chosen([0.001] * 1000 + [1.0] * 10, random.Random(1))
    assert sum(number >= 1000 for number in found) / len(found) == pytest.approx(10 / 11, abs=0.06)
    assert chosen([0.0] * 500 + [1.0], random.Random(2)).count(500) >= 31


def test_one_picture_of_an_hour_takes_no_room() -> None:
    assert 31 <= len(chosen([3600.0], random.Random(3))) <= 64
