"""The stages of the scenes: a square picture, larger than what the camera sees.

Training data and ground truth; never run by the model.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Rgb = tuple[float, float, float]

GROUNDS: Final[dict[str, Rgb]] = {
    "meadow": (0.30, 0.58, 0.22),
    "desert": (0.88, 0.74, 0.48),
    "snow": (0.86, 0.91, 0.97),
    "sea": (0.10, 0.42, 0.62),
    "city": (0.38, 0.38, 0.41),
    "forest": (0.20, 0.36, 0.16),
    "mountains": (0.44, 0.50, 0.36),
}
TIMES: Final = ("day", "sunset", "night")
STYLES: Final = ("cartoon", "watercolour", "pixel")
HORIZON: Final = 0.55
_SKY: Final = {
    "day": ((0.30, 0.58, 0.95), (0.78, 0.90, 1.00)),
    "sunset": ((0.38, 0.22, 0.52), (1.00, 0.60, 0.30)),
    "night": ((0.02, 0.03, 0.11), (0.10, 0.13, 0.30)),
}
_LIGHT: Final = {"day": (1.0, 1.0, 1.0), "sunset": (0.95, 0.80, 0.74), "night": (0.50, 0.53, 0.66)}
_LAMP: Final = {"day": (1.0, 0.94, 0.55), "sunset": (1.0, 0.86, 0.42), "night": (0.93, 0.93, 0.85)}
_LAMP_HEIGHT: Final = {"day": 0.365, "sunset": 0.49, "night": 0.365}
_BLOCKS: Final = 96


def draw_landscape(ground: str, time: str, style: str, size: int, variant: int = 0) -> Picture:
    """A stage, (size, size, 3) float32 in 0..1; `variant` says where sun, hills, towers and trees are.

    Raises:
        KeyError: an unknown name.
    """
    if style != "pixel":
        return _draw(ground, time, style, size, np.random.default_rng(variant))
    picture = _draw(ground, time, "cartoon", _BLOCKS, np.random.default_rng(variant))
    rows = np.arange(size) * _BLOCKS // size
    return picture[rows][:, rows]


@cache
def _grid(size: int) -> tuple[Picture, Picture]:
    side = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.meshgrid(side, side)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _draw(ground: str, time: str, style: str, size: int, rng: np.random.Generator) -> Picture:
    x, y = _grid(size)
    soft = 1.0 / size if style == "cartoon" else 0.012

    def cover(distance: Picture) -> Picture:
        return np.asarray(np.clip(0.5 - distance / soft, 0, 1), np.float32)

    light = np.array(_LIGHT[time], np.float32)
    upper, lower = (np.array(c, np.float32) for c in _SKY[time])
    k = np.clip(y / HORIZON, 0, 1)[..., None]
    image: Picture = upper * (1 - k) + lower * k
    lamp = (rng.uniform(0.32, 0.68), _LAMP_HEIGHT[time] + rng.uniform(-0.02, 0.03))
    stars = rng.uniform((0.02, 0.04), (0.98, 0.46), (22, 2))
    if time == "night":
        for sx, sy in stars:
            image = _over(image, 0.8 * cover(np.hypot(x - sx, y - sy) - 0.005), np.ones(3, np.float32))
    image = _over(image, cover(np.hypot(x - lamp[0], y - lamp[1]) - 0.04), np.array(_LAMP[time], np.float32))
    base = np.array(GROUNDS[ground], np.float32)
    image = _behind(image, ground, base * light, light, x, y, cover, rng)
    shade = 0.86 + 0.2 * np.clip((y - HORIZON) / (1 - HORIZON), 0, 1)[..., None]
    floor = base * shade * light
    phase = rng.uniform(0, 6.28)
    if ground == "sea":
        wave = np.sin((y - HORIZON) * 110 + 1.2 * np.sin(x * 18 + phase))
        floor = floor + (0.05 * wave)[..., None] * light
    if ground == "city":
        dash = np.maximum(np.abs(y - 0.665) - 0.006, np.abs((x * 6 + phase) % 1 - 0.5) / 6 - 0.045)
        floor = _over(floor, 0.8 * cover(dash), np.array((0.95, 0.93, 0.85), np.float32) * light)
    image = _over(image, cover(HORIZON - y), np.clip(floor, 0, 1).astype(np.float32))
    if style == "watercolour":
        wash = np.sin(9 * x + 4 * y + phase) * np.sin(8 * y - 3 * x) + np.sin(23 * x - 5 * y) * np.sin(
            19 * y + phase
        )
        image = 0.78 * image + 0.22 * np.array((0.98, 0.96, 0.91), np.float32) + (0.022 * wash)[..., None]
    return np.clip(image, 0, 1).astype(np.float32)


def _behind(
    image: Picture,
    ground: str,
    base: Picture,
    light: Picture,
    x: Picture,
    y: Picture,
    cover: Callable[[Picture], Picture],
    rng: np.random.Generator,
) -> Picture:
    """What stands on the horizon."""
    if ground in ("meadow", "desert", "snow"):
        wide, narrow = rng.uniform(0, 6.28, 2)
        hill = HORIZON - (0.035 + 0.025 * np.sin(x * 8.4 + wide) + 0.01 * np.sin(x * 19 + narrow))
        image = _over(image, cover(hill - y), base * 0.78)
    if ground == "city":
        for i in range(16):
            left, tall = (i + 0.5) * 0.0625, rng.uniform(0.05, 0.15)
            tower = np.maximum(np.abs(x - left) - 0.024, HORIZON - tall - y)
            image = _over(image, cover(tower), np.array((0.30, 0.31, 0.38), np.float32) * light)
    if ground == "forest":
        for i in range(21):
            centre, tall = (i + rng.uniform(0.3, 0.7)) * 0.048, rng.uniform(0.09, 0.145)
            fir = np.abs(x - centre) * 2.6 - (y - (HORIZON - tall)) * 0.75
            image = _over(
                image, cover(np.maximum(fir, y - HORIZON - 0.01) * 0.37), base * (0.62 if i % 2 else 0.80)
            )
    if ground == "mountains":
        for at, dark in ((0.16, 0.85), (0.84, 0.85), (0.5, 0.9), (0.34, 0.80), (0.66, 0.72)):
            centre, tall, wide = (
                at + rng.uniform(-0.06, 0.06),
                rng.uniform(0.10, 0.18),
                rng.uniform(0.18, 0.26),
            )
            slope = np.abs(x - centre) / wide * tall - (y - (HORIZON - tall))
            rock = np.array((0.45, 0.46, 0.55), np.float32) * light * dark
            image = _over(image, cover(slope * 0.7), rock)
            cap = np.maximum(slope * 0.7, y - (HORIZON - 0.68 * tall) - 0.012 * np.sin(x * 130))
            image = _over(image, cover(cap), np.array((0.95, 0.96, 1.0), np.float32) * light)
    return image


def _over(image: Picture, alpha: Picture, colour: Picture) -> Picture:
    return np.asarray(image + alpha[..., None] * (colour - image), np.float32)
