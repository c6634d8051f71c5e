"""Pictures to latents. Only training looks at pictures, so the encoder stays out of the pipeline."""

from __future__ import annotations

import itertools
from typing import cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from generator.codec import Residual


class PictureEncoder(ModelMixin, ConfigMixin):
    """A picture to latents, four times `first` as few places a side.

    Latent channels are brought to unit scale by running statistics kept with the weights.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        channels: int = 3,
        latent_channels: int = 48,
        widths: tuple[int, int, int] = (128, 192, 256),
        first: int = 8,
    ) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels * first * first, widths[0], 1)
        self.parts = nn.ModuleList(Residual(width) for width in widths)
        self.shrink = nn.ModuleList(
            nn.Conv2d(width, coarser, 2, stride=2) for width, coarser in itertools.pairwise(widths)
        )
        self.leave = nn.Conv2d(widths[-1], latent_channels, 1)
        self.norm = nn.BatchNorm2d(latent_channels, affine=False, momentum=0.05)

    def forward(self, pictures: Tensor) -> Tensor:
        """(batch, channels, height, width) in -1..1 -> (batch, latent channels, h, w)."""
        x = F.pixel_unshuffle(pictures, self.config.first).contiguous(memory_format=torch.channels_last)
        x = self.parts[0](self.enter(x))
        for shrink, part in zip(self.shrink, list(self.parts)[1:], strict=True):
            x = part(shrink(x))
        return cast(Tensor, self.norm(self.leave(x).float()))
