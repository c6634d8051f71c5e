"""The trained text classifier: a linear model over hashed n-grams, one head per category."""

import hashlib
import io
import json
from importlib.resources import files
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policies.errors import PolicyError
from policies.features import DIMENSIONS, features, windows
from policies.normalise import Normalised, flatten
from policies.taxonomy import CATEGORIES

Floats = NDArray[np.float32]
_WEIGHTS = "weights/prompts.npz"
_DIGEST = "weights/prompts.sha256"


class TextClassifier(Protocol):
    """Gives each category a probability."""

    @property
    def id(self) -> str:
        """Name and version."""

    @property
    def digest(self) -> str:
        """``sha256:`` digest of the weights."""

    def scores(self, text: Normalised) -> dict[str, float]:
        """Probability, 0 to 1, for every category."""


class Weights:
    """The arrays of a trained classifier's file.

    Attributes:
        arrays: By name; ``policies.training`` says which.
        metadata: What training recorded.
        digest: ``sha256:`` digest of the file.
    """

    def __init__(self, data: bytes, expected: str) -> None:
        digest = hashlib.sha256(data).hexdigest()
        if digest != expected:
            raise PolicyError(
                "weights_digest", "The classifier's weights do not have the recorded digest: reinstall."
            )
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            self.arrays = {name: file[name] for name in file.files if name != "metadata"}
            self.metadata: dict[str, Any] = json.loads(file["metadata"].tobytes())
        self.digest = "sha256:" + digest
        if self.arrays["weights"].shape != (DIMENSIONS, len(CATEGORIES)) or (
            tuple(self.metadata["categories"]) != CATEGORIES
        ):
            raise PolicyError("weights_shape", "The classifier's weights belong to another version.")

    @classmethod
    def embedded(cls) -> "Weights":
        """The weights that come with the package.

        Raises:
            PolicyError: ``weights_missing`` or ``weights_digest`` when the file is not the recorded one.
        """
        room = files("policies")
        try:
            data = room.joinpath(_WEIGHTS).read_bytes()
            expected = room.joinpath(_DIGEST).read_text().split()[0]
        except OSError:
            raise PolicyError("weights_missing", "policies/weights is incomplete: reinstall.") from None
        return cls(data, expected)


class NgramClassifier:
    """Logistic regression over hashed character and word n-grams, calibrated per category.

    Args:
        weights: The trained arrays: ``weights`` (dimensions, categories), ``bias`` (categories,) and
            ``calibration`` (2, categories), slope and offset of Platt's sigmoid.
    """

    def __init__(self, weights: Weights) -> None:
        self.id: str = weights.metadata["id"]
        self.digest = weights.digest
        self.metadata = weights.metadata
        self._weights = weights.arrays["weights"]
        self._bias = weights.arrays["bias"].astype(np.float32)
        self._calibration = weights.arrays["calibration"].astype(np.float32)

    @classmethod
    def embedded(cls) -> "NgramClassifier":
        """The classifier that comes with the package; raises as ``Weights.embedded`` does."""
        return cls(Weights.embedded())

    @classmethod
    def from_bytes(cls, data: bytes, expected: str) -> "NgramClassifier":
        """Read an npz file whose sha256 is ``expected`` (hex)."""
        return cls(Weights(data, expected))

    def scores(self, text: Normalised) -> dict[str, float]:
        """Probability per category; of a long text, the highest over its stretches."""
        slope, offset = self._calibration
        return named(self.margins(windows(text.readable)).max(axis=0) * slope + offset)

    def margins(self, stretches: list[str]) -> Floats:
        """Uncalibrated log-odds (n, categories) of readable stretches."""
        starts, indices, values = features([flatten(stretch) for stretch in stretches])
        rows = self._weights[indices].astype(np.float32)
        rows *= values[:, None]
        return np.asarray(np.add.reduceat(rows, starts[:-1]) + self._bias, np.float32)


def named(margins: Floats) -> dict[str, float]:
    """Calibrated log-odds (categories,) as probabilities with their categories' names."""
    probabilities = 1 / (1 + np.exp(-np.clip(margins, -30, 30)))
    return {name: round(float(value), 6) for name, value in zip(CATEGORIES, probabilities, strict=True)}
