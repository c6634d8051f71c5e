"""One way to train: so many steps, each with random numbers of its own, resumed where it broke off."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from generator.training.optimiser import MuonAdam, schedule

log = logging.getLogger(__name__)
Report = Callable[[str, int, int, float], None]
"""Hears a stage's name, the steps done, the steps in all, and the mean loss of the last ones."""


def log_progress(stage: str, done: int, total: int, loss: float) -> None:
    """Report to the log."""
    log.info("%s %d of %d, loss %.4f", stage, done, total, loss)


def run(
    stage: str,
    steps: int,
    loss_of: Callable[[np.random.Generator], Tensor],
    parts: Mapping[str, nn.Module],
    optimiser: MuonAdam,
    folder: Path,
    *,
    seed: int,
    warm: int = 40,
    hold: float = 0.5,
    report: Report = log_progress,
    after: Callable[[int], None] | None = None,
    save_every: float = 120.0,
    report_every: int = 50,
) -> None:
    """Train `parts` in place for `steps` steps; with the same seed and threads, the same way each time.

    Args:
        loss_of: one step's loss; every step gets a generator of its own, and torch a seed of its own.
        folder: where the state lies while this goes on; a run that broke off continues from it.
        after: called after each step with the steps done.
        save_every: seconds between two saved states.
    """
    state = folder / "state.pt"
    folder.mkdir(parents=True, exist_ok=True)
    begin, saved, recent = 0, time.monotonic(), []
    if state.is_file():
        kept: dict[str, Any] = torch.load(state, weights_only=True)
        begin = kept["step"]
        for name, part in parts.items():
            part.load_state_dict(kept["parts"][name])
        optimiser.load_state(kept["optimiser"])
    for step in range(begin, steps):
        torch.manual_seed(seed * 1_000_003 + step)
        loss = loss_of(np.random.default_rng((seed, step)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step(schedule(step / steps, step, warm_steps=warm, hold=hold))
        recent.append(loss.item())
        if after:
            after(step + 1)
        if (step + 1) % report_every == 0 or step + 1 == steps:
            report(stage, step + 1, steps, float(np.mean(recent)))
            recent = []
        if time.monotonic() - saved > save_every:
            saved = time.monotonic()
            fresh = state.with_suffix(".new")
            torch.save(
                {
                    "step": step + 1,
                    "parts": {name: part.state_dict() for name, part in parts.items()},
                    "optimiser": optimiser.state(),
                },
                fresh,
            )
            fresh.replace(state)
    state.unlink(missing_ok=True)
