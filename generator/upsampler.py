"""Doubles a decoded frame and sharpens its edges."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class FrameUpsampler(ModelMixin, ConfigMixin):
    """Twice the size, frame by frame: bilinear interpolation and a learned correction."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, features: int = 32, depth: int = 4) -> None:
        super().__init__()
        inner = [
            m for _ in range(depth - 2) for m in (nn.Conv2d(features, features, 3, padding=1), nn.SiLU())
        ]
        self.body = nn.Sequential(
            nn.Conv2d(3, features, 3, padding=1), nn.SiLU(), *inner, nn.Conv2d(features, 12, 3, padding=1)
        )
        last = cast(nn.Conv2d, self.body[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(cast(Tensor, last.bias))

    def forward(self, frames: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, 3, 2 h, 2 w)."""
        frames = frames.contiguous(memory_format=torch.channels_last)
        plain = F.interpolate(frames, scale_factor=2, mode="bilinear", align_corners=False)
        return plain + F.pixel_shuffle(self.body(frames), 2)
