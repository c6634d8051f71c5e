"""A judge that reads pixels only: which scene does a clip show? No model is involved.

It knows the palette and the outlines of the drawn scenes, and compares. Its own error is measured on drawn clips and
reported beside every figure that it gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from generator.training.judge_stage import Mask, StageSeen, Values, see_stage
from generator.training.judge_things import normal, templates, which_colour, which_thing, whole
from generator.types import Frames

_LEAST: Final = 0.0035
"""Area of the smallest object, in areas of the view."""
_GAP: Final = 9
"""Pixels from one object to another from which on they are two."""
_OFTEN: Final = 0.4
"""Share of the frames in which something must be seen, to be said to be there."""
_OUTLINE_CHANGED: Final = 0.17
"""Share of its area by which a thing's outline must change from frame to frame, to say that it turns."""
_INSIDE_CHANGED: Final = 0.025
"""The same for its colours inside, in 0..1; a ball turns without another outline."""


@dataclass(frozen=True)
class SeenThing:
    """An object; None where the judge could not tell."""

    thing: str | None
    colour: str | None
    motion: str | None


@dataclass(frozen=True)
class Seen:
    """What the judge saw; `things` are none, one or two, the largest first."""

    things: tuple[SeenThing, ...]
    ground: str
    time: str
    style: str
    camera: str


@dataclass(frozen=True)
class Blob:
    """An object in one frame: where it is in pixels, how large in square pixels, and what of the frame it covers."""

    frame: int
    x: float
    y: float
    area: float
    mask: Mask
    colour: Values


def judge(frames: Frames) -> Seen:
    """Look at a clip, (n, height, width, 3) uint8 RGB: a dozen frames or more, evenly from its first to its last."""
    stage = see_stage(frames)
    things = tuple(_look(track, frames, stage) for track in _follow(frames, stage))
    return Seen(things, stage.ground, stage.time, stage.style, stage.camera)


def follow(frames: Frames) -> list[list[Blob]]:
    """The objects of a clip through its frames, the largest first; frames in which two have become one are left out.

    Args:
        frames: (n, height, width, 3) uint8 RGB.
    """
    return _follow(frames, see_stage(frames))


def _follow(frames: Frames, stage: StageSeen) -> list[list[Blob]]:
    return _tracks([_blobs(i, frames[i], mask) for i, mask in enumerate(stage.foreground)], frames.shape[2])


def _blobs(index: int, frame: Frames, foreground: Mask) -> list[Blob]:
    """The one or two largest objects of a frame, whole, largest first."""
    filled = whole(foreground).astype(np.uint8)
    # Parts that hardly touch, such as a boat's hull and its sails, are one object.
    count, labels = cv2.connectedComponents(
        cv2.dilate(filled, np.ones((_GAP, _GAP), np.uint8)), connectivity=4
    )
    labels = np.where(filled > 0, labels, 0)
    areas = np.bincount(labels.ravel(), minlength=count)[1:]
    found = []
    for label in np.argsort(-areas, kind="stable")[:2]:
        if areas[label] < _LEAST * filled.size:
            break
        mask = labels == label + 1
        y, x = (float(place.mean()) for place in np.nonzero(mask))
        colour = np.median(frame[mask], 0).astype(np.float32)
        found.append(Blob(index, x, y, float(areas[label]), mask, colour))
    return found


def _tracks(frames: list[list[Blob]], width: int) -> list[list[Blob]]:
    pairs = [blobs for blobs in frames if len(blobs) == 2]
    if len(pairs) < _OFTEN * len(frames):
        single = [blobs[0] for blobs in frames if blobs]
        return [single] if len(single) >= _OFTEN * len(frames) else []
    tracks = [[pairs[0][0]], [pairs[0][1]]]
    for one, two in pairs[1:]:
        straight = _distance(tracks[0], one, width) + _distance(tracks[1], two, width)
        crossed = _distance(tracks[0], two, width) + _distance(tracks[1], one, width)
        for track, blob in zip(tracks, (one, two) if straight <= crossed else (two, one), strict=True):
            track.append(blob)
    return sorted(tracks, key=lambda track: -float(np.median([blob.area for blob in track])))


