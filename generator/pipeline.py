"""The embedded text-to-video model as a diffusers pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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

from generator.codec import PictureDecoder  # noqa: E402
from generator.compositor import Layers, compose  # noqa: E402
from generator.continuation import PathTransformer  # noqa: E402
from generator.prompting import split_scenes  # noqa: E402
from generator.text import SlotTextEncoder  # noqa: E402
from generator.transformer import (  # noqa: E402
    CAMERA,
    FRAMES,
    OBJECTS,
    TRACK,
    Latents,
    LayerTransformer,
    scaled,
)
from generator.types import CHUNK_FRAMES, Frames  # noqa: E402

STEPS: Final = 20
GUIDANCE: Final = 2.0
FPS: Final = 12
_INHERITED: Final = (6, 7, 8)
"""Slots that a scene takes over from the one before if it says nothing of them: place, time and style."""
_HAZE: Final = 0.06
_LEAST_COVER: Final = 0.02
_COMPOSED_AT_ONCE: Final = 8
_PATHS: Final = ((1, OBJECTS, FRAMES, TRACK), (1, FRAMES, CAMERA))
"""Shapes of the paths and of the camera's."""


@dataclass
class VideoOutput(BaseOutput):
    """`frames`: (clips, frames, height, width, 3) float32 in 0..1."""

    frames: np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Shot:
    """A scene of a clip: what its text says, and how many frames it lasts."""

    text: Tensor
    frames: int

    @property
    def windows(self) -> int:
        """How many windows of four seconds describe it."""
        return max(1, round(self.frames / FRAMES))


