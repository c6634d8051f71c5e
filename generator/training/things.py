"""The objects of the scenes, drawn as pictures with transparency.

Training data and ground truth; never run by the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from generator.training.outlines import Plane, box, circle, ellipse, polygon

Picture = NDArray[np.float32]
Rgb = tuple[float, float, float]

COLOURS: Final[dict[str, Rgb]] = {
    "red": (0.90, 0.10, 0.12),
    "orange": (1.00, 0.52, 0.05),
    "yellow": (1.00, 0.88, 0.12),
    "green": (0.08, 0.70, 0.22),
    "blue": (0.10, 0.26, 0.95),
    "purple": (0.50, 0.12, 0.72),
    "pink": (1.00, 0.48, 0.72),
    "white": (0.98, 0.98, 0.98),
}
LIGHT: Final = {"day": 1.0, "sunset": 0.93, "night": 0.80}
"""How bright objects are at each time."""
HALF: Final = 1.3
"""Half the side of an object's picture, in radii."""
EDGE: Final = 0.09
"""Width of the dark outline, in radii."""
_BLOCKS: Final = 16
_DARK, _GLASS, _BARK, _FLAME = (0.13, 0.13, 0.16), (0.72, 0.88, 0.97), (0.42, 0.27, 0.15), (1.0, 0.60, 0.10)


@dataclass(frozen=True)
class Part:
    """A piece of an object: its distance, and its own colour; None for the object's, made lighter or darker."""

    distance: Callable[[Plane, Plane], Any]
    colour: Rgb | None = None
    tint: float = 1.0


def _star(x: Plane, y: Plane) -> Any:
    corners = []
    for k in range(10):
        r, angle = (1.12 if k % 2 == 0 else 0.5), math.pi * k / 5
        corners.append((r * math.sin(angle), -r * math.cos(angle)))
    return polygon(x, y, *corners)


def _heart(x: Plane, y: Plane) -> Any:
    lobes = np.minimum(circle(x, y, -0.46, -0.36, 0.52), circle(x, y, 0.46, -0.36, 0.52))
    point = polygon(
        x, y, (-0.93, -0.12), (-0.46, -0.5), (0.0, -0.42), (0.46, -0.5), (0.93, -0.12), (0.0, 1.0)
    )
    return np.minimum(lobes, point)


def _balloon(x: Plane, y: Plane) -> Any:
    return np.minimum(
        ellipse(x, y, 0, -0.3, 0.68, 0.8), polygon(x, y, (0, 0.42), (-0.17, 0.68), (0.17, 0.68))
    )


def _tree(x: Plane, y: Plane) -> Any:
    crown = np.minimum(circle(x, y, -0.4, -0.18, 0.46), circle(x, y, 0.4, -0.18, 0.46))
    return np.minimum(crown, circle(x, y, 0, -0.52, 0.52))


def _fish(x: Plane, y: Plane) -> Any:
    return np.minimum(
        ellipse(x, y, -0.14, 0, 0.86, 0.52), polygon(x, y, (0.45, 0.0), (1.1, -0.52), (1.1, 0.52))
    )


def _rocket(x: Plane, y: Plane) -> Any:
    hull = polygon(
        x,
        y,
        (0, -1.15),
        (0.24, -0.8),
        (0.36, -0.35),
        (0.36, 0.6),
        (-0.36, 0.6),
        (-0.36, -0.35),
        (-0.24, -0.8),
    )
    fins = np.minimum(
        polygon(x, y, (0.3, 0.05), (0.78, 0.78), (0.3, 0.6)),
        polygon(x, y, (-0.3, 0.05), (-0.78, 0.78), (-0.3, 0.6)),
    )
    return np.minimum(hull, fins)


def _car(x: Plane, y: Plane) -> Any:
    cabin = polygon(x, y, (-0.62, 0.0), (-0.38, -0.56), (0.36, -0.56), (0.66, 0.0))
    return np.minimum(box(x, y, 0, 0.2, 1.1, 0.27), cabin)


def _cat(x: Plane, y: Plane) -> Any:
    ears = np.minimum(
        polygon(x, y, (-0.82, -0.2), (-0.78, -1.02), (-0.2, -0.66)),
        polygon(x, y, (0.82, -0.2), (0.78, -1.02), (0.2, -0.66)),
    )
    return np.minimum(ellipse(x, y, 0, 0.08, 0.88, 0.8), ears)


