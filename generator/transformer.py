"""The denoiser: one transformer over all layers of a clip's first four seconds, its pictures and its paths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

FRAMES: Final = 48
"""Frames of a window, described by paths."""
OBJECTS: Final = 2
_GROUP: Final = 4
"""Frames that a token describes."""
TRACK, CAMERA = 5, 2
"""Numbers a frame: of an object's path, of the camera's."""
PLACE: Final = 160
"""Numbers that say where or when a token is."""
MOMENT: Final = 128 + 64
"""Numbers that say how strong the noise is, and which part of the clip a window shows."""
_KINDS: Final = 7
"""Of tokens: slots, stage, two things, two paths, the camera's."""
_TRACK_SCALE: Final = (2.0, 1.7, 2.5, 1.4, 1.4)
_CAMERA_SCALE: Final = (2.0, 4.0)
"""What brings the numbers of paths to about unit scale."""


@dataclass(frozen=True)
class Latents:
    """The layers of a batch of clips as the denoiser sees them.

    Attributes:
        stage: (b, channels, h, w); None where a clip is continued.
        things: (b, 2, channels, h, w); None where a clip is continued.
        paths: (b, 2, 48, 5), as `compositor.Layers.paths`.
        camera: (b, 48, 2), as `compositor.Layers.camera`.
    """

    stage: Tensor | None
    things: Tensor | None
    paths: Tensor
    camera: Tensor

    def parts(self) -> tuple[Tensor, ...]:
        """What there is, in order."""
        return tuple(part for part in (self.stage, self.things, self.paths, self.camera) if part is not None)

    def replaced(self, parts: tuple[Tensor, ...]) -> Latents:
        """The same layers with other numbers."""
        return Latents(*parts) if len(parts) == 4 else Latents(None, None, *parts)


def scaled(latents: Latents, *, back: bool = False) -> Latents:
    """Paths from their own units to about unit scale, or `back`."""
    power = -1 if back else 1
    track, camera = (latents.paths.new_tensor(scale) ** power for scale in (_TRACK_SCALE, _CAMERA_SCALE))
    return Latents(latents.stage, latents.things, latents.paths * track, latents.camera * camera)


