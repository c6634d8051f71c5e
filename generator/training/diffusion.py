"""Training the denoiser: flow matching on the layers of scenes, predicting the clean ones."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.continuation import PathTransformer
from generator.training.captions import caption
from generator.training.latents import LatentPictures, sample
from generator.training.loop import Report, log_progress, run
from generator.training.optimiser import MuonAdam
from generator.training.scenes import SLOTS, Scene
from generator.training.text import spoken_classes
from generator.transformer import LayerTransformer

Trained = TypeVar("Trained", LayerTransformer, PathTransformer)


@dataclass(frozen=True)
class DiffusionPlan:
    """How to train.

    `part_weights` are those of stage, things, paths and camera in the loss: a stage is the hardest to draw.
    """

    steps: int
    batch: int = 48
    matrix_rate: float = 0.02
    rate: float = 1.5e-3
    matrix_decay: float = 0.01
    hold: float = 0.5
    seed: int = 0
    drop_text: float = 0.1
    weight_limit: float = 8.0
    sigma_shift: float = 0.6
    doubt: float = 0.1
    part_weights: tuple[float, ...] = (2.5, 1.0, 1.0, 0.5)
    ema: float = 0.998


def train_diffusion(
    model: LayerTransformer,
    pictures: LatentPictures,
    out: Path,
    plan: DiffusionPlan,
    *,
    report: Report = log_progress,
) -> LayerTransformer:
    """Train in place; an average of the weights is saved to `out` and returned."""
    return train_averaged(
        "denoiser",
        model,
        lambda rng: _loss(model, pictures, plan, rng),
        optimiser_of(model, plan.matrix_rate, plan.rate, plan.matrix_decay),
        out,
        steps=plan.steps,
        seed=plan.seed,
        hold=plan.hold,
        ema=plan.ema,
        report=report,
    )


def optimiser_of(
    model: LayerTransformer | PathTransformer, matrix_rate: float, rate: float, decay: float
) -> MuonAdam:
    """Orthogonalised steps for the matrices of the blocks, Adam for the rest."""
    matrices = [p for n, p in model.blocks.named_parameters() if p.ndim == 2 and "modulation" not in n]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return MuonAdam(matrices, rest, matrix_rate=matrix_rate, rate=rate, decay=decay)


def train_averaged(
    stage: str,
    model: Trained,
    loss_of: Callable[[np.random.Generator], Tensor],
    optimiser: MuonAdam,
    out: Path,
    *,
    steps: int,
    seed: int,
    hold: float,
    ema: float,
    report: Report,
) -> Trained:
    """Train in place; an average of the weights is saved to `out` and returned."""
    average = copy.deepcopy(model)
    average.eval().requires_grad_(False)
    run(
        stage,
        steps,
        loss_of,
        {"model": model, "average": average},
        optimiser,
        out,
        seed=seed,
        hold=hold,
        report=report,
        after=lambda done: _follow(average, model, min(ema, (done + 1) / (done + 10))),
    )
    average.save_pretrained(out)
    return average


def _loss(
    model: LayerTransformer, pictures: LatentPictures, plan: DiffusionPlan, rng: np.random.Generator
) -> Tensor:
    words = random.Random(int(rng.integers(2**62)))
    examples = sample(words, plan.batch)
    clean = pictures.batch(examples)
    text = torch.stack([said_of(e.scene, words, plan.doubt, drop=plan.drop_text) for e in examples])
    # Strong noise matters most: neighbours repeat each other, so weak noise hides little.
    sigma = torch.sigmoid(torch.randn(plan.batch) * 1.3 + plan.sigma_shift)
    noisy = clean.replaced(tuple(mixed(part, sigma) for part in clean.parts()))
    span = torch.tensor([example.span for example in examples])
    with torch.autocast("cpu", torch.bfloat16):
        guess = model(noisy, sigma, text, span)
    errors = [(a - b).square().flatten(1).mean(1) for a, b in zip(guess.parts(), clean.parts(), strict=True)]
    shares = torch.tensor(plan.part_weights)
    error = (torch.stack(errors) * shares[:, None]).sum(0) / shares.sum()
    weight = (1 / sigma.square()).clamp(max=plan.weight_limit)
    return (weight * error).mean()


def mixed(clean: Tensor, sigma: Tensor) -> Tensor:
    """`clean` with as much noise as `sigma`, (b,) in 0..1, says."""
    s = sigma.view(-1, *[1] * (clean.ndim - 1))
    return (1 - s) * clean + s * torch.randn_like(clean)


def said_of(scene: Scene, words: random.Random, most_doubt: float, *, drop: float = 0.0) -> Tensor:
    """What a caption of the scene says, as the text encoder would put it, with some doubt; `drop` say nothing."""
    _, spoken = caption(scene, words)
    if words.random() < drop:
        spoken = dict.fromkeys(spoken, False)
    rows = []
    for which, values in zip(spoken_classes(scene, spoken), SLOTS.values(), strict=True):
        sure = F.one_hot(torch.tensor(which), len(values) + 1).float()
        doubt = torch.distributions.Dirichlet(torch.full((len(values) + 1,), 0.3)).sample()
        share = most_doubt * words.random() ** 2
        rows.append((1 - share) * sure + share * doubt)
    return torch.cat(rows)


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    for a, b in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(b, 1 - keep)
