"""The denoiser: a transformer over places, each of which carries its whole course through time."""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


def waves(value: Tensor, width: int, longest: float, shortest: float) -> Tensor:
    """Unit-scale sines and cosines of `value` at wavelengths from `longest` to `shortest`, `width` in all."""
    steps = torch.linspace(0, 1, width // 2, device=value.device)
    rate = 2 * math.pi / longest * (longest / shortest) ** steps
    angle = value.float()[..., None] * rate
    return torch.cat((angle.sin(), angle.cos()), -1) * math.sqrt(2)


class _Block(nn.Module):
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

    def forward(self, x: Tensor, condition: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        b, n, d = x.shape
        shift, scale, gate, shift_up, scale_up, gate_up = self.modulation(condition)[:, None].chunk(6, -1)
        h = F.layer_norm(x, (d,)) * (1 + scale) + shift
        q, k, v = self.qkv(h).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = (_rotate(F.rms_norm(t, t.shape[-1:]), rotation).to(v.dtype) for t in (q, k))
        # Spelt out: on a processor, torch's fused attention takes three times as long backwards at this size.
        scores = (q * q.shape[-1] ** -0.5).flatten(0, 1) @ k.flatten(0, 1).transpose(-1, -2)
        seen = (
            (scores.softmax(-1) @ v.flatten(0, 1)).view(b, self.heads, n, -1).transpose(1, 2).reshape(b, n, d)
        )
        x = x + gate * self.out(seen)
        h = F.layer_norm(x, (d,)) * (1 + scale_up) + shift_up
        return cast(Tensor, x + gate_up * self.down(F.silu(self.up(h))))


def _rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = rotation
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class ClipTransformer(ModelMixin, ConfigMixin):
    """Predicts the clean latents of a clip from noisy ones.

    One token a place; all time groups are channels of the token. Beside the noisy latents a token carries the
    latents of the group *before* the clip (zeros and a cleared flag where there is none) to continue it.
    Any width and height of the latent picture can be asked for; the model is trained on three.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        groups: int = 12,
        channels: int = 16,
        width: int = 320,
        depth: int = 6,
        heads: int = 5,
        condition_width: int = 320,
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(groups * channels + channels + 1, width)
        self.place = nn.Linear(width, width)
        self.condition = nn.Sequential(
            nn.Linear(128 + 64 + condition_width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(depth))
        self.leave_modulation = nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, groups * channels)
        nn.init.zeros_(self.leave_modulation.weight)
        nn.init.zeros_(self.leave_modulation.bias)
        nn.init.zeros_(self.leave.weight)

    def forward(
        self, latents: Tensor, sigma: Tensor, text: Tensor, span: Tensor, previous: Tensor | None = None
    ) -> Tensor:
        """Denoise.

        Args:
            latents: (batch, groups, channels, h, w), `(1 - sigma) * clean + sigma * noise`.
            sigma: (batch,) in 0..1.
            text: (batch, condition_width), the text features of all slots in a row.
            span: (batch, 2), which part of the motion the clip shows, 0 to 1.
            previous: (batch, channels, h, w), the latents just before this clip; NaN-free zeros where absent.
        """
        b, g, c, h, w = latents.shape
        width = self.config.width
        if previous is None:
            previous = latents.new_zeros(b, c, h, w)
        flag = (previous.abs().amax((1, 2, 3), keepdim=True) > 0).to(latents.dtype).expand(b, 1, h, w)
        tokens = torch.cat((latents.flatten(1, 2), previous, flag), 1).flatten(2).transpose(1, 2)
        y, x = torch.meshgrid(
            torch.arange(h, device=latents.device), torch.arange(w, device=latents.device), indexing="ij"
        )
        y, x = y.flatten(), x.flatten()
        half = width // 4
        code = torch.cat(
            (
                waves(y + 0.5 - 0.62 * h, half, 32, 2),
                waves(x + 0.5 - 0.5 * w, half, 32, 2),
                waves((y + 0.5) / h, half, 2, 0.12),
                waves((x + 0.5) / w, half, 2, 0.12),
            ),
            -1,
        )
        hidden = self.enter(tokens) + self.place(code)
        known = torch.cat((waves(sigma, 128, 2, 0.02), waves(span, 32, 4, 0.1).flatten(1), text.float()), -1)
        condition = F.silu(self.condition(known))
        rotation = _rotation(y, x, width // self.config.heads)
        for block in self.blocks:
            hidden = block(hidden, condition, rotation)
        shift, scale = self.leave_modulation(condition)[:, None].chunk(2, -1)
        out = self.leave(F.layer_norm(hidden, (width,)) * (1 + scale) + shift)
        return cast(Tensor, out.float().transpose(1, 2).reshape(b, g, c, h, w))


def _rotation(y: Tensor, x: Tensor, head_width: int) -> tuple[Tensor, Tensor]:
    """Rotary angles: one half of each head turns with the row, the other with the column."""
    quarter = head_width // 4
    rate = math.pi / 2 * (1 / 16) ** torch.linspace(0, 1, quarter, device=y.device)
    angle = torch.cat((y[:, None] * rate, x[:, None] * rate), -1)
    return angle.cos(), angle.sin()