def _distance(track: list[Blob], blob: Blob, width: int) -> float:
    """How unlikely it is that a track goes on with a blob."""
    last = track[-1]
    x, y = last.x, last.y
    if len(track) > 1:
        pace = (blob.frame - last.frame) / (last.frame - track[-2].frame)
        x, y = x + pace * (x - track[-2].x), y + pace * (y - track[-2].y)
    return float(np.hypot(blob.x - x, blob.y - y) / width + np.abs(blob.colour - last.colour).mean() / 255)


def _look(track: list[Blob], frames: Frames, stage: StageSeen) -> SeenThing:
    """What an object is and does."""
    shapes = np.stack([normal(blob.mask) > 0.5 for blob in track])
    pictures = np.stack([normal(blob.mask, frames[blob.frame].astype(np.float32) / 255) for blob in track])
    spinning = _turns(shapes, pictures)
    motion = _motion(track, frames.shape[2], frames.shape[1], stage.zoom) or ("spin" if spinning else "still")
    thing, fitting, turns = which_thing(shapes.astype(np.float32), stage.style, spinning=motion == "spin")
    if thing is None:
        return SeenThing(None, None, motion)
    known = templates(stage.style)
    if motion == "spin":
        step = 2 * np.pi / len(known.masks)
        pictures = np.stack(
            [
                normal(blob.mask, frames[blob.frame].astype(np.float32) / 255, turn=-step * turn)
                for blob, turn in zip(track, turns, strict=True)
            ]
        )
    return SeenThing(
        thing, which_colour(pictures, thing, known.own[fitting], stage.style, stage.time), motion
    )


def _motion(track: list[Blob], width: int, height: int, zoom: Values) -> str | None:
    """What an object's place and size do; None if nothing."""
    x = np.array([blob.x for blob in track]) / width
    y = np.array([blob.y for blob in track]) / height
    size = np.log2([blob.area for blob in track]) / 2 - zoom[[blob.frame for blob in track]]
    few = max(1, len(track) // 8)
    across, down, growth = (float(v[-few:].mean() - v[:few].mean()) for v in (x, y, size))
    if abs(across) > 0.25 and abs(across) > 0.8 * np.ptp(x):
        return "right" if across > 0 else "left"
    if np.ptp(x) > 0.14 and np.ptp(y) > 0.12:
        return "circle"
    travel = float(np.abs(np.diff(y)).sum())
    if abs(down) > 0.17 and travel < 1.6 * abs(down):
        return "fall" if down > 0 else "rise"
    if np.ptp(y) > 0.15:
        return "bounce"
    if abs(growth) > 0.6:
        return "grow" if growth > 0 else "shrink"
    return None


def _turns(shapes: NDArray[np.bool_], pictures: Values) -> bool:
    """Whether an object that neither moves nor grows changes its outline, or what is inside.

    Args:
        shapes: (n, GRID, GRID).
        pictures: (n, GRID, GRID, 3) in 0..1.
    """
    kernel = np.ones((5, 5), np.uint8)
    cores = np.stack([cv2.erode(shape.astype(np.uint8), kernel) > 0 for shape in shapes])
    outline, inside = list[float](), list[float]()
    for i in range(len(shapes) - 1):
        outline.append(1 - float((shapes[i] & shapes[i + 1]).sum() / (shapes[i] | shapes[i + 1]).sum()))
        both = cores[i] & cores[i + 1]
        if both.any():
            inside.append(float(np.abs(pictures[i + 1] - pictures[i]).mean(-1)[both].mean()))
    return bool(np.median(outline or [0]) > _OUTLINE_CHANGED or np.median(inside or [0]) > _INSIDE_CHANGED)
