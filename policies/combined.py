"""The models that judge prompts together: n-grams, meaning, and a reader of whole sentences."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policies.classifier import Floats, NgramClassifier, TextClassifier, Weights, named
from policies.embedding import SentenceEncoder, UniversalEncoder
from policies.features import LONG, windows
from policies.fitting import head_margins, weighted
from policies.normalise import Normalised
from policies.packed import PackedModel

READ = 8
"""Stretches of a long text that the reader reads at least: those that the other two find worst."""
DOUBTED = -0.85
"""Log-odds (a probability of 0.3) from which it reads further ones: what the others think harmful may be a mistake."""
READ_AT_MOST = 64
"""Beyond them the others' word stands: so many doubts are enough to stop a text, and reading has an end."""
READER = "reader_"
"""What the names of the reader's arrays begin with."""


class Reader(Protocol):
    """Gives stretches of text log-odds."""

    @property
    def id(self) -> str:
        """Name of the encoder."""

    @property
    def digest(self) -> str:
        """``sha256:`` digest of the encoder's weights."""

    def margins(self, stretches: Sequence[str]) -> Floats:
        """Uncalibrated log-odds (n, categories)."""


class CombinedClassifier:
    """Adds the log-odds of two models.

    N-grams know words and a small network over embeddings knows meanings. The reader, where there is one, is stronger
    and ten times slower: it reads every stretch of an ordinary prompt, and of a long text those that the others find
    worst or doubt. Where it read, it counts for the most part, the network for a little, and words for nothing.

    Args:
        weights: The trained arrays of all.
        encoder: Makes the embeddings that the network was trained on.
        reader: Was trained on the same prompts.
    """

    def __init__(self, weights: Weights, encoder: SentenceEncoder, reader: Reader | None = None) -> None:
        self._ngrams = NgramClassifier(weights)
        self._encoder = encoder
        self._reader = reader
        self._arrays = {
            name: weights.arrays[name].astype(np.float32)
            for name in ("hidden_weights", "hidden_bias", "out_weights", "out_bias", "joint")
        }
        if reader is not None:
            self._joint = weights.arrays["joint_read"].astype(np.float32)
        parts: list[SentenceEncoder | Reader] = [encoder] if reader is None else [encoder, reader]
        self.id = "+".join((self._ngrams.id, *(part.id for part in parts)))
        joined = "\n".join((weights.digest, *(part.digest for part in parts)))
        self.digest = "sha256:" + hashlib.sha256(joined.encode()).hexdigest()
        self.metadata = weights.metadata

    def scores(self, text: Normalised) -> dict[str, float]:
        """Probability per category; of a long text, the highest over its stretches."""
        return self.scores_of([text])[0]

    def scores_of(self, texts: Sequence[Normalised]) -> list[dict[str, float]]:
        """``scores`` of several texts, faster than one by one."""
        stretches = [windows(text.readable) for text in texts]
        every = [stretch for found in stretches for stretch in found]
        meaning = head_margins(self._arrays, self._encoder.encode(every))
        margins = np.zeros_like(meaning)
        chosen: list[int] = []
        parts: list[slice] = []
        for text, found in zip(texts, stretches, strict=True):
            start = parts[-1].stop if parts else 0
            part = slice(start, start + len(found))
            parts.append(part)
            if self._reader is not None and len(text.readable) <= LONG:
                chosen += range(part.start, part.stop)
                continue
            margins[part] = weighted(self._arrays["joint"], self._ngrams.margins(found), meaning[part])
            if self._reader is not None:
                chosen += [part.start + int(k) for k in _worth_reading(margins[part])]
        if self._reader is not None:
            read = self._reader.margins([every[k] for k in chosen])
            margins[chosen] = weighted(self._joint, meaning[chosen], read)
        return [named(margins[part].max(axis=0)) for part in parts]


def embedded_classifier() -> TextClassifier:
    """The strongest classifier that is installed: n-grams alone, with the sentence encoder, with the reader, too."""
    weights, encoder, packed = Weights.embedded(), UniversalEncoder.installed(), PackedModel.installed()
    if encoder is None:
        return NgramClassifier(weights)
    return CombinedClassifier(weights, encoder, None if packed is None else _embedded_reader(packed))


@cache
def _embedded_reader(packed: PackedModel) -> Reader:
    """All judges of a process share it: it holds 100 MB, and nothing changes what it says."""
    return reader_of(Weights.embedded().arrays, packed)


def reader_of(arrays: Mapping[str, NDArray[Any]], packed: PackedModel) -> Reader:
    """The reader whose adapters are among the weights."""
    from policies.reader import PromptReader  # brings torch, which other classifiers do without

    arrays = {name.removeprefix(READER): array for name, array in arrays.items() if name.startswith(READER)}
    return PromptReader(packed, arrays)


def _worth_reading(margins: Floats) -> NDArray[np.int64]:
    """Which stretches of a long text the others find worst or doubt."""
    worst = margins.max(axis=1)
    count = min(max(READ, int((worst >= DOUBTED).sum())), READ_AT_MOST)
    return np.sort(np.argsort(-worst, kind="stable")[:count])
