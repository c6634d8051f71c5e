"""Figures of merit for scores, in numpy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def average_precision(positive: Bools, scores: Floats) -> float:
    """Area under the precision-recall curve (step-wise); ties count together. NaN without positives."""
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits, ranked = positive[order], scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # end of each run of ties
    true = np.cumsum(hits)[last]
    recall = true / true[-1]
    return float(np.sum(np.diff(np.concatenate(([0.0], recall))) * (true / (last + 1))))


def auroc(positive: Bools, scores: Floats) -> float:
    """Probability that a positive scores above a negative; ties count half. NaN without both."""
    positives, negatives = scores[positive], np.sort(scores[~positive])
    if not len(positives) or not len(negatives):
        return float("nan")
    below = np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")
    return float(below.mean() / 2 / len(negatives))


def threshold_at(negatives: Floats, rate: float) -> float:
    """The lowest threshold (``score >= threshold`` acts) that at most ``rate`` of ``negatives`` reach."""
    ranked = np.sort(negatives)[::-1]
    allowed = int(rate * len(ranked) + 1e-9)
    return float(np.nextafter(ranked[allowed], np.inf)) if allowed < len(ranked) else 0.0


def recall_at(positives: Floats, negatives: Floats, rate: float) -> float:
    """Share of ``positives`` above the threshold that ``rate`` of ``negatives`` reach."""
    return float(np.mean(positives >= threshold_at(negatives, rate)))


def bootstrap(values: Floats, rounds: int = 500, seed: int = 0) -> Interval:
    """Mean of 0/1 or real ``values`` with its percentile interval."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (rounds, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap_precision(positive: Bools, scores: Floats, rounds: int = 200, seed: int = 0) -> Interval:
    """Average precision with its percentile interval."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(rounds):
        index = rng.integers(0, len(scores), len(scores))
        drawn.append(average_precision(positive[index], scores[index]))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Interval(average_precision(positive, scores), float(low), float(high))


def calibration_error(positive: Bools, scores: Floats, bins: int = 10) -> float:
    """Expected calibration error: mean distance of probability and frequency over equal-width bins."""
    index = np.minimum((scores * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = index == b
        if inside.any():
            error += float(inside.mean()) * abs(float(scores[inside].mean()) - float(positive[inside].mean()))
    return error