class SceneVideoPipeline(DiffusionPipeline):
    """Text to video: flow matching over the layers of a clip, longer clips four seconds at a time."""

    model_cpu_offload_seq = "text_encoder->transformer->continuation->stage_decoder->thing_decoder"

    def __init__(
        self,
        text_encoder: SlotTextEncoder,
        transformer: LayerTransformer,
        continuation: PathTransformer,
        stage_decoder: PictureDecoder,
        thing_decoder: PictureDecoder,
        scheduler: FlowMatchEulerDiscreteScheduler,
    ) -> None:
        super().__init__()
        self.register_modules(
            text_encoder=text_encoder,
            transformer=transformer,
            continuation=continuation,
            stage_decoder=stage_decoder,
            thing_decoder=thing_decoder,
            scheduler=scheduler,
        )

    @torch.no_grad()
    def shots(self, prompt: str, frames: int) -> list[Shot]:
        """The scenes of a prompt, which share the frames equally; each at least two seconds where there are several."""
        texts = split_scenes(prompt, max(1, min(6, frames // (2 * FPS))))
        said = self._read(texts)
        sizes = [n + 1 for n in self.text_encoder.config.classes]
        rows: list[Tensor] = []
        for row in said:
            slots = list(row.split(sizes))
            if rows:
                earlier = rows[-1].split(sizes)
                for i in _INHERITED:
                    if slots[i][-1] > 0.5:
                        slots[i] = earlier[i]
            rows.append(torch.cat(slots))
        ends = [round(frames * (i + 1) / len(rows)) for i in range(len(rows))]
        return [Shot(row, end - begin) for row, begin, end in zip(rows, [0, *ends], ends, strict=False)]

    def _read(self, texts: Sequence[str]) -> Tensor:
        encoder = self.text_encoder
        return cast(Tensor, encoder(encoder.tokenize(texts).to(encoder.device)))

    @torch.no_grad()
    def denoise(
        self,
        text: Tensor,
        *,
        negative_prompt: str | None = None,
        span: tuple[float, float] = (0.0, 1.0),
        steps: int = STEPS,
        guidance: float = GUIDANCE,
        generator: torch.Generator | None = None,
        on_step: Callable[[int], None] | None = None,
    ) -> Latents:
        """The layers of a scene's first window as latents, of one clip, paths in their own units.

        Args:
            text: (all classes,), of a `Shot`.
            span: which part of the scene this window shows.
            on_step: hears the number of steps done.
        """
        model, config = self.transformer, self.transformer.config
        guided = guidance > 1
        said = torch.stack([text, self._read([negative_prompt or ""])[0]] if guided else [text])
        said = said.to(model.device, model.dtype)
        spans = torch.tensor([span], device=model.device).expand(len(said), 2)

        def clean(x: Latents, sigma: Tensor) -> Tensor:
            n = len(said)
            guess = model(_cast(x, n, model.dtype), sigma.expand(n), said, spans).parts()
            one, *other = (torch.cat([part[j].flatten() for part in guess]) for j in range(n))
            return other[0] + guidance * (one - other[0]) if other else one

        pictures = [
            (1, config.stage_channels, config.stage_side, config.stage_side),
            (1, OBJECTS, config.thing_channels, config.thing_side, config.thing_side),
        ]
        return self._sampled(clean, self._noise((*pictures, *_PATHS), generator), steps, on_step)

    @torch.no_grad()
    def resume(
        self,
        text: Tensor,
        first: Latents,
        previous: Latents,
        *,
        span: tuple[float, float],
        steps: int = STEPS,
        generator: torch.Generator | None = None,
        on_step: Callable[[int], None] | None = None,
    ) -> Latents:
        """The paths of a window that continues a scene; unguided, since what is shown was settled in the first.

        Args:
            text: (all classes,), of a `Shot`.
            first: the scene's first window.
            previous: the window before.
            span: which part of the scene this window shows.
            on_step: hears the number of steps done.
        """
        model = self.continuation
        said = text[None].to(model.device, model.dtype)
        spans = torch.tensor([span], device=model.device)
        seen = [
            _cast(scaled(Latents(None, None, one.paths, one.camera)), 1, model.dtype)
            for one in (first, previous)
        ]

        def clean(x: Latents, sigma: Tensor) -> Tensor:
            guess = model(_cast(x, 1, model.dtype), sigma[None], said, spans, *seen)
            return torch.cat([part.flatten() for part in guess.parts()])

        return self._sampled(clean, self._noise(_PATHS, generator), steps, on_step)

    def _sampled(
        self,
        clean: Callable[[Latents, Tensor], Tensor],
        noise: Latents,
        steps: int,
        on_step: Callable[[int], None] | None,
    ) -> Latents:
        """From noise to layers; `clean` guesses all their numbers, flat, from noisy ones and the noise's strength."""
        scheduler = self.scheduler
        shapes = [part.shape for part in noise.parts()]
        x = torch.cat([part.flatten() for part in noise.parts()])
        scheduler.set_timesteps(steps, device=x.device)
        for i, moment in enumerate(scheduler.timesteps):
            sigma = scheduler.sigmas[i].to(x.device)
            target = clean(_unpacked(x, noise, shapes), sigma)
            x = scheduler.step((x - target) / sigma, moment, x).prev_sample
            if on_step:
                on_step(i + 1)
        return scaled(_unpacked(x, noise, shapes), back=True)

    def _noise(self, shapes: Sequence[tuple[int, ...]], generator: torch.Generator | None) -> Latents:
        device = self.transformer.device
        parts = [randn_tensor(s, generator=generator, device=device, dtype=torch.float32) for s in shapes]
        return Latents(*parts) if len(parts) == 4 else Latents(None, None, *parts)

    @torch.no_grad()
    def pictures(self, latents: Latents) -> tuple[Tensor, Tensor]:
        """Stage (3, s, s) and the things that are there (n, 4, t, t), in 0..1."""
        assert latents.stage is not None
        assert latents.things is not None
        stage = self.stage_decoder(latents.stage.to(self.stage_decoder.dtype))[0].float()
        things = self.thing_decoder(latents.things[0].to(self.thing_decoder.dtype)).float()
        things = (things + 1) / 2
        cover = ((things[:, 3:] - _HAZE) / (1 - 2 * _HAZE)).clamp(0, 1)
        things = torch.cat((torch.minimum(things[:, :3].clamp(0, 1), cover), cover), 1)
        there = cover.mean((1, 2, 3)) > _LEAST_COVER
        return ((stage + 1) / 2).clamp(0, 1), things[there]

    def chunks(self, layers: Layers, frames: int, width: int, height: int) -> Iterator[Frames]:
        """Pictures of a scene, at most 32 at a time: (n, height, width, 3) uint8 RGB."""
        for start in range(0, frames, CHUNK_FRAMES):
            end = min(frames, start + CHUNK_FRAMES)
            yield np.concatenate(
                [
                    _as_bytes(compose(layers, slice(i, min(end, i + _COMPOSED_AT_ONCE)), width, height))
                    for i in range(start, end, _COMPOSED_AT_ONCE)
                ]
            )

    def shot_chunks(
        self,
        shot: Shot,
        width: int,
        height: int,
        *,
        negative_prompt: str | None = None,
        steps: int = STEPS,
        guidance: float = GUIDANCE,
        generator: torch.Generator | None = None,
        on_part: Callable[[float], None] | None = None,
    ) -> Iterator[Frames]:
        """Make one scene; `on_part` hears from 0 to 1 how much of it is done."""
        windows, found = shot.windows, list[Latents]()

        def heard(window: int) -> Callable[[int], None] | None:
            return on_part and (lambda done: on_part(0.6 * (window + done / steps) / windows))

        for window in range(windows):
            span, on_step = (window / windows, (window + 1) / windows), heard(window)
            if found:
                found.append(
                    self.resume(
                        shot.text,
                        found[0],
                        found[-1],
                        span=span,
                        steps=steps,
                        generator=generator,
                        on_step=on_step,
                    )
                )
            else:
                found.append(
                    self.denoise(
                        shot.text,
                        negative_prompt=negative_prompt,
                        span=span,
                        steps=steps,
                        guidance=guidance,
                        generator=generator,
                        on_step=on_step,
                    )
                )
        stage, things = self.pictures(found[0])
        paths = torch.cat([latents.paths[0] for latents in found], 1)[: len(things)]
        layers = Layers(
            stage,
            things,
            _resampled(paths, shot.frames),
            _resampled(torch.cat([latents.camera[0] for latents in found])[None], shot.frames)[0],
        )
        made = 0
        for chunk in self.chunks(layers, shot.frames, width, height):
            made += len(chunk)
            if on_part:
                on_part(0.6 + 0.4 * made / shot.frames)
            yield chunk

    @torch.no_grad()
    def __call__(
        self,
        prompt: str,
        negative_prompt: str | None = None,
        *,
        height: int = 144,
        width: int = 256,
        num_frames: int = FRAMES,
        num_inference_steps: int = STEPS,
        guidance_scale: float = GUIDANCE,
        generator: torch.Generator | None = None,
    ) -> VideoOutput:
        """A clip from a prompt, as diffusers users expect it."""
        made = [
            chunk
            for shot in self.shots(prompt, num_frames)
            for chunk in self.shot_chunks(
                shot,
                width,
                height,
                negative_prompt=negative_prompt,
                steps=num_inference_steps,
                guidance=guidance_scale,
                generator=generator,
            )
        ]
        return VideoOutput(np.concatenate(made)[None].astype(np.float32) / 255)


def _cast(latents: Latents, count: int, dtype: torch.dtype) -> Latents:
    return latents.replaced(tuple(part.to(dtype).expand(count, *part.shape[1:]) for part in latents.parts()))


def _unpacked(x: Tensor, like: Latents, shapes: Sequence[torch.Size]) -> Latents:
    return like.replaced(
        tuple(
            part.view(shape) for part, shape in zip(x.split([s.numel() for s in shapes]), shapes, strict=True)
        )
    )


def _resampled(paths: Tensor, frames: int) -> Tensor:
    """(n, any, k) -> (n, frames, k), the same course at another pace."""
    if paths.shape[1] == frames:
        return paths
    return F.interpolate(paths.transpose(1, 2), size=frames, mode="linear", align_corners=False).transpose(
        1, 2
    )


def _as_bytes(pictures: Tensor) -> Frames:
    return np.asarray((pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())
