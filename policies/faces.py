"""Whether a picture shows a face: MediaPipe's BlazeFace, full range, which finds faces up to five metres away.

It says that there is a face, never whose. The weights are Google's (Apache-2.0), translated by ``tools/convert-faces``.
"""

import hashlib
import threading
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.errors import PolicyError

_WEIGHTS = "weights/faces.onnx"
_SHA256 = "b364092b393b3a2763c967928cf2732fbe20cf3c86e1320f72840774de142ae0"
_SIDE = 192
FACE = 0.5
"""Score from which a picture counts as showing a face: the customary one of this detector."""


class FaceFinder:
    """BlazeFace on one thread; loaded at the first picture."""

    id = "blazeface-full-range"
    digest = "sha256:" + _SHA256

    def __init__(self) -> None:
        self._session: Any = None
        self._lock = threading.Lock()

    def score(self, picture: NDArray[np.uint8]) -> float:
        """How sure it is that there is a face, 0 to 1.

        Args:
            picture: (height, width, 3) uint8 RGB.

        Raises:
            PolicyError: ``weights_missing`` or ``weights_digest``.
        """
        with self._lock:
            session = self._session = self._session or _load()
        _, scores = session.run(None, {session.get_inputs()[0].name: _prepare(picture)})
        return round(float(1 / (1 + np.exp(-np.clip(scores.max(), -80, 80)))), 6)


def _load() -> Any:
    try:
        data = files("policies").joinpath(_WEIGHTS).read_bytes()
    except OSError:
        raise PolicyError("weights_missing", f"policies/{_WEIGHTS} is missing: reinstall.") from None
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise PolicyError("weights_digest", f"policies/{_WEIGHTS} is not the expected file: reinstall.")
    return one_threaded(data)


def one_threaded(data: bytes) -> Any:
    """An ONNX network on one thread: several processes share the cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


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
