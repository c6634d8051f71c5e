"""The models that judge prompts together: n-grams, meaning, and readers of whole sentences."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policies.classifier import Floats, NgramClassifier, TextClassifier, Weights, named
from policies.embedding import SentenceEncoder, UniversalEncoder
from policies.encoder import Encoder
from policies.english import EnglishEncoder
from policies.features import LONG, around, spans, windows
from policies.fitting import head_margins, weighted
from policies.language import language_of
from policies.multilingual import MultilingualEncoder
from policies.normalise import Normalised
from policies.taxonomy import CATEGORIES

MEANT = 16_000
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
READER, ENGLISH_READER = "reader_", "english_"
"""What the names of a reader's arrays begin with."""


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
    """Adds the log-odds of several models.

    N-grams know words and a small network over embeddings knows meanings. The reader, where there is one, is stronger
    and ten times slower: it reads every stretch of an ordinary prompt, and of a long text those that the others find
    worst. Where it read, it counts for the most part, the network for a little, and words for nothing. What is English
    is read a second time, by a reader that knows nothing else and knows it better, and both count alike; of a long
    text, only what stands out.

    Args:
        weights: The trained arrays of all.
        encoder: Makes the embeddings that the network was trained on.
        reader: Was trained on the same prompts.
        english: Likewise; reads beside the other one.
    """

    def __init__(
        self,
        weights: Weights,
        encoder: SentenceEncoder,
        reader: Reader | None = None,
        english: Reader | None = None,
    ) -> None:
        self._ngrams = NgramClassifier(weights)
        self._encoder = encoder
        self._reader = reader
        self._english = None if reader is None else english
        self._arrays = {
            name: weights.arrays[name].astype(np.float32)
            for name in ("hidden_weights", "hidden_bias", "out_weights", "out_bias")
        }
        self._joint = {
            name: array.astype(np.float32)
            for name, array in weights.arrays.items()
            if name.startswith("joint")
        }
        parts = [part for part in (encoder, self._reader, self._english) if part is not None]
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
        english = [language_of(text) == "en" for text in texts]
        margins = self._margins(
            [stretch for found in ordinary.values() for stretch in found],
            [english[k] for k, found in ordinary.items() for _ in found],
        )
        scores: list[dict[str, float]] = []
        start = 0
        for k, text in enumerate(texts):
            if k in ordinary:
                end = start + len(ordinary[k])
                scores.append(named(margins[start:end].max(axis=0)))
                start = end
            else:
                scores.append(named(self._of_long(text.readable, english[k])))
        return scores

    def _margins(self, stretches: list[str], english: list[bool]) -> Floats:
        """Calibrated log-odds (n, categories) of stretches, each read by the strongest models that there are."""
        if not stretches:
            return np.zeros((0, len(CATEGORIES)), np.float32)
        meaning = head_margins(self._arrays, self._encoder.encode(stretches))
        if self._reader is None:
            return weighted(self._joint["joint"], self._ngrams.margins(stretches), meaning)
        return read_margins(self._joint, meaning, stretches, english, self._reader, self._english)

    def _of_long(self, text: str, english: bool) -> Floats:
        """The highest log-odds (categories,) over a long text's stretches."""
        places = {text[start:end]: (start, end) for start, end in reversed(spans(text))}
        stretches = list(places)
        words = self._ngrams.margins(stretches)
        meant = _worst(words, stretches, MEANT)
        stretches = [stretches[k] for k in meant]
        meaning = head_margins(self._arrays, self._encoder.encode(stretches))
        margins = weighted(self._joint["joint"], words[meant], meaning)
        if self._reader is not None:
            read = _worst(margins, stretches, READ)
            chosen = [stretches[k] for k in read]
            margins[read] = read_margins(self._joint, meaning[read], chosen, [], self._reader, None)
            again = [k for k in read if margins[k].max() >= DOUBTED]
            again = sorted(again, key=lambda k: float(-margins[k].max()))[:AGAIN]
            within = self._margins(
                [around(text, places[stretches[k]]) for k in again], [english] * len(again)
            )
            margins[again] += _CONTEXT * (within - margins[again])
        return np.asarray(margins.max(axis=0), np.float32)


def read_margins(
    joint: Mapping[str, NDArray[np.float32]], meaning: Floats, stretches: list[str],
    english: Sequence[bool] | NDArray[np.bool_], reader: Reader, english_reader: Reader | None,
) -> Floats:  # fmt: skip
    """Calibrated log-odds (n, categories) of stretches that are read, those that are English twice.

    Args:
        joint: ``joint_read`` and ``joint_english``, as training made them.
        meaning: What the network says (n, categories).
        stretches: The texts (n).
        english: Whether each is English (n), or nothing to read none of them twice.
        reader: Reads all.
        english_reader: Reads what is English beside it.
    """
    said = reader.margins(stretches)
    margins = weighted(joint["joint_read"], meaning, said)
    twice = np.flatnonzero(english)
    if english_reader is not None and len(twice):
        beside = english_reader.margins([stretches[k] for k in twice])
        margins[twice] = weighted(joint["joint_english"], meaning[twice], said[twice], beside)
    return margins


def embedded_classifier() -> TextClassifier:
    """The strongest classifier that is installed: n-grams alone, with the sentence encoder, with one reader or both."""
    weights, encoder = Weights.embedded(), UniversalEncoder.installed()
    if encoder is None:
        return NgramClassifier(weights)
    multilingual = MultilingualEncoder.installed()
    if multilingual is None:
        return CombinedClassifier(weights, encoder)
    return CombinedClassifier(weights, encoder, *_embedded_readers(multilingual, EnglishEncoder.installed()))


@cache
def _embedded_readers(multilingual: Encoder, english: Encoder | None) -> tuple[Reader, Reader | None]:
    """All judges of a process share them: they hold 200 MB, and nothing changes what they say."""
    return readers_of(Weights.embedded().arrays, multilingual, english)


def readers_of(
    arrays: Mapping[str, NDArray[Any]], multilingual: Encoder, english: Encoder | None
) -> tuple[Reader, Reader | None]:
    """The reader of everything, and with its encoder the one that reads English beside it."""
    return (
        reader_of(arrays, multilingual),
        None if english is None else reader_of(arrays, english, ENGLISH_READER),
    )


def reader_of(arrays: Mapping[str, NDArray[Any]], encoder: Encoder, prefix: str = READER) -> Reader:
    """The reader whose adapters are among the weights, under names with that prefix."""
    from policies.reader import PromptReader  # brings torch, which other classifiers do without

    adapters = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    return PromptReader(encoder, adapters)


def _worst(margins: Floats, stretches: Sequence[str], characters: int) -> NDArray[np.int64]:
    """Indices of the stretches that are worst in any category, as many as ``characters`` allow, and one at least."""
    order = np.argsort(-margins.max(axis=1), kind="stable")
    taken = np.cumsum([len(stretches[k]) for k in order])
    return order[: max(1, int((taken <= characters).sum()))]
