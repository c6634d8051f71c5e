"""Orthogonalised momentum (Muon, Jordan et al. 2024) for matrices and kernels, Adam for everything else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalise(gradient: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly, by Newton-Schulz iteration on the flattened weight."""
    x = gradient.flatten(1).bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    a, b, c = _QUINTIC
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    flat: Tensor = x.T if tall else x
    return flat.to(gradient.dtype).reshape(gradient.shape)


class MuonAdam:
    """Steps matrices and kernels by orthogonalised momentum and all other parameters by Adam.

    Args:
        matrices: weights of rank two and more whose scale the rate itself should set.
        rest: everything else.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        rest: Iterable[nn.Parameter],
        *,
        matrix_rate: float,
        rate: float,
        momentum: float = 0.94,
        decay: float = 0.0,
    ) -> None:
        self.matrices, self.rest = list(matrices), list(rest)
        self._matrix_rate, self._rate, self._momentum, self._decay = matrix_rate, rate, momentum, decay
        self._trail = [torch.zeros_like(p) for p in self.matrices]
        self._adam = torch.optim.AdamW(self.rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for p in (*self.matrices, *self.rest):
            p.grad = None

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {"trail": self._trail, "adam": self._adam.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for mine, kept in zip(self._trail, state["trail"], strict=True):
            mine.copy_(kept)
        self._adam.load_state_dict(state["adam"])

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Apply the gradients at `factor` times the full rates."""
        for group in self._adam.param_groups:
            group["lr"] = self._rate * factor
        self._adam.step()
        for p, trail in zip(self.matrices, self._trail, strict=True):
            if p.grad is None:
                continue
            trail.lerp_(p.grad, 1 - self._momentum)
            update = orthogonalise(p.grad.lerp(trail, self._momentum))
            rate = self._matrix_rate * factor * max(1.0, p.shape[0] / p[0].numel()) ** 0.5
            p.mul_(1 - self._decay * self._matrix_rate * factor).add_(update, alpha=-rate)


def schedule(done: float, step: int, *, warm_steps: int, hold: float, least: float = 0.01) -> float:
    """The rate's factor: a linear rise, a plateau until `hold` of the run, a linear fall."""
    fall = 1.0 if done < hold else max(least, (1 - done) / (1 - hold))
    return fall * min(1.0, (step + 1) / warm_steps)
