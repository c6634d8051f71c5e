"""Training the denoiser: flow matching on the layers of scenes, predicting the clean ones."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.training.captions import caption
from generator.training.latents import LatentPictures, before, sample, tracks
from generator.training.loop import Report, log_progress, run
from generator.training.optimiser import MuonAdam
from generator.training.scenes import SLOTS, Scene
from generator.training.text import spoken_classes
from generator.transformer import Latents, LayerTransformer, scaled


@dataclass(frozen=True)
class DiffusionPlan:
    """How to train.

    One step in `continued_every` shows windows that continue a clip. `part_weights` are those of stage, things, paths
    and camera in the loss: a stage is the hardest to draw.
    """

    steps: int
    batch: int = 48
    continued_every: int = 4
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
    matrices = [p for n, p in model.blocks.named_parameters() if p.ndim == 2 and "modulation" not in n]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    optimiser = MuonAdam(
        matrices, rest, matrix_rate=plan.matrix_rate, rate=plan.rate, decay=plan.matrix_decay
    )
    average: LayerTransformer = copy.deepcopy(model)
    average.eval().requires_grad_(False)
    run(
        "denoiser",
        plan.steps,
        lambda rng: _loss(model, pictures, plan, rng),
        {"model": model, "average": average},
        optimiser,
        out,
        seed=plan.seed,
        hold=plan.hold,
        report=report,
        after=lambda done: _follow(average, model, min(plan.ema, (done + 1) / (done + 10))),
    )
    average.save_pretrained(out)
    return average


def _loss(
    model: LayerTransformer, pictures: LatentPictures, plan: DiffusionPlan, rng: np.random.Generator
) -> Tensor:
    words = random.Random(int(rng.integers(2**62)))
    continued = words.randrange(plan.continued_every) == 0
    examples = sample(words, plan.batch, continued=continued)
    if continued:
        clean, previous = scaled(Latents(None, None, *tracks(examples))), before(examples)
    else:
        clean, previous = pictures.batch(examples), None
    text = torch.stack([_said(example.scene, words, plan) for example in examples])
    # Strong noise matters most: neighbours repeat each other, so weak noise hides little.
    sigma = torch.sigmoid(torch.randn(plan.batch) * 1.3 + plan.sigma_shift)
    noisy = clean.replaced(tuple(_mixed(part, sigma) for part in clean.parts()))
    span = torch.tensor([example.span for example in examples])
    with torch.autocast("cpu", torch.bfloat16):
        guess = model(noisy, sigma, text, span, previous)
    errors = [(a - b).square().flatten(1).mean(1) for a, b in zip(guess.parts(), clean.parts(), strict=True)]
    shares = torch.tensor(plan.part_weights[-len(errors) :])
    error = (torch.stack(errors) * shares[:, None]).sum(0) / shares.sum()
    weight = (1 / sigma.square()).clamp(max=plan.weight_limit)
    return (weight * error).mean()


def _mixed(clean: Tensor, sigma: Tensor) -> Tensor:
    s = sigma.view(-1, *[1] * (clean.ndim - 1))
    return (1 - s) * clean + s * torch.randn_like(clean)


def _said(scene: Scene, words: random.Random, plan: DiffusionPlan) -> Tensor:
    """What a caption of the scene says, as the text encoder would put it, with some doubt."""
    _, spoken = caption(scene, words)
    if words.random() < plan.drop_text:
        spoken = dict.fromkeys(spoken, False)
    rows = []
    for which, values in zip(spoken_classes(scene, spoken), SLOTS.values(), strict=True):
        sure = F.one_hot(torch.tensor(which), len(values) + 1).float()
        doubt = torch.distributions.Dirichlet(torch.full((len(values) + 1,), 0.3)).sample()
        share = plan.doubt * words.random() ** 2
        rows.append((1 - share) * sure + share * doubt)
    return torch.cat(rows)


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    for a, b in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(b, 1 - keep)
