"""Training the denoiser: flow matching on stored latents, predicting the clean clip."""

from __future__ import annotations

import copy
import logging
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from generator.captions import caption
from generator.text import SlotTextEncoder
from generator.training.disturb import disturb
from generator.training.latents import LatentClips
from generator.training.optimiser import MuonAdam, schedule
from generator.transformer import ClipTransformer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DiffusionPlan:
    """How to train. `minutes` is the whole run; the rate holds until `hold` of it, then falls to zero."""

    minutes: float
    batch: int = 48
    matrix_rate: float = 0.02
    rate: float = 1.5e-3
    matrix_decay: float = 0.01
    hold: float = 0.6
    warm_steps: int = 50
    seed: int = 0
    drop_text: float = 0.1
    weight_limit: float = 8.0
    sigma_shift: float = 1.0
    ema: float = 0.998
    save_every: float = 3.0


def train_diffusion(
    model: ClipTransformer, text: SlotTextEncoder, clips: LatentClips, out: Path, plan: DiffusionPlan
) -> ClipTransformer:
    """Train in place; an average of the weights is saved to `out` now and then and returned at the end."""
    torch.manual_seed(plan.seed)
    rng, words = np.random.default_rng(plan.seed), random.Random(plan.seed)
    text.eval().requires_grad_(False)
    matrices = [p for n, p in model.blocks.named_parameters() if p.ndim == 2 and "modulation" not in n]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    optimiser = MuonAdam(
        matrices, rest, matrix_rate=plan.matrix_rate, rate=plan.rate, decay=plan.matrix_decay
    )
    average = copy.deepcopy(model)
    average.eval().requires_grad_(False)
    started, step, saved, history = time.monotonic(), 0, 0.0, []
    while (done := (time.monotonic() - started) / 60 / plan.minutes) < 1:
        loss, error = _loss(model, text, clips, plan, rng, words)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(rest, 1.0)
        optimiser.step(schedule(done, step, warm_steps=plan.warm_steps, hold=plan.hold))
        step += 1
        _follow(average, model, min(plan.ema, (step + 1) / (step + 10)))
        history.append((loss.item(), error))
        minutes = (time.monotonic() - started) / 60
        if step % 50 == 0:
            clips.refresh()
            recent = np.mean(history[-50:], 0)
            log.info(
                "diffusion step %d min %.1f loss %.4f mse %.4f clips %d s/step %.3f",
                step,
                minutes,
                *recent,
                len(clips),
                60 * minutes / step,
            )
        if minutes - saved > plan.save_every:
            saved = minutes
            average.save_pretrained(out)
    average.save_pretrained(out)
    return average


def _loss(
    model: ClipTransformer,
    text: SlotTextEncoder,
    clips: LatentClips,
    plan: DiffusionPlan,
    rng: np.random.Generator,
    words: random.Random,
) -> tuple[Tensor, float]:
    stored, examples = clips.batch(plan.batch, rng)
    previous, clean = stored[:, 0], stored[:, 1:]
    said = [
        "" if words.random() < plan.drop_text else disturb(caption(e.scene, words)[0], words)
        for e in examples
    ]
    with torch.no_grad():
        features = text(text.tokenize(said)).flatten(1)
    # Strong noise matters most: neighbouring frames repeat each other, so weak noise hides little.
    sigma = torch.sigmoid(torch.randn(len(clean)) * 1.2 + plan.sigma_shift)
    s = sigma.view(-1, 1, 1, 1, 1)
    noisy = (1 - s) * clean + s * torch.randn_like(clean)
    span = torch.tensor([e.span for e in examples])
    with torch.autocast("cpu", torch.bfloat16):
        guess = model(noisy, sigma, features, span, previous)
    error = (guess - clean).square().mean((1, 2, 3, 4))
    weight = (1 / sigma.square()).clamp(max=plan.weight_limit)
    return (weight * error).mean(), error.mean().item()


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    for a, b in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(b, 1 - keep)


def parameters(model: nn.Module) -> int:
    """How many numbers a model learns."""
    return sum(math.prod(p.shape) for p in model.parameters())
