"""Training the continuation of clips: flow matching on the paths of later windows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from generator.continuation import GROUP, PathTransformer
from generator.training.diffusion import mixed, optimiser_of, said_of, train_averaged
from generator.training.latents import Example, tracks
from generator.training.loop import Report, log_progress
from generator.training.scenes import sample_scene
from generator.transformer import FRAMES, Latents, scaled

MOST_WINDOWS: Final = 15
"""Of a clip of a minute."""
_OFF: Final = 0.08
"""How far, at unit scale, the window before may have come off its course."""
_ROUGH: Final = 0.03
"""How uneven, at unit scale, paths may be."""
_BACK: Final = FRAMES // 2
"""Frames in which a window returns to its course."""


@dataclass(frozen=True)
class ContinuationPlan:
    """How to train."""

    steps: int
    batch: int = 32
    matrix_rate: float = 0.02
    rate: float = 2e-3
    matrix_decay: float = 0.01
    hold: float = 0.55
    seed: int = 0
    weight_limit: float = 60.0
    doubt: float = 0.1
    ema: float = 0.998


def train_continuation(
    model: PathTransformer, out: Path, plan: ContinuationPlan, *, report: Report = log_progress
) -> PathTransformer:
    """Train in place; an average of the weights is saved to `out` and returned."""
    return train_averaged(
        "continuation",
        model,
        lambda rng: _loss(model, plan, rng),
        optimiser_of(model, plan.matrix_rate, plan.rate, plan.matrix_decay),
        out,
        steps=plan.steps,
        seed=plan.seed,
        hold=plan.hold,
        ema=plan.ema,
        report=report,
    )


def _loss(model: PathTransformer, plan: ContinuationPlan, rng: np.random.Generator) -> Tensor:
    words = random.Random(int(rng.integers(2**62)))
    examples = later(words, plan.batch)
    first, previous, clean = windows(examples)
    text = torch.stack([said_of(example.scene, words, plan.doubt) for example in examples])
    sigma = torch.sigmoid(torch.randn(plan.batch) * 1.5)
    noisy = clean.replaced(tuple(mixed(part, sigma) for part in clean.parts()))
    span = torch.tensor([example.span for example in examples])
    with torch.autocast("cpu", torch.bfloat16):
        guess = model(noisy, sigma, text, span, first, previous)
    errors = [(a - b).square().flatten(1).mean(1) for a, b in zip(guess.parts(), clean.parts(), strict=True)]
    weight = (1 / sigma.square()).clamp(max=plan.weight_limit)
    return (weight * torch.stack(errors).mean(0)).mean()


def later(rng: random.Random, count: int) -> list[Example]:
    """Windows that continue a clip, of clips of every length."""
    found = []
    for _ in range(count):
        length = rng.randint(2, MOST_WINDOWS)
        found.append(Example(sample_scene(rng), rng.randrange(1, length), length))
    return found


def windows(examples: Sequence[Example]) -> tuple[Latents, Latents, Latents]:
    """The first window, the one before, and the one to predict, at unit scale.

    The denoiser's own windows are not exact, so these are not either: both earlier ones are uneven, and the one before
    has come off its course, more and more towards its end. The one to predict begins where that one ended and
    returns: that is how errors do not add up, and how no seam is seen.
    """
    begin, before, clean = (
        scaled(Latents(None, None, *tracks([Example(e.scene, window(e), e.windows) for e in examples])))
        for window in (_first, _before, _this)
    )
    begun = torch.tensor([example.window == 1 for example in examples])
    level = torch.rand(len(examples))
    parts = []
    for start, earlier, truth, moves in zip(
        begin.parts(), before.parts(), clean.parts(), (3, 2), strict=True
    ):
        share = level.view(-1, *[1] * (truth.ndim - 1))
        uneven = start + share * _ROUGH * torch.randn_like(start)
        time = torch.linspace(0, 1, FRAMES)[:, None]
        came_off = torch.randn_like(truth[..., :1, :]) + torch.randn_like(truth[..., :1, :]) * time
        came_off[..., moves:] = 0  # a turn is never off
        off = share * (_OFF * came_off + _ROUGH * torch.randn_like(earlier))
        off = torch.where(begun.view(share.shape), uneven - start, off)
        end = off[..., -GROUP:, :].mean(-2, keepdim=True)
        end[..., moves:] = 0
        back = (1 - torch.arange(1, FRAMES + 1) / _BACK).clamp(min=0)[:, None].square()
        parts.append((uneven, earlier + off, truth + end * back))
    first, previous, wanted = (Latents(None, None, *both) for both in zip(*parts, strict=True))
    return first, previous, wanted


def _first(_: Example) -> int:
    return 0


def _before(example: Example) -> int:
    return example.window - 1


def _this(example: Example) -> int:
    return example.window
