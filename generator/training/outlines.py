"""Signed distances of plain figures, in units of the object's radius: x to the right, y downwards, negative inside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


def circle(x: Plane, y: Plane, cx: float, cy: float, r: float) -> Any:
    """A disc."""
    return np.hypot(x - cx, y - cy) - r


def ellipse(x: Plane, y: Plane, cx: float, cy: float, rx: float, ry: float) -> Any:
    """An ellipse along the axes; near its edge the distance is right to a few per cent."""
    u, v = (x - cx) / rx, (y - cy) / ry
    length = np.hypot(u, v)
    slope = np.hypot(u / rx, v / ry)
    return length * (length - 1) / np.maximum(slope, 1e-6)


def box(x: Plane, y: Plane, cx: float, cy: float, half_width: float, half_height: float) -> Any:
    """A rectangle."""
    u, v = np.abs(x - cx) - half_width, np.abs(y - cy) - half_height
    return np.hypot(np.maximum(u, 0), np.maximum(v, 0)) + np.minimum(np.maximum(u, v), 0)


def polygon(x: Plane, y: Plane, *corners: tuple[float, float]) -> Any:
    """Any simple polygon."""
    nearest = np.full(x.shape, np.inf, np.float32)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey, wx, wy = bx - ax, by - ay, x - ax, y - ay
        along = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, (wx - along * ex) ** 2 + (wy - along * ey) ** 2)
        crosses = (ay > y) != (by > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (wx < ex * wy / ey)
    return np.where(inside, -1, 1) * np.sqrt(nearest)
