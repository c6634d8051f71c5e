"""The clip codec: four frames become one small latent picture, and come back at twice the size."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(cast(Tensor, self.second.bias))

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.second(F.silu(self.first(F.silu(x)))))


class ClipCodec(ModelMixin, ConfigMixin):
    """A convolutional autoencoder over groups of frames.

    `encode` takes frames at the native size and reduces them eightfold each way; `decode` returns them
    at twice the native size. Latent channels are normalised to unit scale by running statistics kept with the
    weights.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        frames_per_group: int = 4,
        latent_channels: int = 16,
        narrow: int = 64,
        middle: int = 128,
        wide: int = 192,
    ) -> None:
        super().__init__()
        rgb = 3 * frames_per_group
        self.enter = nn.Conv2d(rgb * 16, middle, 1)
        self.fine = _Residual(middle)
        self.shrink = nn.Conv2d(middle, wide, 2, stride=2)
        self.coarse = _Residual(wide)
        self.to_latent = nn.Conv2d(wide, latent_channels, 1)
        self.norm = nn.BatchNorm2d(latent_channels, affine=False, momentum=0.05)
        self.from_latent = nn.Conv2d(latent_channels, wide, 3, padding=1)
        self.layout = _Residual(wide)
        self.grow = nn.Conv2d(wide, 4 * middle, 1)
        self.detail = _Residual(middle)
        self.grow_again = nn.Conv2d(middle, 4 * narrow, 1)
        self.finish = _Residual(narrow)
        self.leave = nn.Conv2d(narrow, rgb * 16, 3, padding=1)

    def encode(self, frames: Tensor) -> Tensor:
        """(batch, frames, 3, height, width) in -1..1 -> (batch, channels, height / 8, width / 8)."""
        x = F.pixel_unshuffle(frames.flatten(1, 2), 4).contiguous(memory_format=torch.channels_last)
        x = self.coarse(self.shrink(self.fine(self.enter(x))))
        return cast(Tensor, self.norm(self.to_latent(x).float()))

    def decode(self, latents: Tensor) -> Tensor:
        """(batch, channels, h, w) -> (batch, frames, 3, 16 h, 16 w), about -1..1."""
        x = self.layout(self.from_latent(latents.contiguous(memory_format=torch.channels_last)))
        x = self.detail(F.pixel_shuffle(self.grow(x), 2))
        x = self.finish(F.pixel_shuffle(self.grow_again(x), 2))
        x = F.pixel_shuffle(self.leave(F.silu(x)), 4)
        return cast(Tensor, x.unflatten(1, (-1, 3)))

    def forward(self, frames: Tensor, noise: float = 0.0) -> Any:
        """Encode, disturb the latents by up to `noise` so that decoding forgives small errors, decode."""
        latents = self.encode(frames)
        if noise:
            level = noise * torch.rand(len(latents), 1, 1, 1, device=latents.device)
            latents = latents + level * torch.randn_like(latents)
        return self.decode(latents)
