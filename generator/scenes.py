"""The scenes the embedded model is trained on: one large object over a landscape, drawn from a description.

This module draws **training data and ground truth for measurements**. Nothing here runs when a clip is made
by the model.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Slot = Literal["shape", "colour", "motion", "ground", "time"]

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.90, 0.10, 0.12),
    "orange": (1.00, 0.52, 0.05),
    "yellow": (1.00, 0.90, 0.12),
    "green": (0.08, 0.70, 0.22),
    "blue": (0.10, 0.26, 0.95),
    "purple": (0.58, 0.14, 0.78),
    "white": (0.98, 0.98, 0.98),
}
SHAPES = ("ball", "cube", "pyramid", "star", "heart")
MOTIONS = ("left", "right", "rise", "fall", "bounce", "still")
GROUNDS: dict[str, tuple[float, float, float]] = {
    "meadow": (0.30, 0.58, 0.22),
    "desert": (0.88, 0.74, 0.48),
    "snow": (0.86, 0.91, 0.97),
    "sea": (0.10, 0.42, 0.62),
    "city": (0.38, 0.38, 0.41),
}
TIMES = ("day", "sunset", "night")
SLOTS: dict[Slot, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": tuple(COLOURS),
    "motion": MOTIONS,
    "ground": tuple(GROUNDS),
    "time": TIMES,
}

FRAMES = 48
FPS = 12
HORIZON = 0.62
OUTLINE = 0.12
_SKY = {
    "day": ((0.30, 0.58, 0.95), (0.78, 0.90, 1.00)),
    "sunset": ((0.38, 0.22, 0.52), (1.00, 0.60, 0.30)),
    "night": ((0.02, 0.03, 0.11), (0.10, 0.13, 0.30)),
}
_LIGHT = {"day": (1.0, 1.0, 1.0), "sunset": (0.95, 0.80, 0.74), "night": (0.50, 0.53, 0.66)}
_OBJECT_LIGHT = {"day": 1.0, "sunset": 0.93, "night": 0.80}
_STARS = tuple(((k * 0.617 + 0.07) % 1.0, (k * 0.377 + 0.05) % 0.5) for k in range(12))


@dataclass(frozen=True)
class Scene:
    """One clip's description. `offset` and `size` jitter the object; `mirror` flips the landscape."""

    shape: str
    colour: str
    motion: str
    ground: str
    time: str
    offset: float = 0.0
    size: float = 1.0
    mirror: bool = False


def held_out(shape: str, colour: str, motion: str) -> bool:
    """True for the one in eight (shape, colour, motion) triples that training never shows."""
    k = SHAPES.index(shape) * 5 + tuple(COLOURS).index(colour) * 3 + MOTIONS.index(motion) * 7
    return k % 8 == 0


def sample_scene(rng: random.Random, *, split: Literal["train", "eval"] = "train") -> Scene:
    """Draw a scene uniformly from one side of the split."""
    while True:
        shape, colour, motion = rng.choice(SHAPES), rng.choice(tuple(COLOURS)), rng.choice(MOTIONS)
        if held_out(shape, colour, motion) == (split == "eval"):
            break
    return Scene(
        shape,
        colour,
        motion,
        rng.choice(tuple(GROUNDS)),
        rng.choice(TIMES),
        rng.uniform(-0.10, 0.10),
        rng.uniform(0.92, 1.08),
        rng.random() < 0.5,
    )


def radius(scene: Scene, width: int, height: int) -> float:
    """The object's radius in pixels."""
    return 0.2 * min(width, height) * scene.size


def centre(scene: Scene, width: int, height: int, progress: float, seconds: float) -> tuple[float, float]:
    """Where the object's centre is, in pixels.

    Args:
        progress: how much of the motion is done, 0 to 1.
        seconds: time since the clip began; bouncing keeps its own pace whatever the clip's length.
    """
    r = radius(scene, width, height)
    base, top = 0.86 * height - r, 0.06 * height + 1.15 * r
    x, y = width * (0.5 + scene.offset), base
    reach = 0.5 * width - 1.3 * r
    if scene.motion in ("left", "right"):
        sign = -1.0 if scene.motion == "left" else 1.0
        x = 0.5 * width + sign * reach * (2 * progress - 1) * (1 - abs(scene.offset))
    elif scene.motion == "rise":
        y = base + (top - base) * progress
    elif scene.motion == "fall":
        y = top + (base - top) * min(1.0, 1.2 * progress**1.6)
    elif scene.motion == "bounce":
        y = base - (base - top) * 0.8 * abs(math.sin(0.5 * math.pi * seconds))
    return x, y


