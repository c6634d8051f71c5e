"""Trains the encoder's adapters on labelled prompts: an hour on one core, three minutes on an accelerator.

What the layers without adapters make of each text is computed once. Training runs in bfloat16, on one thread where it
runs on a processor; same data, seed and device, same numbers. What is kept is the moving average of what was learnt
(Polyak averaging), and of that a share: both judge sources that training did not see better. Source of the share:
Wortsman et al., Robust fine-tuning of zero-shot models (arXiv:2109.01903).
"""

import hashlib
import math
import random
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from policies.encoder import LAYERS, SIZE, Encoder
from policies.fitting import Progress, part
from policies.transformer import RANK, Transformer, attention

Floats = NDArray[np.float64]
ADAPTED_LAYERS = 12
PASSES = 2
_RATE = 5e-4
_HEAD_RATE = 1e-3
_WARM_UP = 0.06  # share of the steps in which the rate rises
_LAST_RATE = 0.05  # share of the rate that is left at the end
_DROPOUT = 0.1
_DECAY = 0.01
_AVERAGED = 0.995  # share of the average that stays in a step
_KEPT = 0.8  # share of what the adapters add that the reader is given
_TOGETHER = 1500  # tokens of a step
_SHUFFLED = 2048  # texts among which those of one length are put together
_KEEP_EVERY = 100  # steps


