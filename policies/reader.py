"""Reads prompts with the adapted encoder: slower than the other two models of the judge, and stronger."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers

from policies.packed import FIRST, LAST, UNKNOWN, PackedModel
from policies.transformer import Arrays, Transformer

Floats = NDArray[np.float32]
LONGEST_TEXT = 126
"""Tokens of one stretch that are read, besides the two at its ends."""
_PREFIX = "query: "  # the encoder learnt to read questions and short texts with this before them
_SPACES = re.compile(" {2,}")
_TOGETHER = 1024  # tokens, so that a batch stays small in memory


class PromptTokenizer:
    """Turns texts into tokens.

    Args:
        packed: Holds the vocabulary.
    """

    def __init__(self, packed: PackedModel) -> None:
        self._tokenizer = Tokenizer(models.Unigram(packed.pieces(), UNKNOWN))
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        self._characters = packed.characters

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, at most ``LONGEST_TEXT`` and the two at its ends."""
        plain = [_SPACES.sub(" ", (_PREFIX + text).translate(self._characters)) for text in texts]
        found = self._tokenizer.encode_batch(plain)
        return [[FIRST, *one.ids[:LONGEST_TEXT], LAST] for one in found]


class PromptReader:
    """The encoder with adapters, and a linear layer that gives each category its log-odds.

    Args:
        packed: The encoder's weights.
        arrays: What ``policies.adapting`` learnt.
    """

    id = "e5-small-int8"

    def __init__(self, packed: PackedModel, arrays: Arrays) -> None:
        self.digest = packed.digest
        self._tokenizer = PromptTokenizer(packed)
        layers = {name: array for name, array in arrays.items() if not name.startswith("head")}
        self._net = Transformer(packed, adapted=len(next(iter(layers.values()))))
        self._net.adapt(layers)
        # One after the other: every thread that asked torch for itself would get helpers of its own, and they all
        # would fight for the same cores.
        self._thread = ThreadPoolExecutor(1, "prompt-reader")
        self._head = arrays["head_weights"].astype(np.float32), arrays["head_bias"].astype(np.float32)

    def margins(self, stretches: Sequence[str]) -> Floats:
        """Uncalibrated log-odds (n, categories) of readable stretches."""
        return self._thread.submit(self._margins, stretches).result()

    def _margins(self, stretches: Sequence[str]) -> Floats:
        tokens = self._tokenizer.tokens(stretches)
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