def _over(image: Image, alpha: Image, colour: Image) -> Image:
    return image + alpha[..., None] * (colour - image)


def _cover(distance: Image) -> Image:
    return np.asarray(np.clip(0.5 - distance, 0, 1), np.float32)


def landscape(scene: Scene, width: int, height: int) -> Image:
    """The scene without its object, (height, width, 3) float32 in 0..1."""
    unit, horizon = float(min(width, height)), HORIZON * height
    y, x = np.meshgrid(
        np.arange(height, dtype=np.float32) + 0.5, np.arange(width, dtype=np.float32) + 0.5, indexing="ij"
    )
    light = np.array(_LIGHT[scene.time], np.float32)
    upper, lower = (np.array(c, np.float32) for c in _SKY[scene.time])
    k = np.clip(y / horizon, 0, 1)[..., None]
    image: Image = (upper * (1 - k) + lower * k).astype(np.float32)
    if scene.time == "night":
        for sx, sy in _STARS:
            glow = _cover(np.hypot(x - sx * width, y - sy * height) - 0.008 * unit)
            image = _over(image, 0.8 * glow, np.ones(3, np.float32))
    side = 0.16 if not scene.mirror else 0.84
    lamp = {"day": (1.0, 0.94, 0.55), "sunset": (1.0, 0.86, 0.42), "night": (0.93, 0.93, 0.85)}[scene.time]
    rise = {"day": 0.17, "sunset": 0.46, "night": 0.19}[scene.time]
    disc = np.hypot(x - side * width, y - rise * height) - 0.085 * unit
    image = _over(image, _cover(disc), np.array(lamp, np.float32))

    ground = np.array(GROUNDS[scene.ground], np.float32)
    flip = -1.0 if scene.mirror else 1.0
    u = flip * (x - 0.5 * width) / unit
    if scene.ground in ("meadow", "desert", "snow"):
        hill = horizon - unit * (0.07 + 0.05 * np.sin(u * 4.0 + 1.0) + 0.02 * np.sin(u * 9.0))
        image = _over(image, _cover(hill - y), ground * light * 0.78)
    if scene.ground == "city":
        for i in range(-8, 9):
            left, tall = i * 0.24 + 0.02, 0.13 + 0.16 * ((i * 37 % 11) / 11)
            box = np.maximum(np.abs(u - left - 0.09) - 0.085, (horizon / unit - tall) - y / unit) * unit
            image = _over(image, _cover(box), np.array((0.30, 0.31, 0.38), np.float32) * light)
    shade = 0.86 + 0.2 * np.clip((y - horizon) / (height - horizon), 0, 1)[..., None]
    floor = ground * shade * light
    if scene.ground == "sea":
        wave = np.sin((y - horizon) / unit * 60 + 1.2 * np.sin(u * 7.0))
        floor = floor + (0.045 * wave)[..., None] * light
    if scene.ground == "city":
        mark = _cover(
            np.maximum(
                np.abs(y - 0.93 * height) - 0.012 * unit,
                np.abs((u * 3 + 0.25) % 1 - 0.5) * unit / 3 - 0.09 * unit,
            )
        )
        floor = _over(floor.astype(np.float32), 0.8 * mark, np.array((0.95, 0.93, 0.85), np.float32) * light)
    return _over(image, _cover(horizon - y), np.clip(floor, 0, 1).astype(np.float32))


def distance(shape: str, x: Image, y: Image, r: float) -> Image:
    """Signed distance (approximate, pixels) to a shape's edge; negative inside, y downwards."""
    return np.asarray(_distance(shape, x, y, r), np.float32)


