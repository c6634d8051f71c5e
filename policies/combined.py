"""N-grams and meaning together: the classifier that judges prompts where the sentence encoder is installed."""

import hashlib
from collections.abc import Sequence

import numpy as np

from policies.classifier import Floats, NgramClassifier, TextClassifier, Weights, named
from policies.embedding import SentenceEncoder, UniversalEncoder
from policies.features import windows
from policies.fitting import head_margins
from policies.normalise import Normalised


class CombinedClassifier:
    """Adds the log-odds of two models: n-grams know words, a small network over embeddings knows meanings.

    Args:
        weights: The trained arrays of both.
        encoder: Makes the embeddings that the network was trained on.
    """

    def __init__(self, weights: Weights, encoder: SentenceEncoder) -> None:
        self._ngrams = NgramClassifier(weights)
        self._encoder = encoder
        self._arrays = {
            name: weights.arrays[name].astype(np.float32)
            for name in ("hidden_weights", "hidden_bias", "out_weights", "out_bias", "joint")
        }
        self.id = f"{self._ngrams.id}+{encoder.id}"
        joined = f"{weights.digest}\n{encoder.digest}"
        self.digest = "sha256:" + hashlib.sha256(joined.encode()).hexdigest()
        self.metadata = weights.metadata

    def scores(self, text: Normalised) -> dict[str, float]:
        """Probability per category; of a long text, the highest over its stretches."""
        return self.scores_of([text])[0]

    def scores_of(self, texts: Sequence[Normalised]) -> list[dict[str, float]]:
        """``scores`` of several texts, faster than one by one."""
        stretches = [windows(text.readable) for text in texts]
        margins = self.margins([stretch for found in stretches for stretch in found])
        ends = np.cumsum([len(found) for found in stretches])
        return [
            named(margins[end - len(found) : end].max(axis=0))
            for found, end in zip(stretches, ends, strict=True)
        ]

    def margins(self, stretches: list[str]) -> Floats:
        """Calibrated log-odds (n, categories) of readable stretches."""
        of_words, of_meaning, offset = self._arrays["joint"]
        meaning = head_margins(self._arrays, self._encoder.encode(stretches))
        return np.asarray(
            of_words * self._ngrams.margins(stretches) + of_meaning * meaning + offset, np.float32
        )


def embedded_classifier() -> TextClassifier:
    """The strongest classifier that is installed: with the sentence encoder, or n-grams alone."""
    weights, encoder = Weights.embedded(), UniversalEncoder.installed()
    return NgramClassifier(weights) if encoder is None else CombinedClassifier(weights, encoder)
