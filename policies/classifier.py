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
from policies.normalise import Normalised
from policies.taxonomy import CATEGORIES

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


class NgramClassifier:
    """Logistic regression over hashed character and word n-grams, calibrated per category.

    Args:
        weights: (dimensions, categories) float.
        bias: (categories,).
        calibration: (2, categories): slope and offset of Platt's sigmoid.
        categories: Column names.
        model_id: Name and version.
        digest: Digest of the file that the arrays came from.
        metadata: What training recorded.
    """

    def __init__(
        self,
        weights: NDArray[np.floating[Any]],
        bias: NDArray[np.floating[Any]],
        calibration: NDArray[np.floating[Any]],
        categories: tuple[str, ...],
        model_id: str,
        digest: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.id = model_id
        self.digest = digest
        self.metadata = metadata or {}
        self._categories = categories
        self._weights = weights
        self._bias = bias.astype(np.float32)
        self._calibration = calibration.astype(np.float32)

    @classmethod
    def embedded(cls) -> "NgramClassifier":
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
        return cls.from_bytes(data, expected)

    @classmethod
    def from_bytes(cls, data: bytes, expected: str) -> "NgramClassifier":
        """Read an npz file whose sha256 is ``expected`` (hex)."""
        digest = hashlib.sha256(data).hexdigest()
        if digest != expected:
            raise PolicyError(
                "weights_digest", "The classifier's weights do not have the recorded digest: reinstall."
            )
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            metadata = json.loads(arrays["metadata"].tobytes())
            categories = tuple(metadata["categories"])
            if arrays["weights"].shape != (DIMENSIONS, len(categories)) or set(categories) != set(CATEGORIES):
                raise PolicyError("weights_shape", "The classifier's weights belong to another version.")
            return cls(
                arrays["weights"],
                arrays["bias"],
                arrays["calibration"],
                categories,
                metadata["id"],
                "sha256:" + digest,
                metadata,
            )

    def scores(self, text: Normalised) -> dict[str, float]:
        """Probability per category; of a long text, the highest over its stretches."""
        best = np.stack([self._margin(window) for window in windows(text.text)]).max(axis=0)
        slope, offset = self._calibration
        probabilities = 1 / (1 + np.exp(-np.clip(slope * best + offset, -30, 30)))
        return {
            name: round(float(value), 6) for name, value in zip(self._categories, probabilities, strict=True)
        }

    def _margin(self, stretch: str) -> NDArray[np.float32]:
        indices, values = features(stretch)
        rows = self._weights[indices].astype(np.float32)
        return np.asarray(values @ rows + self._bias, np.float32)
