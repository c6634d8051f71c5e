"""Reads prompts with an adapted encoder: slower than the other models of the judge, and stronger."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from policies.encoder import Encoder, Floats
from policies.transformer import Arrays, Transformer

_TOGETHER = 1024  # tokens, so that a batch stays small in memory


class PromptReader:
    """The encoder with adapters, and a linear layer that gives each category its log-odds.

    Args:
        encoder: The encoder's weights.
        arrays: What ``policies.adapting`` learnt.
    """

    def __init__(self, encoder: Encoder, arrays: Arrays) -> None:
        self.id, self.digest = f"{encoder.id}-int8", encoder.digest
        self._encoder = encoder
        layers = {name: array for name, array in arrays.items() if not name.startswith("head")}
        self._net = Transformer(encoder, adapted=len(next(iter(layers.values()))))
        self._net.adapt(layers)
        # One after the other: every thread that asked torch for itself would get helpers of its own, and they all
        # would fight for the same cores.
        self._thread = ThreadPoolExecutor(1, "prompt-reader")
        self._head = arrays["head_weights"].astype(np.float32), arrays["head_bias"].astype(np.float32)

    def margins(self, stretches: Sequence[str]) -> Floats:
        """Uncalibrated log-odds (n, categories) of readable stretches."""
        return self._thread.submit(self._margins, stretches).result()

    def _margins(self, stretches: Sequence[str]) -> Floats:
        tokens = self._encoder.tokens(stretches)
        with torch.inference_mode():
            vectors = [self._net(batch).numpy() for batch in _batches(tokens)]
        weights, bias = self._head
        return np.asarray(np.concatenate(vectors) @ weights + bias, np.float32)


def _batches(tokens: list[list[int]]) -> Iterator[list[list[int]]]:
    """Texts, in their order, of about ``_TOGETHER`` tokens each."""
    batch: list[list[int]] = []
    size = 0
    for text in tokens:
        batch.append(text)
        size += len(text)
        if size >= _TOGETHER:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