def _distance(shape: str, x: Image, y: Image, r: float) -> Any:
    if shape == "ball":
        return np.hypot(x, y) - r
    if shape == "cube":
        return np.maximum(np.abs(x), np.abs(y)) - 0.88 * r
    if shape == "pyramid":
        return np.maximum(y - 0.9 * r, (2 * np.abs(x) - (y + r)) / math.sqrt(5))
    if shape == "star":
        step = math.pi / 5
        angle, length = np.arctan2(x, -y), np.hypot(x, y)
        fold = step - np.abs(angle % (2 * step) - step)
        px, py = length * np.cos(fold), length * np.sin(fold)
        tip, notch = 1.1 * r, 0.5 * r
        ex, ey = notch * math.cos(step) - tip, notch * math.sin(step)
        return ((px - tip) * -ey + py * ex) / -math.hypot(ex, ey)
    u, v = np.abs(x) / r, -y / r + 0.08
    curve = (u * u + (1.15 * v - 0.62 * np.sqrt(u + 1e-6)) ** 2) - 0.90
    return curve * 0.48 * r


def render(
    scene: Scene,
    width: int,
    height: int,
    *,
    first: int = 0,
    count: int = FRAMES,
    total: int = FRAMES,
    mask: bool = False,
) -> NDArray[np.uint8]:
    """Draw frames `first`..`first+count` of a clip of `total` frames.

    Returns:
        (count, height, width, 3) uint8 RGB; with `mask`, the object's cover (count, height, width) instead.
    """
    back = landscape(scene, width, height)
    out = np.repeat((np.zeros_like(back[..., 0]) if mask else back)[None], count, 0)
    r = radius(scene, width, height)
    fill = np.array(COLOURS[scene.colour], np.float32) * _OBJECT_LIGHT[scene.time]
    reach = math.ceil(1.3 * r) + 2
    for i in range(count):
        frame = first + i
        cx, cy = centre(scene, width, height, (frame + 0.5) / total, frame / FPS)
        if not mask:
            _shadow(out[i], scene, cx, cy, r)
        x0, x1 = max(0, int(cx) - reach), min(width, int(cx) + reach + 1)
        y0, y1 = max(0, int(cy) - reach), min(height, int(cy) + reach + 1)
        if x0 >= x1 or y0 >= y1:
            continue
        y, x = np.meshgrid(
            np.arange(y0, y1, dtype=np.float32) + 0.5 - cy,
            np.arange(x0, x1, dtype=np.float32) + 0.5 - cx,
            indexing="ij",
        )
        d = distance(scene.shape, x, y, r)
        if mask:
            out[i, y0:y1, x0:x1] = _cover(d)
            continue
        lit = fill * (1 - 0.22 * np.clip((0.6 * x + y) / (1.2 * r), -1, 1))[..., None]
        box = _over(out[i, y0:y1, x0:x1], _cover(d), fill * 0.28)
        out[i, y0:y1, x0:x1] = _over(box, _cover(d + OUTLINE * r), np.clip(lit, 0, 1))
    return np.round(np.clip(out, 0, 1) * 255).astype(np.uint8)


def _shadow(frame: Image, scene: Scene, cx: float, cy: float, r: float) -> None:
    height, width = frame.shape[:2]
    floor = 0.87 * height
    lift = np.clip((floor - cy - r) / (0.6 * height), 0, 1)
    x0, x1 = max(0, int(cx - 1.3 * r)), min(width, int(cx + 1.3 * r) + 1)
    y0, y1 = max(0, int(floor - 0.3 * r)), min(height, int(floor + 0.3 * r) + 1)
    if x0 >= x1 or y0 >= y1:
        return
    y, x = np.meshgrid(np.arange(y0, y1) + 0.5 - floor, np.arange(x0, x1) + 0.5 - cx, indexing="ij")
    alpha = np.clip(1.25 - np.hypot(x / (0.9 * r), y / (0.2 * r)), 0, 1) * (0.45 - 0.3 * lift)
    frame[y0:y1, x0:x1] *= (1 - alpha[..., None]).astype(np.float32)
