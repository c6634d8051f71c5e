"""The models that judge prompts together: n-grams, meaning, and a reader of whole sentences."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policies.classifier import Floats, NgramClassifier, TextClassifier, Weights, named
from policies.embedding import SentenceEncoder, UniversalEncoder
from policies.features import LONG, around, spans, windows
from policies.fitting import head_margins, weighted
from policies.normalise import Normalised
from policies.packed import PackedModel
from policies.taxonomy import CATEGORIES

MEANT = 18_000
"""Characters of a long text that are judged beyond their words: the stretches that the n-grams find worst."""
READ = 2_800
"""Characters of it that the reader reads: the stretches worst by words and meaning together. Of what is left of
those their word stands: so many doubts are enough to stop a text, and reading has an end."""
DOUBTED = -0.85
"""Log-odds (a probability of 0.3) from which a stretch is read again within its surroundings: what is harmful by itself
may be told of, warned of or played. Both readings count alike."""
AGAIN = 4
"""Stretches that are read again at most, the worst first."""
_CONTEXT = 0.5
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
    worst. Where it read, it counts for the most part, the network for a little, and words for nothing.

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
        ordinary = {k: windows(text.readable) for k, text in enumerate(texts) if len(text.readable) <= LONG}
        margins = self._margins([stretch for found in ordinary.values() for stretch in found])
        scores: list[dict[str, float]] = []
        start = 0
        for k, text in enumerate(texts):
            if k in ordinary:
                end = start + len(ordinary[k])
                scores.append(named(margins[start:end].max(axis=0)))
                start = end
            else:
                scores.append(named(self._of_long(text.readable)))
        return scores

    def _margins(self, stretches: list[str]) -> Floats:
        """Calibrated log-odds (n, categories) of stretches, each read by the strongest models that there are."""
        if not stretches:
            return np.zeros((0, len(CATEGORIES)), np.float32)
        meaning = head_margins(self._arrays, self._encoder.encode(stretches))
        if self._reader is None:
            return weighted(self._arrays["joint"], self._ngrams.margins(stretches), meaning)
        return weighted(self._joint, meaning, self._reader.margins(stretches))

    def _of_long(self, text: str) -> Floats:
        """The highest log-odds (categories,) over a long text's stretches."""
        places = {text[start:end]: (start, end) for start, end in reversed(spans(text))}
        stretches = list(places)
        words = self._ngrams.margins(stretches)
        meant = _worst(words, stretches, MEANT)
        stretches = [stretches[k] for k in meant]
        meaning = head_margins(self._arrays, self._encoder.encode(stretches))
        margins = weighted(self._arrays["joint"], words[meant], meaning)
        if self._reader is not None:
            read = _worst(margins, stretches, READ)
            said = self._reader.margins([stretches[k] for k in read])
            margins[read] = weighted(self._joint, meaning[read], said)
            again = [k for k in read if margins[k].max() >= DOUBTED]
            again = sorted(again, key=lambda k: float(-margins[k].max()))[:AGAIN]
            within = self._margins([around(text, places[stretches[k]]) for k in again])
            margins[again] += _CONTEXT * (within - margins[again])
        return np.asarray(margins.max(axis=0), np.float32)


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


def _worst(margins: Floats, stretches: Sequence[str], characters: int) -> NDArray[np.int64]:
    """Indices of the stretches that are worst in any category, as many as ``characters`` allow, and one at least."""
    order = np.argsort(-margins.max(axis=1), kind="stable")
    taken = np.cumsum([len(stretches[k]) for k in order])
    return order[: max(1, int((taken <= characters).sum()))]
