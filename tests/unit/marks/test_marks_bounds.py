"""The arithmetic of the error bounds, and that noise keeps to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from guard.marks import FALSE_PAYLOAD_BOUND, MAX_KEYS, PRESENCE_LEVEL, MarkError, MarkKey, bounds
from guard.marks.lattice import lattice
from guard.marks.search import LEVELS, PER_LEVEL
from guard.marks.sync import align


def test_false_payload_bound_is_below_one_in_a_million() -> None:
    assert bounds.SEGMENTS == 30
    assert bounds.GEOMETRIES == 2 + PER_LEVEL * len(LEVELS) == 20
    assert bounds.MAX_WORDS == MAX_KEYS * 30 * 20 * 4 * 32 + 4 * 1024
    assert FALSE_PAYLOAD_BOUND == bounds.MAX_WORDS / 2**40 <= 1e-6
    assert bounds.false_payload_bound(bounds.MAX_WORDS) == FALSE_PAYLOAD_BOUND


@pytest.mark.parametrize("ids", [[], ["a", "b", "c", "d"], ["a", "a"]])
def test_other_numbers_of_keys_are_refused(ids: list[str]) -> None:
    with pytest.raises(MarkError) as caught:
        bounds.check_keys(ids)
    assert caught.value.code == "mark_keys_invalid"


def test_presence_level_is_shared_out_over_the_whole_search() -> None:
    # a score whose p-value is exactly the level in each segment and geometry adds up to the level
    def threshold(whole: bool, identity: bool) -> float:
        low, high = 0.0, 20.0
        for _ in range(60):
            middle = (low + high) / 2
            p = bounds.presence_p_value(middle, keys=3, whole=whole, identity=identity)
            low, high = (middle, high) if p > PRESENCE_LEVEL else (low, middle)
        return high

    total = sum(
        segments * geometries * 3 * 131072 * math.exp(-(threshold(whole, identity) ** 2) / 2)
        for whole, segments in ((True, 1), (False, bounds.SEGMENTS - 1))
        for identity, geometries in ((True, 1), (False, bounds.GEOMETRIES - 1))
    )
    assert total == pytest.approx(PRESENCE_LEVEL, rel=1e-6)
    assert bounds.presence_p_value(0.0, keys=1, whole=True, identity=True) == 1.0


def test_pilot_scores_of_noise_stay_below_the_tail_bound() -> None:
    rng = np.random.default_rng(5)
    scores = []
    for number in range(60):
        values = rng.normal(size=336) + 1j * rng.normal(size=336)
        scores.append(align(values, lattice(MarkKey(f"k{number}", rng.bytes(32))), 1)[0].score)
    p_values = [131072 * math.exp(-score * score / 2) for score in scores]
    assert 3.3 < np.mean(scores) < 5.0  # the search is a real maximum, far above a single score's spread
    assert min(p_values) > 1 / 60 / 20
