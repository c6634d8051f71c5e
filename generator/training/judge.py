"""A judge that reads pixels only: which scene does a clip show? No model is involved.

It knows the thirty landscapes of each canvas and the five outlines; it compares. Its own error is measured
on drawn clips and reported beside every figure it gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from generator.scenes import (
    COLOURS,
    GROUNDS,
    OUTLINE,
    SHAPES,
    TIMES,
    Image,
    Scene,
    distance,
    landscape,
)

Mask = NDArray[np.bool_]
_GRID: Final = 32
_DIFFERENT: Final = 0.12
_SAME_FILL: Final = 0.27


@dataclass(frozen=True)
class Seen:
    """What the judge saw; None where it could not tell. `steadiness`: the landscape's mean change a frame."""

    shape: str | None
    colour: str | None
    motion: str | None
    ground: str
    time: str
    landscape_error: float
    steadiness: float


@cache
def _landscapes(width: int, height: int) -> tuple[tuple[tuple[str, str], Image], ...]:
    return tuple(
        ((ground, time), landscape(Scene("ball", "red", "still", ground, time, mirror=mirror), width, height))
        for ground in GROUNDS
        for time in TIMES
        for mirror in (False, True)
    )


@cache
def _templates() -> dict[str, Mask]:
    y, x = np.meshgrid(
        np.arange(-60, 61, dtype=np.float32), np.arange(-60, 61, dtype=np.float32), indexing="ij"
    )
    return {s: _normal(distance(s, x, y, 40.0) < -OUTLINE * 40) for s in SHAPES}


def _normal(mask: Mask) -> Mask:
    """The mask's bounding square on a small grid."""
    ys, xs = np.nonzero(mask)
    side = max(np.ptp(ys), np.ptp(xs)) + 1
    steps = ((np.arange(_GRID) + 0.5) / _GRID - 0.5) * side
    rows = np.round((ys.min() + ys.max()) / 2 + steps).astype(int)
    columns = np.round((xs.min() + xs.max()) / 2 + steps).astype(int)
    inside = ((rows >= 0) & (rows < mask.shape[0]))[:, None] & ((columns >= 0) & (columns < mask.shape[1]))[
        None
    ]
    picked = mask[rows.clip(0, mask.shape[0] - 1)[:, None], columns.clip(0, mask.shape[1] - 1)[None]]
    return np.asarray(picked & inside, bool)


def _largest(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), bool)


def judge(frames: NDArray[np.uint8]) -> Seen:
    """Look at a clip, (n, height, width, 3) uint8 RGB, its whole motion from first frame to last."""
    clip = frames.astype(np.float32) / 255
    height, width = clip.shape[1:3]
    middle = np.median(clip, 0)
    errors = [float(np.median(np.abs(middle - picture).max(-1))) for _, picture in _landscapes(width, height)]
    means = [float(np.abs(middle - picture).mean()) for _, picture in _landscapes(width, height)]
    best = int(np.argmin(means))
    (ground, time), picture = _landscapes(width, height)[best]
    unit = min(width, height)
    centres: list[tuple[float, float]] = []
    fills: list[NDArray[np.float32]] = []
    overlaps: list[list[float]] = []
    free = np.ones((height, width), bool)
    for frame in clip:
        found = _largest(
            cv2.morphologyEx(
                (np.abs(frame - picture).max(-1) > _DIFFERENT).astype(np.uint8),
                cv2.MORPH_OPEN,
                np.ones((3, 3), np.uint8),
            )
            > 0
        )
        if found.sum() < 0.02 * unit * unit:
            continue
        free &= ~cv2.dilate(found.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
        # The eroded middle of what differs is the object's fill: outline and shadow lie at its rim.
        core = cv2.distanceTransform(found.astype(np.uint8), cv2.DIST_L2, 3)
        fill = np.median(frame[core > 0.6 * core.max()], 0)
        body = _largest((np.abs(frame - fill).max(-1) < _SAME_FILL) & found)
        if body.sum() < 0.01 * unit * unit:
            continue
        ys, xs = np.nonzero(body)
        centres.append((float(xs.mean()) / width, float(ys.mean()) / height))
        fills.append(fill)
        normal = _normal(body)
        overlaps.append([float((normal & t).sum() / (normal | t).sum()) for t in _templates().values()])
    drift = float(np.abs(np.diff(clip[:, free], axis=0)).mean()) if free.any() and len(clip) > 1 else 0.0
    if len(centres) < 0.6 * len(clip):
        return Seen(None, None, None, ground, time, errors[best], drift)
    shape = SHAPES[int(np.mean(overlaps, 0).argmax())]
    return Seen(shape, _colour(np.median(fills, 0)), _motion(centres), ground, time, errors[best], drift)


def _colour(fill: NDArray[np.float32]) -> str:
    def gap(name: str) -> float:
        reference = np.array(COLOURS[name])
        return float(min(np.linalg.norm(fill - reference * light) for light in (1.0, 0.93, 0.85, 0.8, 0.74)))

    return min(COLOURS, key=gap)


def _motion(centres: list[tuple[float, float]]) -> str | None:
    path = np.array(centres)
    edge = max(1, len(path) // 6)
    dx, dy = path[-edge:].mean(0) - path[:edge].mean(0)
    travel = np.abs(np.diff(path[:, 1])).sum()
    if abs(dx) > 0.15 and abs(dx) > abs(dy):
        return "right" if dx > 0 else "left"
    if abs(dy) > 0.15 and travel < 2.5 * abs(dy):
        return "fall" if dy > 0 else "rise"
    if travel > 0.5:
        return "bounce"
    return "still" if travel < 0.25 and np.ptp(path[:, 0]) < 0.08 else None
