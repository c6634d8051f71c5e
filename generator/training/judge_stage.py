"""What a clip's pixels say about its stage: ground, time, style, camera, and which pixels do not belong to it.

It knows the palette of the drawn landscapes, row by row, and where the compositor's camera puts a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from generator.compositor import FLOOR, RADIUS, VIEW
from generator.training.landscapes import GROUNDS, HORIZON, TIMES, draw_landscape
from generator.types import Frames

Mask = NDArray[np.bool_]
Values = NDArray[np.float32]

_BLOCKS: Final = 96
"""Rows and columns of the landscapes that clips are compared with: those of the pixel style."""
_VARIANTS: Final = range(0, 60, 6)
_ZOOMS: Final = np.arange(-0.12, 0.63, 0.03)
_ZOOMED: Final = 0.2
"""Octaves from the first to the last frame from which on the camera is said to zoom."""
_PANNED: Final = 0.1
"""Widths of the view from the first to the last frame from which on the camera is said to pan."""
_FAR: Final = 0.15
"""Difference of colours from which on it does not matter how far apart they are."""
_PART: Final = 1.25
"""How much less a part of a row is trusted than the whole."""
_LEVELS: Final = 32
"""Of each colour channel, in the tables of colours that occur."""
_SHADES: Final = np.arange(0.53, 1.0, 0.05)
"""How much light an object's shadow leaves."""
_CLEARER: Final = 0.8
"""By how much another shift must explain the background better than none, to count as a pan."""
_STEPPED: Final = 0.16
"""How regular steps of colour must be to be the pixel style's blocks."""


@dataclass(frozen=True)
class StageSeen:
    """What was seen of a stage.

    Attributes:
        zoom: (n,) octaves, of each frame.
        foreground: (n, height, width), what does not belong to the stage.
    """

    ground: str
    time: str
    style: str
    camera: str
    zoom: Values
    foreground: Mask


def see_stage(frames: Frames) -> StageSeen:
    """Read the stage of a clip, (n, height, width, 3) uint8 RGB, first to last frame."""
    (ground, time, style), first, last = _recognised(frames)
    zoom = np.linspace(first, last, len(frames), dtype=np.float32)
    if style == "cartoon" and _steps(frames, zoom) > _STEPPED:
        style = "pixel"
    foreground = _foreground(frames, zoom, ground, time, style)
    camera = "static"
    if abs(last - first) > _ZOOMED:
        camera = "zoom in" if last > first else "zoom out"
    elif abs(drift := _drift(frames, foreground)) > _PANNED:
        camera = "pan left" if drift > 0 else "pan right"
    return StageSeen(ground, time, style, camera, zoom, foreground)


@cache
def _landscapes(ground: str, time: str, style: str) -> Values:
    """Drawn landscapes: (variants, rows, columns, 3) in 0..1. Cartoon and pixel have the same colours."""
    drawn = "watercolour" if style == "watercolour" else "pixel"
    return np.stack([draw_landscape(ground, time, drawn, _BLOCKS, variant) for variant in _VARIANTS])


@cache
def _profiles() -> tuple[tuple[tuple[str, str, str], ...], Values]:
    """The usual colour of each row of each landscape: their names, and (landscapes, rows, 3) in 0..1."""
    names = tuple((g, t, s) for g in GROUNDS for t in TIMES for s in ("cartoon", "watercolour"))
    return names, np.stack([np.median(_landscapes(*name), (0, 2)) for name in names]).astype(np.float32)


def _rows(width: int, height: int, zoom: float) -> NDArray[np.float64]:
    """The landscape's row, in blocks, that each of the picture's rows shows."""
    y = (np.arange(height) + 0.5 - height / 2) / max(width, height)
    return (0.5 + y * VIEW * 2**-zoom) * _BLOCKS - 0.5


def _unlike(profiles: Values, rows: Values, view: tuple[int, int], zoom: float) -> Values:
    """How much the rows of a picture differ from those of landscapes: (landscapes, ways).

    Args:
        profiles: (landscapes, rows of the landscape, 3).
        rows: (height, ways, 3), the picture's, as seen in different ways.
        view: the picture's width and height.
    """
    at = _rows(*view, zoom)
    upper = np.clip(at.astype(int), 0, _BLOCKS - 2)
    share = (at - upper)[:, None].astype(np.float32)
    expected = profiles[:, upper] * (1 - share) + profiles[:, upper + 1] * share
    gaps = np.abs(expected[:, :, None] - rows[None]).mean(-1)
    return np.asarray(np.minimum(gaps, _FAR).mean(1))


