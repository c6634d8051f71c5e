"""How a minute of the embedded generator holds together, beside drawn minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.generator_workers import Workers, generator
from benchmarks.table import Goal, goal
from generator.training.drift import AT, Drift, of_drawing, of_generator, scenes

EACH, SEED = 4, 74
"""Prompts of every steady motion, and the seed that draws them: 24 in all."""
MEDIAN, NEARLY_ALL = 0.10, 0.20
"""Goals: change of size, in shares of it, of half the clips and of 95 % of them."""
TRAVEL = 0.10
"""Goal: change of how far an object moves, in shorter sides of the view, of 95 % of the clips."""


@dataclass(frozen=True)
class Spread:
    """The absolute drift of `n` clips at some second; a clip in which no object was seen counts as changed wholly."""

    n: int
    unseen: int
    size_median: float
    size_p95: float
    travel_median: float
    travel_p95: float


@dataclass(frozen=True)
class Minutes:
    """Drift by seconds, of the generator and of drawn minutes."""

    made: dict[int, Spread]
    drawn: dict[int, Spread]


def measure_minutes(staff: Workers) -> Minutes:
    """One clip of a minute for each prompt, and the drawn minute of the same scene."""
    asked = scenes(EACH, SEED)
    orders = [(text, 1000 + i) for i, (text, _) in enumerate(asked)]
    made = staff.each(_made, orders, "clips of a minute")
    drawn = staff.each(of_drawing, [scene for _, scene in asked], "drawn minutes")
    return Minutes({at: _spread(made, at) for at in AT}, {at: _spread(drawn, at) for at in AT})


def _made(order: tuple[str, int]) -> dict[int, Drift]:
    return of_generator(generator(), *order)


def _spread(clips: Sequence[dict[int, Drift]], at: int) -> Spread:
    found = [clip[at] for clip in clips]
    sizes = [1.0 if one.size is None else abs(one.size) for one in found]
    travels = [1.0 if one.travel is None else abs(one.travel) for one in found]
    (size, most_size), (travel, most_travel) = (
        (float(np.median(values)), float(np.quantile(values, 0.95))) for values in (sizes, travels)
    )
    return Spread(len(found), sum(one.size is None for one in found), size, most_size, travel, most_travel)


def minute_rows(minutes: Minutes) -> list[dict[str, object]]:
    """Lines of a table."""
    return [
        {"": f"{name:<6}", "at s": at} | {key: round(value, 3) for key, value in asdict(spread).items()}
        for name, spreads in (("made", minutes.made), ("drawn", minutes.drawn))
        for at, spread in spreads.items()
    ]


def minute_goals(minutes: Minutes | None) -> list[Goal]:
    """The goals, of the worst of the measured seconds."""
    made = list(minutes.made.values()) if minutes else []
    return [
        goal(f"{name}, in a minute", f"<= {wanted}", max((getattr(one, value) for one in made), default=None))
        for name, wanted, value in (
            ("median change of an object's size", MEDIAN, "size_median"),
            ("95th percentile of the same", NEARLY_ALL, "size_p95"),
            ("95th percentile of the change of its travel", TRAVEL, "travel_p95"),
        )
    ]
