"""Measuring long clips: does an object that should stay as it is keep its size, and move as far as it did?

Read off the pixels: the four seconds that end at 20, 40 and 60 s are compared with the first four.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from generator.training.captions import Language, caption
from generator.training.evaluate import EVERY
from generator.training.judge import Blob, follow
from generator.training.render import render
from generator.training.scenes import FRAMES, Scene, sample_scene
from generator.types import Frames, GenerationRequest, Generator

SECONDS: Final = 60
WINDOWS: Final = 15
AT: Final = {20: 4, 40: 9, 60: 14}
"""Seconds at which drift is measured, and the windows of four seconds that end there."""
STEADY: Final = ("bounce", "circle", "still", "spin", "left", "right")
"""Motions that change no size, and whose windows all move equally far."""


@dataclass(frozen=True)
class Drift:
    """How an object has changed since a clip's first four seconds; None where there is no object to be seen.

    Attributes:
        size: change of its width, as a share of it.
        travel: change of how far it moves, along the axis that changed more, in shorter sides of the view.
    """

    size: float | None
    travel: float | None


def scenes(each: int, seed: int) -> list[tuple[str, Scene]]:
    """Prompts, and the held-out scenes that they describe: `each` of every steady motion, English and German."""
    rng = random.Random(seed)
    found: list[tuple[str, Scene]] = []
    while len(found) < each * len(STEADY):
        scene = sample_scene(rng, split="eval", two=0.0)
        wanted = STEADY[len(found) % len(STEADY)]
        # What zooms changes an object's size, and what is not cartoon blurs its edge.
        if (scene.first.motion, scene.style, scene.camera) == (wanted, "cartoon", "static"):
            language: Language = "de" if len(found) // len(STEADY) % 2 else "en"
            found.append((caption(scene, rng, language, complete=True)[0], scene))
    return found


def of_generator(
    generator: Generator, text: str, seed: int, *, width: int = 256, height: int = 144
) -> dict[int, Drift]:
    """The drift of a generated minute, by the seconds of `AT`."""
    clip = generator.generate(GenerationRequest(text, SECONDS, width, height, seed))
    wanted, kept = (0, *AT.values()), dict[int, list[Frames]]()
    start = 0
    for chunk in clip.chunks:
        for window in wanted:
            begin, end = window * FRAMES - start, (window + 1) * FRAMES - start
            if part := list(chunk[max(0, begin) : max(0, end)]):
                kept.setdefault(window, []).extend(part)
        start += len(chunk)
    return _compared(np.stack(kept[window][::EVERY]) for window in wanted)


def of_drawing(scene: Scene, *, width: int = 256, height: int = 144) -> dict[int, Drift]:
    """The same of a drawn minute, which does not drift: what measuring by pixels adds."""
    return _compared(
        render(scene, width, height, every=EVERY, window=window, windows=WINDOWS)
        for window in (0, *AT.values())
    )


def _compared(windows: Iterable[Frames]) -> dict[int, Drift]:
    looked = [_look(frames) for frames in windows]
    return {at: _since(looked[0], later) for at, later in zip(AT, looked[1:], strict=True)}


def _look(frames: Frames) -> tuple[float, float, float] | None:
    """An object's width, and how far it moves to the side and up and down, in shorter sides of the view."""
    tracks = follow(frames)
    if not tracks:
        return None
    track: list[Blob] = tracks[0]
    short = min(frames.shape[1:3])
    x, y = ([getattr(blob, axis) for blob in track] for axis in ("x", "y"))
    return (
        float(np.median([blob.area for blob in track]) ** 0.5 / short),
        float(np.ptp(x) / short),
        float(np.ptp(y) / short),
    )


def _since(first: tuple[float, float, float] | None, later: tuple[float, float, float] | None) -> Drift:
    if first is None or later is None:
        return Drift(None, None)
    across, down = later[1] - first[1], later[2] - first[2]
    return Drift(later[0] / first[0] - 1, across if abs(across) > abs(down) else down)
