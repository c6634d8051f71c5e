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
from torch import Tensor

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


def train_upsampler(
    codec: ClipCodec, out: Path, *, minutes: float, seed: int = 0, scenes: int = 2
) -> FrameUpsampler:
    """Learn to double decoded frames; `scenes` groups of four frames a step, drawn as it goes."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model: FrameUpsampler = FrameUpsampler()
    model.to(memory_format=torch.channels_last)
    kernels = [p for p in model.parameters() if p.ndim == 4]
    optimiser = MuonAdam(kernels, [p for p in model.parameters() if p.ndim < 4], matrix_rate=0.01, rate=2e-3)
    started, step, history = time.monotonic(), 0, []
    while (done := (time.monotonic() - started) / 60 / minutes) < 1:
        small, large = _pair(codec, rng, scenes)
        with torch.autocast("cpu", torch.bfloat16):
            guess = model(small)
        loss = edge_loss(guess.float(), large)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step(schedule(done, step, warm_steps=20, hold=0.4))
        step += 1
        plain = F.interpolate(small, scale_factor=2, mode="bicubic").sub(large).abs().mean()
        history.append(((guess.detach() - large).abs().mean().item(), plain.item()))
        if step % 50 == 0:
            log.info("upsampler step %d l1 %.4f bicubic %.4f", step, *np.mean(history[-50:], 0))
    model.save_pretrained(out)
    return model


@torch.no_grad()
def _pair(codec: ClipCodec, rng: random.Random, scenes: int) -> tuple[Tensor, Tensor]:
    """Decoded frames (n, 3, h, w) and the same frames drawn at twice the size."""
    width, height = CANVASES[rng.choice(("wide", "wide", "tall", "square"))]
    small, large = [], []
    for _ in range(scenes):
        scene, first = sample_scene(rng), GROUP * rng.randrange(FRAMES // GROUP)
        small.append(_tensor(render(scene, width, height, first=first, count=GROUP)))
        large.append(_tensor(render(scene, 4 * width, 4 * height, first=first, count=GROUP)))
    with torch.autocast("cpu", torch.bfloat16):
        latents = codec.encode(torch.stack(small))
        decoded = codec.decode(latents + 0.1 * torch.randn_like(latents))
    return decoded.float().flatten(0, 1).clamp(-1, 1), torch.cat(large)


def _tensor(frames: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
