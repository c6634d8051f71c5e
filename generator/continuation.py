"""Longer clips: a small transformer over the paths of the next four seconds."""

from __future__ import annotations

from typing import Final, cast

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from generator.transformer import (
    CAMERA,
    MOMENT,
    PLACE,
    TRACK,
    Block,
    Latents,
    coded,
    grouped,
    moment,
    through,
    track_times,
    ungrouped,
)

GROUP: Final = 8
"""Frames that a token describes."""
_KINDS: Final = 9
"""Of tokens: two paths and the camera's of the first window, of the one before, and of this one."""


class PathTransformer(ModelMixin, ConfigMixin):
    """Predicts the clean paths of a window that continues a clip from noisy ones.

    It sees the window before, to go on where that ends, and the first window of the clip, to keep what must not
    change, such as an object's size: from the window before alone small errors would add up. Stage and things stay.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        classes: tuple[int, ...] = (13, 8, 10, 13, 8, 10, 7, 3, 3, 5),
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.enter_paths = nn.Linear(GROUP * TRACK, width)
        self.enter_camera = nn.Linear(GROUP * CAMERA, width)
        self.place = nn.Linear(PLACE + _KINDS, width)
        self.condition = nn.Sequential(
            nn.Linear(MOMENT + sum(n + 1 for n in classes), width), nn.SiLU(), nn.Linear(width, width)
        )
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.leave_modulation = nn.Linear(width, 2 * width)
        self.leave_paths = nn.Linear(width, GROUP * TRACK)
        self.leave_camera = nn.Linear(width, GROUP * CAMERA)
        for layer in (self.leave_modulation, self.leave_paths, self.leave_camera):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(
        self, noisy: Latents, sigma: Tensor, text: Tensor, span: Tensor, first: Latents, previous: Latents
    ) -> Latents:
        """Denoise.

        Args:
            noisy: `(1 - sigma) * clean + sigma * noise` of paths and camera, at unit scale.
            sigma: (b,) in 0..1.
            text: (b, all classes), the probabilities of each slot's classes in a row.
            span: (b, 2), which part of the clip the window shows, 0 to 1.
            first: paths and camera of the clip's first window, at unit scale.
            previous: the same of the window before.
        """
        tokens: list[Tensor] = []
        for window in (first, previous, noisy):
            paths, camera = grouped(window, GROUP)
            tokens += [self.enter_paths(paths), self.enter_camera(camera)]
        hidden = torch.cat(tokens, 1) + self.place(self._code())
        known = torch.cat((moment(sigma, span), text.float()), -1)
        out = through(hidden, known, self.condition, self.blocks, self.leave_modulation)
        return Latents(None, None, *ungrouped(out, GROUP, self.leave_paths, self.leave_camera))

    def _code(self) -> Tensor:
        """What each token is: its time, and one of `_KINDS` kinds."""
        weight = self.place.weight
        return coded([track_times(GROUP, weight.device)] * _KINDS, weight.dtype)