def learn_adapters(
    encoder: Encoder, texts: Sequence[str], targets: Floats, weights: Floats, *, seed: int,
    device: str = "cpu", work: Path | None = None, progress: Progress,
) -> dict[str, NDArray[np.float16]]:  # fmt: skip
    """Minimise the weighted logistic loss of all categories by AdamW.

    Args:
        encoder: What the adapters are for.
        texts: Readable stretches (n).
        targets: (n, categories), 0 to 1.
        weights: (n, categories): how much each target counts.
        seed: Of the first adapters, the order and the dropout.
        device: Where to learn, as torch names it.
        work: Folder that keeps the state, so that an interrupted run goes on from it.
        progress: Receives what is done.

    Returns:
        The arrays of ``PromptReader``.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return _Course(encoder, texts, targets, weights, seed, torch.device(device), work).run(progress)
    finally:
        torch.set_num_threads(threads)


class _Course:
    def __init__(
        self,
        encoder: Encoder,
        texts: Sequence[str],
        targets: Floats,
        weights: Floats,
        seed: int,
        device: torch.device,
        work: Path | None,
    ) -> None:
        self._device = device
        self._encoder = encoder
        self._tokens = encoder.tokens(texts)
        self._lengths = [len(one) for one in self._tokens]
        self._targets = torch.from_numpy(targets.astype(np.float32))
        self._weights = torch.from_numpy(weights.astype(np.float32))
        self._net = Transformer(encoder, ADAPTED_LAYERS)
        self._head = nn.Linear(SIZE, targets.shape[1])
        nn.init.normal_(self._head.weight, std=0.02)
        nn.init.constant_(self._head.bias, -3.0)
        self._net.to(device)
        self._head.to(device)
        self._adapters = [p for p in self._net.parameters() if p.requires_grad]
        self._learnt = [*self._adapters, *self._head.parameters()]
        self._average = [p.detach().clone() for p in self._learnt]
        self._optimizer = torch.optim.AdamW(
            [{"params": self._adapters, "lr": _RATE}, {"params": self._head.parameters(), "lr": _HEAD_RATE}],
            weight_decay=_DECAY,
        )
        self._schedule = _order(self._lengths, seed)
        self._file = None if work is None else work / f"adapters-{self._name(seed)}.pt"

    def _name(self, seed: int) -> str:
        """What the state of this course is called: another for other data or settings."""
        digest = hashlib.sha256(
            repr((seed, self._tokens, PASSES, ADAPTED_LAYERS, RANK, _RATE, _TOGETHER, _AVERAGED)).encode()
        )
        digest.update(self._targets.numpy().tobytes() + self._weights.numpy().tobytes())
        return digest.hexdigest()[:16]

    def run(self, progress: Progress) -> dict[str, NDArray[np.float16]]:
        done = self._resume()
        steps = len(self._schedule)
        if done < steps:
            lower = self._lower(part(progress, 0.0, 0.15))
            report = part(progress, 0.15, 1.0)
            for step in range(done, steps):
                self._step(self._schedule[step], lower, _rate(step, steps))
                self._follow(step)
                if (step + 1) % _KEEP_EVERY == 0 or step + 1 == steps:
                    self._keep(step + 1)
                    report(f"adapters: step {step + 1} of {steps}", (step + 1) / steps)
        for parameter, average in zip(self._learnt, self._average, strict=True):
            parameter.data.copy_(average)
        return {
            **self._net.adapters(_KEPT),
            "head_weights": self._head.weight.detach().cpu().numpy().T.astype(np.float16),
            "head_bias": self._head.bias.detach().cpu().numpy().astype(np.float16),
        }

    def _step(self, batch: list[int], lower: "_States", rate: float) -> None:
        for group, highest in zip(self._optimizer.param_groups, (_RATE, _HEAD_RATE), strict=True):
            group["lr"] = highest * rate
        states, mask = (tensor.to(self._device) for tensor in lower.of(batch))
        targets, weights = (every[batch].to(self._device) for every in (self._targets, self._weights))
        self._net.train()
        # On a processor the fused attention is slow backwards: it would make a step a quarter longer.
        kernel = sdpa_kernel(SDPBackend.MATH) if self._device.type == "cpu" else nullcontext()
        with kernel, torch.autocast(self._device.type, dtype=torch.bfloat16):
            states = self._net.run(states, attention(mask), range(self._net.start, LAYERS), _DROPOUT)
            vectors = states[:, 0] if self._encoder.pooling == "first" else _mean(states, mask)
        margins = self._head(functional.dropout(vectors.float(), _DROPOUT))
        losses = functional.binary_cross_entropy_with_logits(margins, targets, reduction="none")
        self._optimizer.zero_grad()
        (losses * weights).sum(dim=1).mean().backward()
        nn.utils.clip_grad_norm_(self._adapters, 1.0)
        self._optimizer.step()

    def _follow(self, step: int) -> None:
        stays = min(_AVERAGED, (step + 1) / (step + 10))  # the first steps are soon forgotten
        for parameter, average in zip(self._learnt, self._average, strict=True):
            average.lerp_(parameter.detach(), 1 - stays)

    def _lower(self, progress: Progress) -> "_States":
        """What the layers without adapters make of every text."""
        lengths = self._lengths
        kept = _States(lengths)
        order = sorted(range(len(lengths)), key=lambda k: lengths[k])
        groups = batches(order, lengths, _TOGETHER)
        self._net.eval()
        with torch.inference_mode(), torch.autocast(self._device.type, dtype=torch.bfloat16):
            for k, batch in enumerate(groups):
                tokens = _padded([self._tokens[i] for i in batch], self._encoder.padding)
                places = torch.arange(tokens.shape[1]).expand_as(tokens)
                mask = (tokens != self._encoder.padding).to(self._device)
                states = self._net.embed(tokens, places).to(self._device)
                kept.put(batch, self._net.run(states, attention(mask), range(self._net.start)).cpu())
                if k % 200 == 0:
                    progress(f"adapters: {k} of {len(groups)} batches read", k / len(groups))
        return kept

    def _keep(self, step: int) -> None:
        if self._file is None:
            return
        state = {
            "step": step,
            "learnt": [p.detach() for p in self._learnt],
            "average": self._average,
            "optimizer": self._optimizer.state_dict(),
            "random": self._random.get_rng_state(),
        }
        part_file = self._file.with_suffix(".part")
        torch.save(state, part_file)
        part_file.replace(self._file)

    def _resume(self) -> int:
        if self._file is None or not self._file.is_file():
            return 0
        state: dict[str, Any] = torch.load(self._file, map_location="cpu", weights_only=True)
        for parameter, kept in zip(self._learnt, state["learnt"], strict=True):
            parameter.data.copy_(kept)
        for average, kept in zip(self._average, state["average"], strict=True):
            average.copy_(kept)
        self._optimizer.load_state_dict(state["optimizer"])
        if state["step"] < len(self._schedule):
            self._random.set_rng_state(state["random"])
        return int(state["step"])

    @property
    def _random(self) -> Any:
        """Where the dropout comes from."""
        return torch.cuda if self._device.type == "cuda" else torch


class _States:
    """States of many texts, in half precision, without padding."""

    def __init__(self, lengths: list[int]) -> None:
        self._ends = np.concatenate(([0], np.cumsum(lengths)))
        self._kept = torch.zeros(int(self._ends[-1]), SIZE, dtype=torch.float16)

    def put(self, batch: list[int], states: Tensor) -> None:
        for k, one in zip(batch, states, strict=True):
            self._kept[self._ends[k] : self._ends[k + 1]] = one[: self._ends[k + 1] - self._ends[k]]

    def of(self, batch: list[int]) -> tuple[Tensor, Tensor]:
        """States (texts, tokens, size) and where there is a token."""
        parts = [self._kept[self._ends[k] : self._ends[k + 1]].float() for k in batch]
        states = nn.utils.rnn.pad_sequence(parts, batch_first=True)
        lengths = torch.tensor([len(one) for one in parts])
        return states, torch.arange(states.shape[1]) < lengths[:, None]


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    """The mean (texts, size) of the states where there is a token."""
    there = mask.unsqueeze(-1).to(states.dtype)
    return (states * there).sum(1) / there.sum(1)


def _padded(texts: Sequence[Sequence[int]], padding: int) -> Tensor:
    """Tokens (texts, tokens) of one length."""
    longest = max(map(len, texts))
    return torch.tensor([[*text, *(longest - len(text)) * (padding,)] for text in texts])


def _order(lengths: list[int], seed: int) -> list[list[int]]:
    """The texts of each step: of like length, in random order."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    every: list[list[int]] = []
    for _ in range(PASSES):
        texts = list(range(len(lengths)))
        rng.shuffle(texts)
        of_pass: list[list[int]] = []
        for start in range(0, len(texts), _SHUFFLED):
            chunk = sorted(texts[start : start + _SHUFFLED], key=lambda k: lengths[k])
            of_pass += batches(chunk, lengths, _TOGETHER)
        rng.shuffle(of_pass)
        every += of_pass
    return every


def batches(order: Sequence[int], lengths: Sequence[int], together: int) -> list[list[int]]:
    """Texts, in an order of growing length, put together until padding makes them ``together`` tokens."""
    found: list[list[int]] = []
    for k in order:
        if found and (len(found[-1]) + 1) * lengths[k] <= together:
            found[-1].append(k)
        else:
            found.append([k])
    return found


def _rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / max(1, _WARM_UP * steps))
    falling = 0.5 * (1 + math.cos(math.pi * step / steps))
    return warm * (falling * (1 - _LAST_RATE) + _LAST_RATE)