def _recognised(frames: Frames) -> tuple[tuple[str, str, str], float, float]:
    """The landscape whose rows look most alike, and the zoom at the beginning and at the end."""
    names, profiles = _profiles()
    few = max(1, len(frames) // 8)
    height, width = frames.shape[1:3]
    unlike = []
    for end in (frames[:few], frames[-few:]):
        # A large object can be what is usual in a row, but hardly on the left and on the right as well. A whole row
        # is to be preferred: in a part of it few towers or hills decide.
        parts = (end, end[:, :, : width // 3], end[:, :, -width // 3 :])
        rows = (np.stack([np.median(part, (0, 2)) for part in parts], 1) / 255).astype(np.float32)
        ways = np.array((1, _PART, _PART))
        unlike.append([(ways * _unlike(profiles, rows, (width, height), zoom)).min(-1) for zoom in _ZOOMS])
    gaps = np.array(unlike)
    best = int(gaps.min(1).sum(0).argmin())
    first, last = (float(_ZOOMS[int(one[:, best].argmin())]) for one in gaps)
    return names[best], first, last


def _steps(frames: Frames, zoom: Values) -> float:
    """How regularly colours change at the distance of the pixel style's blocks, 0 to 1."""
    found = []
    for i in range(0, len(frames), max(1, len(frames) // 4)):
        picture = frames[i].astype(np.float32)
        block = max(picture.shape[:2]) / (VIEW * 2 ** -float(zoom[i]) * _BLOCKS)
        for axis in (0, 1):
            change = np.minimum(np.abs(np.diff(picture, axis=axis)).sum(-1), 24).mean(1 - axis)
            smooth = cv2.blur(change[:, None], (1, 2 * round(block) + 1), borderType=cv2.BORDER_REFLECT)[:, 0]
            change = np.minimum(change / np.maximum(smooth, 0.02), 3)
            at = np.arange(len(change))
            periods = block * np.linspace(0.96, 1.04, 9)
            waves = np.exp(-2j * np.pi * at[None] / periods[:, None])
            found.append(float(np.abs(waves @ change).max() / max(change.sum(), 1e-6)))
    return float(np.mean(found))


@lru_cache(maxsize=24)
def _known(ground: str, time: str, style: str) -> tuple[Mask, Mask]:
    """Colours that occur in each row of a landscape, in light and in shadow: each (rows, levels, levels, levels)."""
    # Between towers drawn this small no sky is left; over the sea all of it is to be seen.
    sky = np.arange(_BLOCKS)[:, None, None] < HORIZON * _BLOCKS
    own = _landscapes(ground, time, style)
    drawn = np.concatenate((own, np.where(sky, _landscapes("sea", time, style), own)))
    colours = drawn.transpose(1, 0, 2, 3).reshape(_BLOCKS, -1, 3)
    rows = np.broadcast_to(np.arange(_BLOCKS)[:, None], colours.shape[:2])
    lit, shaded = (np.zeros((_BLOCKS, _LEVELS, _LEVELS, _LEVELS), bool) for _ in range(2))
    for table, shades, reach in ((lit, np.ones(1), 2), (shaded, _SHADES, 1)):
        for shade in shades:
            level = np.minimum(colours * shade * _LEVELS, _LEVELS - 1).astype(int)
            table[rows, level[..., 0], level[..., 1], level[..., 2]] = True
        _widen(table, (2, reach, reach, reach))
    return lit, shaded


def _widen(table: Mask, reach: tuple[int, ...]) -> None:
    """Also set what is within reach along each axis, in place."""
    for axis, most in enumerate(reach):
        along = np.moveaxis(table, axis, 0)
        for _ in range(most):
            before = along.copy()
            along[1:] |= before[:-1]
            along[:-1] |= before[1:]


def _foreground(frames: Frames, zoom: Values, ground: str, time: str, style: str) -> Mask:
    lit, shaded = _known(ground, time, style)
    height, width = frames.shape[1:3]
    levels = (frames.astype(np.uint16) * _LEVELS // 256).astype(np.intp)
    found = np.empty(frames.shape[:3], bool)
    shadow_from = FLOOR * height - 0.4 * RADIUS * min(width, height)
    low = np.arange(height)[:, None] > shadow_from
    for i, level in enumerate(levels):
        rows = np.clip(np.round(_rows(width, height, float(zoom[i]))), 0, _BLOCKS - 1).astype(int)[:, None]
        place = (rows, level[..., 0], level[..., 1], level[..., 2])
        found[i] = ~(lit[place] | (low & shaded[place]))
    return found


def _drift(frames: Frames, foreground: Mask) -> float:
    """How far the background moves to the right over the clip, in widths of the view."""
    small = (frames.shape[2] // 2, frames.shape[1] // 2)
    pictures, free = [], []
    for frame, mask in zip(frames, foreground, strict=True):
        picture = cv2.resize(frame, small, interpolation=cv2.INTER_AREA).astype(np.float32)
        grown = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8))
        pictures.append(picture - np.median(picture, 1, keepdims=True))
        free.append(cv2.resize(grown, small, interpolation=cv2.INTER_NEAREST) == 0)
    lag = max(1, len(frames) // 4)
    most = max(2, small[0] // 6)
    shifts = np.arange(-most, most + 1)
    unlike = np.zeros(len(shifts))
    for k, shift in enumerate(shifts):
        here = slice(max(0, -shift), small[0] - max(0, shift))
        there = slice(max(0, shift), small[0] + min(0, shift))
        total, count = 0.0, 1.0
        for i in range(0, len(frames) - lag, max(1, lag // 2)):
            both = free[i][:, here] & free[i + lag][:, there]
            gap = np.minimum(np.abs(pictures[i][:, here] - pictures[i + lag][:, there]).mean(-1), 40)
            total += float(gap[both].sum())
            count += float(both.sum())
        unlike[k] = total / count
    best = int(unlike.argmin())
    if unlike[best] > _CLEARER * unlike[most]:
        return 0.0
    return float(shifts[best] / small[0] * (len(frames) - 1) / lag)
