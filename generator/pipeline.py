"""The embedded text-to-video model as a diffusers pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generator._torchvision import prepare

prepare()

from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler  # noqa: E402
from diffusers.utils.outputs import BaseOutput  # noqa: E402
from diffusers.utils.torch_utils import randn_tensor  # noqa: E402

from generator.codec import ClipCodec  # noqa: E402
from generator.text import SlotTextEncoder  # noqa: E402
from generator.transformer import ClipTransformer  # noqa: E402
from generator.types import CHUNK_FRAMES, Frames  # noqa: E402
from generator.upsampler import FrameUpsampler  # noqa: E402

# (rows, columns) of the latent picture; each has the same number of places
CANVASES: Final = ((9, 16), (16, 9), (12, 12))
STEPS: Final = 16
GUIDANCE: Final = 2.5


@dataclass
class VideoOutput(BaseOutput):
    """`frames`: (clips, frames, height, width, 3) float32 in 0..1."""

    frames: np.ndarray[Any, np.dtype[np.float32]]


class SceneVideoPipeline(DiffusionPipeline):
    """Text to video: flow matching in the codec's latents, longer clips four seconds at a time."""

    model_cpu_offload_seq = "text_encoder->transformer->codec->upsampler"

    def __init__(
        self,
        text_encoder: SlotTextEncoder,
        transformer: ClipTransformer,
        codec: ClipCodec,
        upsampler: FrameUpsampler,
        scheduler: FlowMatchEulerDiscreteScheduler,
    ) -> None:
        super().__init__()
        self.register_modules(
            text_encoder=text_encoder,
            transformer=transformer,
            codec=codec,
            upsampler=upsampler,
            scheduler=scheduler,
        )

    @property
    def window_frames(self) -> int:
        """Frames in one window."""
        return int(self.transformer.config.groups * self.codec.config.frames_per_group)

    @torch.no_grad()
    def denoise(
        self,
        prompt: str,
        *,
        negative_prompt: str | None = None,
        canvas: tuple[int, int] = CANVASES[0],
        window: int = 0,
        windows: int = 1,
        previous: Tensor | None = None,
        steps: int = STEPS,
        guidance: float = GUIDANCE,
        generator: torch.Generator | None = None,
        on_step: Callable[[int], None] | None = None,
    ) -> Tensor:
        """One window's latents, (1, groups, channels, rows, columns).

        Args:
            window: which of `windows` equal parts of the motion this is.
            previous: (1, channels, rows, columns), the latents just before this window.
            on_step: hears the number of steps done.
        """
        encoder, model, scheduler = self.text_encoder, self.transformer, self.scheduler
        device, dtype = model.device, model.dtype
        guided = guidance > 1
        texts = [prompt, negative_prompt or ""] if guided else [prompt]
        text = encoder(encoder.tokenize(texts).to(device)).flatten(1).to(dtype)
        n = len(texts)
        span = torch.tensor([[window / windows, (window + 1) / windows]], device=device).expand(n, 2)
        before = None if previous is None else previous.to(device, dtype).expand(n, -1, -1, -1)
        shape = (1, model.config.groups, model.config.channels, *canvas)
        x = cast(Tensor, randn_tensor(shape, generator=generator, device=device, dtype=torch.float32))
        scheduler.set_timesteps(steps, device=device)
        for i, moment in enumerate(scheduler.timesteps):
            sigma = scheduler.sigmas[i].to(device)
            clean = model(x.to(dtype).expand(n, *shape[1:]), sigma.expand(n), text, span, before)
            if guided:
                told, untold = clean.chunk(2)
                clean = untold + guidance * (told - untold)
            x = scheduler.step((x - clean) / sigma, moment, x).prev_sample
            if on_step:
                on_step(i + 1)
        return x

    @torch.no_grad()
    def frames(self, latents: Tensor, width: int, height: int) -> Iterator[Frames]:
        """Decode one window into pictures, at most 32 at a time: (n, height, width, 3) uint8 RGB.

        The canvas is enlarged until it covers the size asked for and cropped at the middle, never stretched.
        """
        per_group = self.codec.config.frames_per_group
        for groups in latents[0].split(CHUNK_FRAMES // per_group):
            small = self.codec.decode(groups.to(self.codec.dtype)).flatten(0, 1).clamp(-1, 1)
            yield np.concatenate([self._enlarge(part, width, height) for part in small.split(8)])

    def _enlarge(self, small: Tensor, width: int, height: int) -> Frames:
        x = small if small.shape[-1] >= width else self.upsampler(small)
        x = ((x.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        scale = max(width / x.shape[-1], height / x.shape[-2])
        full = (max(height, round(x.shape[-2] * scale)), max(width, round(x.shape[-1] * scale)))
        if full != tuple(x.shape[-2:]):
            x = F.interpolate(x.contiguous(), full, mode="bicubic", antialias=True)
        top, left = (full[0] - height) // 2, (full[1] - width) // 2
        x = x[..., top : top + height, left : left + width]
        return cast(Frames, x.permute(0, 2, 3, 1).contiguous().cpu().numpy())

    @torch.no_grad()
    def __call__(
        self,
        prompt: str,
        negative_prompt: str | None = None,
        height: int = 288,
        width: int = 512,
        num_frames: int = 48,
        num_inference_steps: int = STEPS,
        guidance_scale: float = GUIDANCE,
        generator: torch.Generator | None = None,
        output_type: str = "np",
        callback_on_step_end: Callable[..., Any] | None = None,
    ) -> VideoOutput:
        """Make a whole clip at once, as diffusers' pipelines do; `num_frames` is a multiple of one window's.

        Raises:
            ValueError: another number of frames or kind of output was asked for.
        """
        windows, odd = divmod(num_frames, self.window_frames)
        if odd or windows < 1 or output_type != "np":
            raise ValueError(f"num_frames must be a multiple of {self.window_frames} and output_type 'np'")
        canvas = nearest_canvas(width, height)
        previous: Tensor | None = None
        pictures: list[Frames] = []

        def on_step(done: int) -> None:
            if callback_on_step_end:
                callback_on_step_end(self, done - 1, self.scheduler.timesteps[done - 1], {})

        for window in range(windows):
            latents = self.denoise(
                prompt,
                negative_prompt=negative_prompt,
                canvas=canvas,
                window=window,
                windows=windows,
                previous=previous,
                steps=num_inference_steps,
                guidance=guidance_scale,
                generator=generator,
                on_step=on_step,
            )
            previous = latents[:, -1]
            pictures.extend(self.frames(latents, width, height))
        return VideoOutput(frames=(np.concatenate(pictures)[None] / np.float32(255)).astype(np.float32))


def nearest_canvas(width: int, height: int) -> tuple[int, int]:
    """The latent picture whose shape is closest to the size asked for."""
    return min(
        CANVASES, key=lambda rows_columns: abs(np.log(width / height * rows_columns[0] / rows_columns[1]))
    )
