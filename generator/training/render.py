"""Scenes drawn as layers and as pictures: training data, and the ground truth of measurements."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from generator.compositor import Layers, compose
from generator.training.landscapes import draw_landscape
from generator.training.scenes import FRAMES, Scene, camera_path, moments, path
from generator.training.things import draw_thing


def draw(scene: Scene, *, stage: int = 512, thing: int = 192, window: int = 0, windows: int = 1) -> Layers:
    """The layers of one window of a scene, `stage` and `thing` pixels a side."""
    progress, seconds = moments(window, windows)
    actors = [actor for actor in (scene.first, scene.second) if actor is not None]
    pictures = []
    for actor in actors:
        picture = draw_thing(actor.thing, actor.colour, scene.style, scene.time, thing, actor.stretch)
        pictures.append(picture[:, ::-1] if actor.mirror else picture)
    return Layers(
        _tensor(draw_landscape(scene.ground, scene.time, scene.style, stage, scene.variant)),
        torch.stack([_tensor(picture) for picture in pictures]),
        torch.from_numpy(np.stack([path(actor, progress, seconds) for actor in actors])),
        torch.from_numpy(camera_path(scene.camera, progress)),
    )


def render(
    scene: Scene, width: int, height: int, *, every: int = 1, window: int = 0, windows: int = 1
) -> NDArray[np.uint8]:
    """The pictures of one window of a scene: (n, height, width, 3) uint8 RGB, one of `every`."""
    layers = draw(scene, stage=max(384, width), thing=256, window=window, windows=windows)
    image = compose(layers, slice(0, FRAMES, every), width, height)
    return np.asarray((image * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())


def _tensor(picture: NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)