THINGS: Final[dict[str, tuple[Part, ...]]] = {
    "ball": (
        Part(lambda x, y: circle(x, y, 0, 0, 1.0)),
        Part(
            lambda x, y: np.maximum(
                circle(x, y, 0, 0, 0.91), np.abs(np.hypot(x + 1.1, y + 1.1) - 1.5) - 0.15
            ),
            (0.97, 0.97, 0.97),
        ),
    ),
    "cube": (
        Part(lambda x, y: box(x, y, -0.2, 0.2, 0.7, 0.7)),
        Part(lambda x, y: polygon(x, y, (-0.9, -0.5), (0.5, -0.5), (0.9, -0.9), (-0.5, -0.9)), tint=1.25),
        Part(lambda x, y: polygon(x, y, (0.5, -0.5), (0.9, -0.9), (0.9, 0.5), (0.5, 0.9)), tint=0.7),
    ),
    "pyramid": (Part(lambda x, y: polygon(x, y, (0, -1.05), (1.05, 0.85), (-1.05, 0.85))),),
    "star": (Part(_star),),
    "heart": (Part(_heart),),
    "car": (
        Part(_car),
        Part(
            lambda x, y: polygon(x, y, (-0.42, -0.06), (-0.28, -0.44), (-0.05, -0.44), (-0.05, -0.06)), _GLASS
        ),
        Part(lambda x, y: polygon(x, y, (0.07, -0.06), (0.07, -0.44), (0.28, -0.44), (0.45, -0.06)), _GLASS),
        Part(lambda x, y: np.minimum(circle(x, y, -0.58, 0.5, 0.29), circle(x, y, 0.58, 0.5, 0.29)), _DARK),
    ),
    "house": (
        Part(lambda x, y: box(x, y, 0, 0.38, 0.8, 0.56)),
        Part(lambda x, y: polygon(x, y, (0, -1.08), (1.06, -0.14), (-1.06, -0.14)), (0.45, 0.22, 0.16)),
        Part(lambda x, y: box(x, y, -0.34, 0.58, 0.18, 0.34), _BARK),
        Part(lambda x, y: box(x, y, 0.34, 0.3, 0.2, 0.18), _GLASS),
    ),
    "tree": (
        Part(lambda x, y: box(x, y, 0, 0.62, 0.15, 0.46), _BARK),
        Part(_tree),
    ),
    "boat": (
        Part(lambda x, y: box(x, y, 0, -0.3, 0.05, 0.78), _BARK),
        Part(lambda x, y: polygon(x, y, (0.1, -1.05), (0.86, 0.22), (0.1, 0.22)), (0.95, 0.93, 0.86)),
        Part(lambda x, y: polygon(x, y, (-0.1, -0.8), (-0.1, 0.22), (-0.62, 0.22)), (0.95, 0.93, 0.86)),
        Part(lambda x, y: polygon(x, y, (-1.12, 0.34), (1.12, 0.34), (0.72, 0.92), (-0.72, 0.92))),
    ),
    "balloon": (
        Part(lambda x, y: box(x, y, 0, 0.9, 0.02, 0.3), _DARK),
        Part(_balloon),
        Part(lambda x, y: ellipse(x, y, -0.26, -0.58, 0.12, 0.2), (0.98, 0.98, 0.98)),
    ),
    "rocket": (
        Part(lambda x, y: polygon(x, y, (-0.24, 0.62), (0.24, 0.62), (0, 1.2)), _FLAME),
        Part(_rocket),
        Part(lambda x, y: circle(x, y, 0, -0.3, 0.2), _GLASS),
    ),
    "fish": (
        Part(_fish),
        Part(lambda x, y: circle(x, y, -0.55, -0.1, 0.13), (0.98, 0.98, 0.98)),
        Part(lambda x, y: circle(x, y, -0.58, -0.1, 0.07), _DARK),
    ),
    "cat": (
        Part(_cat),
        Part(
            lambda x, y: np.minimum(
                ellipse(x, y, -0.36, -0.05, 0.13, 0.18), ellipse(x, y, 0.36, -0.05, 0.13, 0.18)
            ),
            _DARK,
        ),
        Part(lambda x, y: polygon(x, y, (-0.13, 0.26), (0.13, 0.26), (0, 0.42)), (0.35, 0.12, 0.16)),
    ),
}


@lru_cache(maxsize=8)
def _grid(size: int, stretch: float) -> tuple[Plane, Plane]:
    side = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1) * HALF
    x, y = np.meshgrid(side / stretch, side * stretch)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


@lru_cache(maxsize=64)
def _distances(thing: str, size: int, stretch: float) -> tuple[Plane, ...]:
    x, y = _grid(size, stretch)
    return tuple(np.asarray(part.distance(x, y), np.float32) for part in THINGS[thing])


def draw_thing(thing: str, colour: str, style: str, time: str, size: int, stretch: float = 1.0) -> Picture:
    """An object's picture, centred: (size, size, 4) float32 in 0..1, colours multiplied by their cover.

    `stretch`, at most 1.1, makes it wider and less tall.

    Raises:
        KeyError: an unknown name.
    """
    if style == "pixel":
        small = draw_thing(thing, colour, "cartoon", time, 4 * _BLOCKS, stretch)
        blocks = small.reshape(_BLOCKS, 4, _BLOCKS, 4, 4).mean((1, 3))
        blocks *= (blocks[..., 3:] > 0.45) / np.maximum(blocks[..., 3:], 1e-3)  # blocks are there or not
        rows = np.arange(size) * _BLOCKS // size
        return np.asarray(blocks[rows][:, rows], np.float32)
    x, y = _grid(size, stretch)
    pixel = 2 * HALF / size
    own = np.array(COLOURS[colour], np.float32)
    if style == "watercolour":
        own = 0.74 * own + 0.26
    picture = np.zeros((size, size, 4), np.float32)
    shade = 1 - 0.2 * np.clip((0.6 * x + y) / 1.2, -1, 1)[..., None]
    if style == "watercolour":
        shade = shade + 0.09 * (np.sin(5.1 * x + 2.3 * y) * np.sin(4.3 * y - 1.7 * x + 1.0))[..., None]
    soft = 0.5 * pixel if style == "cartoon" else 0.07
    for part, distance in zip(THINGS[thing], _distances(thing, size, stretch), strict=True):
        fill = own if part.colour is None else np.array(part.colour, np.float32)
        body = np.clip(fill * (part.tint * shade if part.colour is None else 1.0), 0, 1)
        if style == "cartoon":
            edge = EDGE if part.colour is None else EDGE / 2
            body = body + _cover(-(distance + edge), soft)[..., None] * (0.25 * fill - body)
        cover = _cover(distance, soft)[..., None]
        layer = np.concatenate((np.broadcast_to(body, (size, size, 3)), np.ones((size, size, 1))), -1)
        picture = np.asarray(picture + cover * (layer - picture), np.float32)
    picture[..., :3] *= LIGHT[time]
    return picture


def _cover(distance: Plane, soft: float) -> Plane:
    return np.asarray(np.clip(0.5 - distance / (2 * soft), 0, 1), np.float32)
