"""What a clip's pixels say about an object: which thing it is, and of which colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from generator.training.things import COLOURS, THINGS, draw_thing

Mask = NDArray[np.bool_]
Values = NDArray[np.float32]

GRID: Final = 44
"""Rows and columns on which outlines are compared."""
_REACH: Final = 2.2
"""Half the side of the grid, in radii of a disc of the object's area."""
_DRAWN: Final = 76
"""Pixels a side of the drawn things that are compared with: about as large as they are in a small clip."""
_STRETCHES: Final = (0.93, 1.0, 1.08)
_TURNS: Final = 24
"""In a full circle."""
_LEAST_ALIKE: Final = 0.55
"""Share of the area that an object must have in common with a thing, to be it."""


@dataclass(frozen=True)
class Templates:
    """The drawn things of a style, each brought to the same place and area.

    Attributes:
        names: of the things, one a template.
        masks: (turns, templates, GRID * GRID), turned in equal steps; 0 or 1.
        own: (templates, GRID, GRID), where the thing has its own colour.
    """

    names: tuple[str, ...]
    masks: Values
    own: Mask


def normal(mask: Mask, picture: Values | None = None, *, turn: float = 0.0) -> Values:
    """A mask, or a picture by its mask, on a grid where its centre is in the middle and its area always the same.

    Args:
        mask: (height, width), not empty.
        picture: (height, width, channels).
        turn: radians, clockwise.
    """
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    step = 2 * _REACH * np.sqrt(moments["m00"] / np.pi) / GRID
    sine, cosine = step * np.sin(turn), step * np.cos(turn)
    half = (GRID - 1) / 2
    place = np.array(
        ((cosine, sine, x - half * (cosine + sine)), (-sine, cosine, y - half * (cosine - sine))), np.float32
    )
    source = mask.astype(np.float32) if picture is None else picture
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(source, place, (GRID, GRID), flags=flags), np.float32)


def whole(mask: Mask) -> Mask:
    """A mask, (height, width), without its holes, narrow gaps and specks."""
    kernel = np.ones((3, 3), np.uint8)
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(closed)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return np.asarray(cv2.morphologyEx(filled, cv2.MORPH_OPEN, kernel) > 0)


@cache
def templates(style: str) -> Templates:
    """The things as they are drawn in a style, both ways round."""
    names, masks, own = list[str](), list[list[Values]](), list[Mask]()
    for thing in THINGS:
        for stretch in _STRETCHES:
            red, blue = (
                draw_thing(thing, colour, style, "day", _DRAWN, stretch) for colour in ("red", "blue")
            )
            fill = (np.abs(red - blue).max(-1) > 0.35).astype(np.float32)
            for way in (1, -1):
                mask = whole(red[:, ::way, 3] > 0.5)
                names.append(thing)
                masks.append([normal(mask, turn=2 * np.pi * k / _TURNS) for k in range(_TURNS)])
                own.append(np.asarray(normal(mask, fill[:, ::way, None]) > 0.9))
    stacked = (np.array(masks) > 0.5).astype(np.float32).reshape(len(names), _TURNS, -1).transpose(1, 0, 2)
    return Templates(tuple(names), np.ascontiguousarray(stacked), np.array(own))


def _alike(shapes: Values, known: Values) -> Values:
    """The part of their area that shapes and templates share.

    Args:
        shapes: (n, GRID, GRID) of 0 and 1.
        known: (turns, templates, GRID * GRID).

    Returns:
        (n, turns, templates).
    """
    flat = shapes.reshape(len(shapes), -1)
    both = (flat @ known.reshape(-1, flat.shape[1]).T).reshape(len(flat), *known.shape[:2])
    return np.asarray(both / (flat.sum(1)[:, None, None] + known.sum(-1) - both), np.float32)


def which_thing(
    shapes: Values, style: str, *, spinning: bool
) -> tuple[str | None, NDArray[np.intp], NDArray[np.intp]]:
    """The thing, None if the shapes are like none; and of each shape the template and the turn that fit it best."""
    known = templates(style)
    scores = _alike(shapes, known.masks if spinning else known.masks[:1])
    best = scores.max(1)
    names = np.array(known.names)
    things = tuple(THINGS)
    each = np.stack([best[:, names == thing].max(1) for thing in things], 1)
    # Frames in which something hides a part of the object are the ones in which it is like nothing.
    clear = each.max(1) >= np.quantile(each.max(1), 0.4)
    total = each[clear].mean(0)
    thing = things[int(total.argmax())]
    fitting = np.where(names == thing, best, -1).argmax(1)
    turns = scores[np.arange(len(scores)), :, fitting].argmax(1)
    return (thing if total.max() >= _LEAST_ALIKE else None), fitting, turns


@cache
def _references(thing: str, style: str, time: str) -> Values:
    """What a thing's own colour looks like: (colours, 3) in 0..1."""
    known = templates(style)
    place = known.names.index(thing) + 2  # of the second stretch, which is none
    rows = []
    for colour in COLOURS:
        picture = draw_thing(thing, colour, style, time, _DRAWN)
        crop = normal(picture[..., 3] > 0.5, picture)
        rows.append(np.median(crop[known.own[place]][:, :3], 0))
    return np.array(rows)


def which_colour(crops: Values, thing: str, own: Mask, style: str, time: str) -> str:
    """The colour of an object.

    Args:
        crops: (n, GRID, GRID, 3) in 0..1, upright.
        own: (n, GRID, GRID), where the object has its own colour.
    """
    seen = np.median(crops[own], 0)
    gaps = np.linalg.norm(_references(thing, style, time) - seen, axis=-1)
    return tuple(COLOURS)[int(gaps.argmin())]