def waves(value: Tensor, width: int, longest: float, shortest: float) -> Tensor:
    """Unit-scale sines and cosines of `value` at wavelengths from `longest` to `shortest`, `width` in all."""
    steps = torch.linspace(0, 1, width // 2, device=value.device)
    rate = 2 * math.pi / longest * (longest / shortest) ** steps
    angle = value.float()[..., None] * rate
    return torch.cat((angle.sin(), angle.cos()), -1) * math.sqrt(2)


class Block(nn.Module):
    """Attention and a layer of neurons, both steered by a condition."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.modulation.weight)
        bias = torch.zeros(6, width)
        bias[[2, 5]] = (
            1.0  # gates open: the zeroed output layers already make each block start as the identity
        )
        self.modulation.bias.data.copy_(bias.flatten())

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(batch, tokens, width) and (batch, width) -> (batch, tokens, width)."""
        b, n, d = x.shape
        shift, scale, gate, shift_up, scale_up, gate_up = self.modulation(condition)[:, None].chunk(6, -1)
        h = F.layer_norm(x, (d,)) * (1 + scale) + shift
        q, k, v = self.qkv(h).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = (F.rms_norm(t, t.shape[-1:]).to(v.dtype) for t in (q, k))
        # Spelt out: on a processor, torch's fused attention takes three times as long backwards at this size.
        scores = (q * q.shape[-1] ** -0.5).flatten(0, 1) @ k.flatten(0, 1).transpose(-1, -2)
        seen = (
            (scores.softmax(-1) @ v.flatten(0, 1)).view(b, self.heads, n, -1).transpose(1, 2).reshape(b, n, d)
        )
        x = x + gate * self.out(seen)
        h = F.layer_norm(x, (d,)) * (1 + scale_up) + shift_up
        return cast(Tensor, x + gate_up * self.down(F.silu(self.up(h))))


class LayerTransformer(ModelMixin, ConfigMixin):
    """Predicts the clean layers of a clip's first window from noisy ones.

    It has tokens for the places of the stage and of both things and for each third of a second of both paths and of
    the camera. What the text says comes as one token a slot, and in the condition that steers every layer. Longer
    clips are continued by `generator.continuation`.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        classes: tuple[int, ...] = (13, 8, 10, 13, 8, 10, 7, 3, 3, 5),
        stage_channels: int = 48,
        stage_side: int = 8,
        thing_channels: int = 32,
        thing_side: int = 4,
        width: int = 256,
        depth: int = 6,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.enter_stage = nn.Linear(stage_channels, width)
        self.enter_things = nn.Linear(thing_channels, width)
        self.enter_paths = nn.Linear(_GROUP * TRACK, width)
        self.enter_camera = nn.Linear(_GROUP * CAMERA, width)
        self.place = nn.Linear(PLACE + _KINDS, width)
        self.slots = nn.ModuleList(nn.Linear(n + 1, width) for n in classes)
        self.condition = nn.Sequential(
            nn.Linear(MOMENT + sum(n + 1 for n in classes), width), nn.SiLU(), nn.Linear(width, width)
        )
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.leave_modulation = nn.Linear(width, 2 * width)
        self.leave_stage = nn.Linear(width, stage_channels)
        self.leave_things = nn.Linear(width, thing_channels)
        self.leave_paths = nn.Linear(width, _GROUP * TRACK)
        self.leave_camera = nn.Linear(width, _GROUP * CAMERA)
        for layer in (
            self.leave_modulation,
            self.leave_stage,
            self.leave_things,
            self.leave_paths,
            self.leave_camera,
        ):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(self, noisy: Latents, sigma: Tensor, text: Tensor, span: Tensor) -> Latents:
        """Denoise.

        Args:
            noisy: `(1 - sigma) * clean + sigma * noise` of every part, paths at unit scale.
            sigma: (b,) in 0..1.
            text: (b, all classes), the probabilities of each slot's classes in a row.
            span: (b, 2), which part of the clip the window shows, 0 to 1.
        """
        assert noisy.stage is not None
        assert noisy.things is not None
        sizes = [n + 1 for n in self.config.classes]
        said = text.to(self.enter_paths.weight.dtype).split(sizes, -1)
        paths, camera = grouped(noisy, _GROUP)
        tokens = [
            torch.stack([layer(part) for layer, part in zip(self.slots, said, strict=True)], 1),
            self.enter_stage(noisy.stage.flatten(2).transpose(1, 2)),
            self.enter_things(noisy.things.flatten(3).transpose(2, 3)).flatten(1, 2),
            self.enter_paths(paths),
            self.enter_camera(camera),
        ]
        hidden = torch.cat(tokens, 1) + self.place(self._code())
        known = torch.cat((moment(sigma, span), text.float()), -1)
        out = through(hidden, known, self.condition, self.blocks, self.leave_modulation)
        middle = len(sizes) + self.config.stage_side**2
        stage = self.leave_stage(out[:, len(sizes) : middle]).float().transpose(1, 2)
        things = self.leave_things(out[:, middle : -(OBJECTS + 1) * (FRAMES // _GROUP)]).float()
        things = things.unflatten(1, (OBJECTS, -1)).transpose(2, 3)
        return Latents(
            stage.reshape(noisy.stage.shape),
            things.reshape(noisy.things.shape),
            *ungrouped(out, _GROUP, self.leave_paths, self.leave_camera),
        )

    def _code(self) -> Tensor:
        """What each token is: its place or time, and one of `_KINDS` kinds."""
        weight = self.place.weight
        side, small = (squares(n, weight.device) for n in (self.config.stage_side, self.config.thing_side))
        times = track_times(_GROUP, weight.device)
        slots = torch.zeros(len(self.config.classes), PLACE, device=weight.device)
        return coded((slots, side, small, small, times, times, times), weight.dtype)


def through(
    hidden: Tensor, known: Tensor, condition: nn.Module, blocks: nn.ModuleList, modulation: nn.Module
) -> Tensor:
    """(b, tokens, width) through the blocks and the last modulation, all steered by what is `known`, (b, n)."""
    steer = F.silu(condition(known.to(hidden.dtype)))
    for block in blocks:
        hidden = block(hidden, steer)
    shift, scale = modulation(steer)[:, None].chunk(2, -1)
    return cast(Tensor, F.layer_norm(hidden, hidden.shape[-1:]) * (1 + scale) + shift)


def moment(sigma: Tensor, span: Tensor) -> Tensor:
    """(b, `MOMENT`): how strong the noise is, and what part of the clip the window shows."""
    return torch.cat((waves(sigma, 128, 2, 0.02), waves(span, 32, 4, 0.1).flatten(1)), -1)


def grouped(latents: Latents, group: int) -> tuple[Tensor, Tensor]:
    """Paths and camera, `group` frames a token: (b, 2 tracks' tokens, 5 group), (b, camera's tokens, 2 group)."""
    paths = latents.paths.unflatten(2, (-1, group)).flatten(3).flatten(1, 2)
    return paths, latents.camera.unflatten(1, (-1, group)).flatten(2)


def ungrouped(out: Tensor, group: int, paths: nn.Module, camera: nn.Module) -> tuple[Tensor, Tensor]:
    """The last tokens as paths and camera again, (b, 2, 48, 5) and (b, 48, 2)."""
    n = FRAMES // group
    tracks, moves = out[:, -(OBJECTS + 1) * n : -n], out[:, -n:]
    return (
        paths(tracks).float().reshape(len(out), OBJECTS, FRAMES, TRACK),
        camera(moves).float().reshape(len(out), FRAMES, CAMERA),
    )


def squares(side: int, device: torch.device) -> Tensor:
    """(side * side, `PLACE`), where the tokens of a picture are."""
    at = (torch.arange(side, device=device) + 0.5) / side
    y, x = (axis.flatten() for axis in torch.meshgrid(at, at, indexing="ij"))
    return torch.cat((waves(y, PLACE // 2, 4, 0.2), waves(x, PLACE // 2, 4, 0.2)), -1)


def track_times(group: int, device: torch.device) -> Tensor:
    """(tokens of a track, `PLACE`), when they are."""
    n = FRAMES // group
    return waves((torch.arange(n, device=device) + 0.5) / n, PLACE, 4, 0.15)


def coded(parts: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """(tokens, `PLACE` + kinds): each part's places or times, and which part it is."""
    kinds = torch.eye(len(parts), device=parts[0].device)
    rows = [
        torch.cat((part, 2.0 * kind.expand(len(part), -1)), -1)
        for part, kind in zip(parts, kinds, strict=True)
    ]
    return torch.cat(rows).to(dtype)
