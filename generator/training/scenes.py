"""The grammar of the scenes that the embedded model is trained on: one or two objects that move over a landscape."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from generator.training.landscapes import GROUNDS, STYLES, TIMES
from generator.training.things import COLOURS, THINGS

Split = Literal["train", "eval"]
MOTIONS: Final = ("left", "right", "rise", "fall", "bounce", "still", "spin", "grow", "shrink", "circle")
CAMERAS: Final = ("static", "pan left", "pan right", "zoom in", "zoom out")
SLOTS: Final[dict[str, tuple[str, ...]]] = {
    "thing": tuple(THINGS),
    "colour": tuple(COLOURS),
    "motion": MOTIONS,
    "thing2": tuple(THINGS),
    "colour2": tuple(COLOURS),
    "motion2": MOTIONS,
    "ground": tuple(GROUNDS),
    "time": TIMES,
    "style": STYLES,
    "camera": CAMERAS,
}
FRAMES: Final = 48
"""In one window of four seconds."""
FPS: Final = 12
VARIANTS: Final = 60
"""Of each landscape, in training and measuring."""
STRETCHES: Final = (0.93, 0.97, 1.0, 1.04, 1.08)
_FACES_LEFT: Final = ("fish",)


@dataclass(frozen=True)
class Actor:
    """An object and what it does.

    `x` and `y` say where it is, or passes, from -1 to 1; `size` is in octaves, `stretch` makes it wider.
    """

    thing: str
    colour: str
    motion: str
    x: float = 0.0
    y: float = 1.0
    size: float = 0.0
    stretch: float = 1.0

    @property
    def mirror(self) -> bool:
        """Whether its picture is turned about, so that a fish swims forwards."""
        return self.thing in _FACES_LEFT and self.motion == "right"


@dataclass(frozen=True)
class Scene:
    """What a clip shows."""

    first: Actor
    second: Actor | None
    ground: str
    time: str
    style: str = "cartoon"
    camera: str = "static"
    variant: int = 0

    def slot(self, name: str) -> str | None:
        """The value of a slot of `SLOTS`; None for what a second object would say if there is none."""
        if name in ("thing", "colour", "motion"):
            return str(getattr(self.first, name))
        if name.endswith("2"):
            return None if self.second is None else str(getattr(self.second, name[:-1]))
        return str(getattr(self, name))


def held_out(thing: str, colour: str, motion: str) -> bool:
    """True for the one in eight (thing, colour, motion) triples that training never shows."""
    k = tuple(THINGS).index(thing) * 5 + tuple(COLOURS).index(colour) * 3 + MOTIONS.index(motion) * 7
    return k % 8 == 0


def sample_scene(rng: random.Random, *, split: Split = "train", two: float = 0.35) -> Scene:
    """Draw a scene from one side of the split; `two` is the share with two objects."""
    pair = rng.random() < two
    first = _actor(rng, split, -0.55 if pair else 0.0, pair)
    second = _actor(rng, split, 0.55, pair) if pair else None
    if second and {first.motion, second.motion} <= {"left", "right"}:  # one passes above the other
        first, second = replace(first, x=0.0, y=-0.3), replace(second, x=0.0, y=1.0)
    return Scene(
        first,
        second,
        rng.choice(tuple(GROUNDS)),
        rng.choice(TIMES),
        "cartoon" if rng.random() < 0.5 else rng.choice(STYLES),
        "static" if rng.random() < 0.5 else rng.choice(CAMERAS),
        rng.randrange(VARIANTS),
    )


def _actor(rng: random.Random, split: Split, x: float, pair: bool) -> Actor:
    while True:
        thing, colour, motion = rng.choice(tuple(THINGS)), rng.choice(tuple(COLOURS)), rng.choice(MOTIONS)
        if held_out(thing, colour, motion) == (split == "eval"):
            break
    y = {
        "left": rng.uniform(0.2, 1.0),
        "right": rng.uniform(0.2, 1.0),
        "spin": 0.4,
        "grow": 0.3,
        "shrink": 0.3,
    }
    return Actor(
        thing,
        colour,
        motion,
        x + rng.uniform(-0.12, 0.12),
        y.get(motion, 0.05 if motion == "circle" else 1.0),
        (-0.3 if pair else 0.0) + rng.uniform(-0.1, 0.1),
        rng.choice(STRETCHES),
    )


def path(actor: Actor, progress: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Where an object is: (n, 5), its place x and y from -1 to 1, its size in octaves, sine and cosine of its turn.

    Args:
        progress: (n,) how much of the clip is over, 0 to 1.
        seconds: (n,) since the clip began; bouncing, spinning and circling keep their own pace.
    """
    n = len(progress)
    x, y = np.full(n, actor.x), np.full(n, actor.y)
    size, angle = np.full(n, actor.size), np.zeros(n)
    match actor.motion:
        case "left":
            x = 1 - 2 * progress
        case "right":
            x = 2 * progress - 1
        case "rise":
            y = 1 - 2 * progress
        case "fall":
            y = 2 * np.minimum(1, 1.2 * progress**1.6) - 1
        case "bounce":
            y = 1 - 1.5 * np.abs(np.sin(0.5 * math.pi * seconds))
        case "spin":
            angle = math.pi * seconds
        case "grow":
            size = actor.size - 0.8 + 1.4 * progress
        case "shrink":
            size = actor.size + 0.6 - 1.4 * progress
        case "circle":
            x = x + 0.38 * np.cos(0.5 * math.pi * seconds)
            y = y + 0.75 * np.sin(0.5 * math.pi * seconds)
    return np.stack((x, y, size, np.sin(angle), np.cos(angle)), -1).astype(np.float32)


def camera_path(camera: str, progress: NDArray[np.float64]) -> NDArray[np.float32]:
    """What the camera does: (n, 2), its place from -1 to 1 and its zoom in octaves."""
    pan, zoom = np.zeros_like(progress), np.zeros_like(progress)
    match camera:
        case "pan left":
            pan = 1 - 2 * progress
        case "pan right":
            pan = 2 * progress - 1
        case "zoom in":
            zoom = 0.5 * progress
        case "zoom out":
            zoom = 0.5 - 0.5 * progress
    return np.stack((pan, zoom), -1).astype(np.float32)


def moments(window: int = 0, windows: int = 1, *, lead: int = 0) -> Any:
    """Progress and seconds of the frames of one window of a clip, `lead` frames before it included."""
    frame = np.arange(window * FRAMES - lead, (window + 1) * FRAMES)
    return (frame + 0.5) / (FRAMES * windows), frame / FPS
