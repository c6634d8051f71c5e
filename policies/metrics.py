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


def platt(positive: Bools, margins: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and offset of the sigmoid that maps margins to probabilities (Newton, weighted)."""
    slope, offset = 1.0, 0.0
    # Platt's targets: never exactly 0 or 1, so a separable set does not run away.
    n_positive, n_negative = float(positive.sum()), float((~positive).sum())
    target = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    design = np.stack([margins, np.ones_like(margins)], axis=1)
    for _ in range(50):
        probability = 1 / (1 + np.exp(-np.clip(slope * margins + offset, -30, 30)))
        gradient = design.T @ (weights * (probability - target))
        curvature = (design * (weights * probability * (1 - probability))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-6 * np.eye(2), gradient)
        slope, offset = slope - float(step[0]), offset - float(step[1])
        if float(np.abs(step).max()) < 1e-8:
            break
    return slope, offset
