"""Small latent pictures and back: one codec for stages, one for the objects on them."""

from __future__ import annotations

import itertools
from typing import cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(cast(Tensor, self.second.bias))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x + cast(Tensor, self.second(F.silu(self.first(F.silu(x)))))


class PictureDecoder(ModelMixin, ConfigMixin):
    """Latents to a picture, eight times `last` as many pixels a side.

    The encoder that it was trained with is not part of the pipeline: see `generator.training.encoder`.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        channels: int = 3,
        latent_channels: int = 48,
        widths: tuple[int, int, int, int] = (256, 192, 128, 64),
        last: int = 8,
    ) -> None:
        super().__init__()
        self.enter = nn.Conv2d(latent_channels, widths[0], 3, padding=1)
        self.parts = nn.ModuleList(Residual(width) for width in widths)
        self.grow = nn.ModuleList(
            nn.Conv2d(width, 4 * finer, 1) for width, finer in itertools.pairwise(widths)
        )
        self.leave = nn.Conv2d(widths[-1], channels * last * last, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """(batch, latent channels, h, w) -> (batch, channels, 8 h last, 8 w last), about -1..1."""
        x = self.parts[0](self.enter(latents.contiguous(memory_format=torch.channels_last)))
        for grow, part in zip(self.grow, list(self.parts)[1:], strict=True):
            x = part(F.pixel_shuffle(grow(x), 2))
        return F.pixel_shuffle(self.leave(F.silu(x)), self.config.last)
