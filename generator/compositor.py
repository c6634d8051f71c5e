"""Layers to pictures: what is seen of the stage, and the objects on it where their paths say.

There is nothing to learn here, and nothing that knows what a picture shows: pictures are moved, scaled, turned and
laid over each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

VIEW: Final = 0.72
"""Share of the stage's side that the longer side of the view sees without zoom."""
PAN: Final = 0.13
"""How far the camera moves off the middle, in sides of the stage."""
RADIUS: Final = 0.2
"""Of an object of size 0, in shorter sides of the view."""
HALF: Final = 1.3
"""Half the side of an object's picture, in radii."""
TOP, FLOOR = 0.05, 0.87
"""Highest and lowest edge of an object, in heights of the view."""


@dataclass(frozen=True)
class Layers:
    """What a clip is made of.

    Attributes:
        stage: (3, s, s) in 0..1, square, larger than the view.
        things: (objects, 4, t, t) in 0..1, colours multiplied by their cover; the first is in front.
        paths: (objects, frames, 5): x and y from -1 to 1, size in octaves, sine and cosine of the turn.
        camera: (frames, 2): place from -1 to 1, zoom in octaves.
    """

    stage: Tensor
    things: Tensor
    paths: Tensor
    camera: Tensor


def compose(layers: Layers, frames: slice, width: int, height: int) -> Tensor:
    """The pictures of some frames, (n, 3, height, width) in 0..1."""
    camera, paths = layers.camera[frames], layers.paths[:, frames]
    image = _stage(layers.stage, camera, width, height)
    short = min(width, height)
    for thing, path in reversed(list(zip(layers.things, paths, strict=True))):
        base = RADIUS * short
        radius = base * torch.exp2(path[:, 2] + camera[:, 1])
        x = width / 2 + path[:, 0] * (width / 2 - 1.15 * base)
        top, floor = TOP * height + 1.1 * base, FLOOR * height - base
        y = (top + floor) / 2 + path[:, 1] * (floor - top) / 2
        lift = ((FLOOR * height - radius - y) / (0.6 * height)).clamp(0, 1)
        shadow = _soft(thing[3:])
        for i in range(len(image)):
            ground = torch.stack((x[i], torch.as_tensor(FLOOR * height, dtype=x.dtype, device=x.device)))
            _lay(image[i], shadow, ground, radius[i] * 0.95, radius[i] * 0.22, None, 0.45 - 0.3 * lift[i])
            _lay(image[i], thing, torch.stack((x[i], y[i])), radius[i], radius[i], path[i, 3:], None)
    return image.clamp(0, 1)


def _stage(stage: Tensor, camera: Tensor, width: int, height: int) -> Tensor:
    """What the camera sees of the stage."""
    span = VIEW * torch.exp2(-camera[:, 1])
    longer = max(width, height)
    x = ((torch.arange(width, device=stage.device) + 0.5) - width / 2) / longer * 2
    y = ((torch.arange(height, device=stage.device) + 0.5) - height / 2) / longer * 2
    grid_x = x[None, :] * span[:, None] + 2 * PAN * camera[:, :1]
    grid_y = y[None, :] * span[:, None]
    if bool((camera == camera[:1]).all()):  # nothing moves: looked at once
        grid_x, grid_y = grid_x[:1], grid_y[:1]
    grid = torch.stack(
        (
            grid_x[:, None, :].expand(-1, height, -1),
            grid_y[:, :, None].expand(-1, -1, width),
        ),
        -1,
    )
    seen = F.grid_sample(
        stage[None].expand(len(grid), -1, -1, -1),
        grid,
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )
    return seen.expand(len(camera), -1, -1, -1).clone()


def _lay(
    image: Tensor,
    thing: Tensor,
    centre: Tensor,
    radius_x: Tensor,
    radius_y: Tensor,
    turn: Tensor | None,
    shade: Tensor | None,
) -> None:
    """Lay a picture over part of an image, in place; with `shade` only its cover, as a shadow of that strength."""
    height, width = image.shape[-2:]
    reach = HALF * (2**0.5 if turn is not None and bool(turn[0] != 0) else 1.0)
    left, right = (int((centre[0] + side * reach * radius_x).floor()) for side in (-1, 1))
    top, bottom = (int((centre[1] + side * reach * radius_y).floor()) for side in (-1, 1))
    left, right = max(0, left), min(width, right + 2)
    top, bottom = max(0, top), min(height, bottom + 2)
    if left >= right or top >= bottom:
        return
    u = (torch.arange(left, right, device=image.device) + 0.5 - centre[0]) / (HALF * radius_x)
    v = (torch.arange(top, bottom, device=image.device) + 0.5 - centre[1]) / (HALF * radius_y)
    v, u = torch.meshgrid(v, u, indexing="ij")
    if turn is not None:
        sine, cosine = F.normalize(turn, dim=0)
        u, v = u * cosine + v * sine, v * cosine - u * sine
    grid = torch.stack((u, v), -1)[None].to(thing.dtype)
    seen = F.grid_sample(thing[None], grid, mode="bicubic", padding_mode="zeros", align_corners=False)[
        0
    ].clamp(0, 1)
    part = image[:, top:bottom, left:right]
    if shade is not None:
        part *= 1 - shade * seen
    else:
        part *= 1 - seen[3:]
        part += seen[:3]


def _soft(cover: Tensor) -> Tensor:
    """A blurred cover for shadows."""
    size = cover.shape[-1] // 8 * 2 + 1
    return F.avg_pool2d(cover[None], size, 1, size // 2)[0]
