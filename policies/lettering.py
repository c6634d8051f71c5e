"""Text in pictures: PP-OCRv6 (PaddlePaddle, Apache-2.0) finds lines and reads them.

The weights are two ONNX networks that the wheel ``rapidocr`` carries. The first marks the pixels of lettering (DB,
"Real-time Scene Text Detection with Differentiable Binarization", 2020); each line is then cut out, set straight and
read by the second, whose columns spell characters once repetitions and blanks are dropped (CTC).
"""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies._onnx import one_threaded
from policies.errors import PolicyError

DETECTOR, RECOGNISER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
_LONGEST, _MULTIPLE = 960, 32
_MARKED, _BOX, _UNCLIP = (
    0.3,
    0.5,
    1.6,
)  # share of ink, of a line, and how much larger the line is than its core
_LEAST_SIDE, _MOST_LINES = 5, 64
_HEIGHT, _WIDEST = 48, 2400
_READ, _SURE = 0.5, 0.9
_PLAIN = 2.0
"""Standard deviation of grey levels below which a picture is blank."""

Picture = NDArray[np.uint8]


class TextReader:
    """Reads pictures on one thread; loaded at the first one that is not blank.

    Args:
        folder: Holds both networks, whose digests were verified.
        digest: ``sha256:`` digest of the two.
    """

    id = "pp-ocrv6-small"

    def __init__(self, folder: Path, digest: str) -> None:
        self.digest = digest
        self._folder = folder
        self._networks: tuple[Any, Any, list[str]] | None = None
        self._lock = threading.Lock()

    def read(self, picture: Picture) -> list[str]:
        """Lines of text, from top to bottom; none for a blank picture.

        Args:
            picture: (height, width, 3) uint8 RGB.

        Raises:
            PolicyError: ``weights_missing``.
        """
        if float(picture[::8, ::8].std()) < _PLAIN:
            return []
        with self._lock:
            self._networks = self._networks or self._load()
        detector, recogniser, alphabet = self._networks
        lines = (_line(recogniser, alphabet, strip) for strip in _strips(detector, picture))
        return [line for line in lines if line]

    def _load(self) -> tuple[Any, Any, list[str]]:
        try:
            detector = one_threaded((self._folder / DETECTOR).read_bytes())
            recogniser = one_threaded((self._folder / RECOGNISER).read_bytes())
        except OSError:
            raise PolicyError(
                "weights_missing", "The text reader's weights are gone: fetch them again."
            ) from None
        characters = recogniser.get_modelmeta().custom_metadata_map["character"].splitlines()
        return detector, recogniser, ["", *characters, " "]


def _strips(detector: Any, picture: Picture) -> list[Picture]:
    """Upright pictures of the lines that the detector finds, from top to bottom."""
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, _LONGEST / max(height, width))
    size = [max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in (width, height)]
    (answer,) = detector.run(None, {"x": _normal(cv2.resize(picture, size))})
    ink = np.ascontiguousarray(answer[0, 0])
    mask = cv2.dilate((ink > _MARKED).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    back = np.array([width / size[0], height / size[1]])
    found = []
    for contour in contours[: _MOST_LINES * 4]:
        centre, (w, h), angle = cv2.minAreaRect(contour)
        if min(w, h) < _LEAST_SIDE - 2 or _share(ink, (centre, (w, h), angle)) < _BOX:
            continue
        grown = 2 * w * h * _UNCLIP / (2 * (w + h))
        corners = cv2.boxPoints((centre, (w + grown, h + grown), angle)) * back
        found.append((float(corners[:, 1].mean()), _cut(picture, corners.astype(np.float32))))
    found.sort(key=lambda line: line[0])
    return [strip for _, strip in found[:_MOST_LINES] if min(strip.shape[:2]) >= _LEAST_SIDE]


def _share(ink: NDArray[np.float32], box: Any) -> float:
    """Mean of the detector's answer within a box."""
    import cv2

    corners = cv2.boxPoints(box).astype(np.int32)
    x, y, w, h = cv2.boundingRect(corners)
    x, y = max(0, x), max(0, y)
    part = ink[y : y + h + 1, x : x + w + 1]
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [corners - np.array([x, y], np.int32)], 1)
    return float(part[mask > 0].mean()) if mask.any() else 0.0


def _cut(picture: Picture, corners: NDArray[np.float32]) -> Picture:
    """A box set straight; one that stands upright is laid down, as its letters then usually lie."""
    import cv2

    by_sum, by_difference = corners.sum(1), np.diff(corners, axis=1)[:, 0]
    box = corners[[by_sum.argmin(), by_difference.argmin(), by_sum.argmax(), by_difference.argmax()]]
    width, height = (int(np.linalg.norm(box[0] - box[corner])) for corner in (1, 3))
    if min(width, height) < 1:
        return np.zeros((0, 0, 3), np.uint8)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(box, target)
    strip = cv2.warpPerspective(
        picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(np.rot90(strip) if height >= 1.5 * width else strip, np.uint8)


def _line(recogniser: Any, alphabet: list[str], strip: Picture) -> str:
    """The line's text; empty if it cannot be told. What reads badly may stand on its head."""
    text, sure = _spelt(recogniser, alphabet, strip)
    if sure < _SURE:
        turned = _spelt(recogniser, alphabet, np.asarray(np.rot90(strip, 2)))
        text, sure = max((text, sure), turned, key=lambda one: one[1])
    return text if sure >= _READ else ""


def _spelt(recogniser: Any, alphabet: list[str], strip: Picture) -> tuple[str, float]:
    """Text and mean confidence of its characters."""
    import cv2

    width = min(_WIDEST, max(_HEIGHT // 2, round(strip.shape[1] * _HEIGHT / strip.shape[0])))
    (answer,) = recogniser.run(None, {"x": _normal(cv2.resize(strip, (width, _HEIGHT)))})
    best, sure = answer[0].argmax(1), answer[0].max(1)
    kept = (best != 0) & np.append(True, best[1:] != best[:-1])
    text = "".join(alphabet[index] for index in best[kept]).strip()
    return text, float(sure[kept].mean()) if text else 0.0


def _normal(picture: Any) -> NDArray[np.float32]:
    """BGR, -1 to 1: shape (1, 3, height, width)."""
    values = np.asarray(picture, np.float32)[:, :, ::-1] / 127.5 - 1
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])
