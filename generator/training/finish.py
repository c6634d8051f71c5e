"""Training the last steps of the picture: the codec's decoder, and the upsampler that follows it.

Both learn on what the encoder really says, so the upsampler also repairs what decoding leaves soft.
"""

from __future__ import annotations

import logging
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.codec import ClipCodec
from generator.scenes import FRAMES, render, sample_scene
from generator.training.latents import CANVASES, GROUP
from generator.training.optimiser import MuonAdam, schedule
from generator.upsampler import FrameUpsampler

log = logging.getLogger(__name__)


def edge_loss(guess: Tensor, truth: Tensor) -> Tensor:
    """Absolute error of the picture and its slopes, and a square term for the few large errors at edges."""
    error = guess - truth
    slopes = (error[..., 1:] - error[..., :-1]).abs().mean() + (
        error[..., 1:, :] - error[..., :-1, :]
    ).abs().mean()
    return error.abs().mean() + slopes + 4 * error.square().mean()


def train_finish(
    codec: ClipCodec,
    out: Path,
    *,
    minutes: float,
    seed: int = 0,
    scenes: int = 2,
    noise: float = 0.2,
) -> tuple[ClipCodec, FrameUpsampler]:
    """Sharpen the decoder and teach the upsampler, both at once; the encoder stays as it is.

    Args:
        out: where `codec` and `upsampler` are saved.
        scenes: groups of four frames a step, drawn as it goes.
        noise: how much the latents are disturbed at most; the denoiser's own are not perfect either.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model: FrameUpsampler = FrameUpsampler()
    model.to(memory_format=torch.channels_last)
    codec.requires_grad_(False).eval()
    decoder: list[nn.Module] = [codec.from_latent, codec.layout, codec.grow, codec.detail]
    decoder += [codec.grow_again, codec.finish, codec.leave]
    learning = [p for part in (model.body, *decoder) for p in part.requires_grad_(True).parameters()]
    optimiser = MuonAdam(
        [p for p in learning if p.ndim == 4],
        [p for p in learning if p.ndim < 4],
        matrix_rate=0.006,
        rate=1e-3,
    )
    started, step, history = time.monotonic(), 0, []
    while (done := (time.monotonic() - started) / 60 / minutes) < 1:
        latents, middle, large = _example(codec, rng, scenes, noise)
        with torch.autocast("cpu", torch.bfloat16):
            decoded = codec.decode(latents).flatten(0, 1)
            guess = model(decoded)
        loss = edge_loss(decoded.float(), middle) + edge_loss(guess.float(), large)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step(schedule(done, step, warm_steps=20, hold=0.3))
        step += 1
        with torch.no_grad():
            plain = F.interpolate(decoded.float(), scale_factor=2, mode="bicubic")
            errors = [(picture - large).abs().mean().item() for picture in (guess.float(), plain)]
        history.append(errors)
        if step % 50 == 0:
            log.info("finish step %d l1 %.4f bicubic %.4f", step, *np.mean(history[-50:], 0))
    model.save_pretrained(out / "upsampler")
    codec.eval().save_pretrained(out / "codec")
    return codec, model


@torch.no_grad()
def _example(
    codec: ClipCodec, rng: random.Random, scenes: int, noise: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Disturbed latents of some groups, and their frames at twice and at four times the native size."""
    width, height = CANVASES[rng.choice(("wide", "wide", "tall", "square"))]
    large = []
    for _ in range(scenes):
        scene, first = sample_scene(rng), GROUP * rng.randrange(FRAMES // GROUP)
        large.append(_tensor(render(scene, 4 * width, 4 * height, first=first, count=GROUP)))
    full = torch.cat(large)
    middle = F.avg_pool2d(full, 2)
    with torch.autocast("cpu", torch.bfloat16):
        latents = codec.encode(F.avg_pool2d(middle, 2).unflatten(0, (scenes, GROUP)))
    level = noise * torch.rand(scenes, 1, 1, 1)
    return latents + level * torch.randn_like(latents), middle, full


def _tensor(frames: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
