"""Training scenes as latents: pictures are drawn and encoded once, and scenes are put together from them."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.training.codec import PLANS, as_tensor
from generator.training.encoder import PictureEncoder
from generator.training.landscapes import draw_landscape
from generator.training.scenes import Actor, Scene, camera_path, moments, path, sample_scene
from generator.training.things import draw_thing
from generator.transformer import Latents, scaled

WINDOWS: Final = (1, 1, 1, 2, 3, 4, 5, 8, 15)
"""How many windows the clips of the training have."""
_ABSENT: Final = Actor("ball", "red", "still", 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Example:
    """A scene, and which of how many windows of it."""

    scene: Scene
    window: int = 0
    windows: int = 1

    @property
    def span(self) -> tuple[float, float]:
        """Which part of the clip the window shows, 0 to 1."""
        return self.window / self.windows, (self.window + 1) / self.windows


class LatentPictures:
    """Stages and things as latents, each drawn and encoded when it is first asked for."""

    def __init__(self, stage: PictureEncoder, thing: PictureEncoder) -> None:
        self._stage, self._thing = stage.eval(), thing.eval()
        self._kept: dict[Hashable, Tensor] = {}

    def stage(self, scene: Scene) -> Tensor:
        """(channels, h, w) float16."""
        key = (scene.ground, scene.time, scene.style, scene.variant)
        if key not in self._kept:
            side = PLANS["stage"].seen
            picture = draw_landscape(scene.ground, scene.time, scene.style, side, scene.variant)
            self._kept[key] = _encoded(self._stage, picture)
        return self._kept[key]

    def thing(self, actor: Actor | None, scene: Scene) -> Tensor:
        """(channels, h, w) float16; of a second thing that is not there, an empty picture."""
        side = PLANS["thing"].seen
        if actor is None:
            key: Hashable = None
            if key not in self._kept:
                self._kept[key] = _encoded(self._thing, np.zeros((side, side, 4), np.float32))
            return self._kept[key]
        key = (actor.thing, actor.colour, scene.style, scene.time, actor.stretch, actor.mirror)
        if key not in self._kept:
            picture = draw_thing(actor.thing, actor.colour, scene.style, scene.time, side, actor.stretch)
            self._kept[key] = _encoded(self._thing, picture[:, ::-1] if actor.mirror else picture)
        return self._kept[key]

    def batch(self, examples: Sequence[Example]) -> Latents:
        """The clean layers of some windows, paths at unit scale."""
        scenes = [example.scene for example in examples]
        stage = torch.stack([self.stage(scene) for scene in scenes]).float()
        things = torch.stack(
            [
                torch.stack([self.thing(actor, scene) for actor in (scene.first, scene.second)])
                for scene in scenes
            ]
        ).float()
        return scaled(Latents(stage, things, *tracks(examples)))


def tracks(examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Paths (n, 2, 48, 5) and camera (n, 48, 2) of some windows."""
    paths, cameras = [], []
    for example in examples:
        progress, seconds = moments(example.window, example.windows)
        scene = example.scene
        paths.append([path(actor or _ABSENT, progress, seconds) for actor in (scene.first, scene.second)])
        cameras.append(camera_path(scene.camera, progress))
    return torch.from_numpy(np.stack(paths)), torch.from_numpy(np.stack(cameras))


def sample(rng: random.Random, count: int) -> list[Example]:
    """Training examples: first windows of clips of every length, mostly short."""
    return [Example(sample_scene(rng), 0, rng.choice(WINDOWS)) for _ in range(count)]


@torch.no_grad()
def _encoded(encoder: PictureEncoder, picture: NDArray[np.float32]) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        latents: Tensor = encoder(as_tensor(np.round(picture * 255).astype(np.uint8)[None]))
        return latents[0].half()
