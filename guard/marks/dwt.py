"""``dwtDct`` and ``dwtDctSvd`` of the package ``invisible-watermark``, with its loops over blocks run as arrays.

The package walks through the blocks of a picture one at a time in Python. Here the same arithmetic is done on all
blocks at once, ten times as fast; a test holds the results against the package's own.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from guard.marks.errors import MarkError

Floats = npt.NDArray[np.float64]


def _module(name: str) -> ModuleType:
    """A file of the package by itself: importing the package would load PyTorch, which only rivaGan needs."""
    package = importlib.util.find_spec("imwatermark")
    places = None if package is None else package.submodule_search_locations
    if not places or not (source := Path(places[0]) / f"{name}.py").is_file():
        raise MarkError(
            "mark_codec_missing", f"{name} needs a package; pip install invisible-watermark==0.2.0"
        )
    spec = importlib.util.spec_from_file_location(f"_imwatermark_{name}", source)
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Svd(_module("dwtDctSvd").EmbedDwtDctSvd):  # type: ignore[misc]
    """``dwtDctSvd``: the greatest singular value of each block of 4 x 4 is moved to a quarter of its step."""

    def encode_frame(self, frame: Floats, scale: int) -> None:
        """Move the blocks of an approximation plane, in place."""
        blocks = _blocks(frame, self._block)
        u, s, v = np.linalg.svd(blocks)
        bits = np.resize(np.asarray(self._watermarks, np.float64), len(blocks))
        moved = (s[:, 0] // scale + 0.25 + 0.5 * bits) * scale - s[:, 0]
        blocks += moved[:, None, None] * (u[:, :, :1] @ v[:, :1, :])
        _put(frame, blocks, self._block)

    def decode_frame(self, frame: Floats, scale: int, scores: list[list[Any]]) -> list[Any]:
        """The blocks' votes for each bit."""
        return _dealt(self.phases(frame, scale) > 0.5, scores)

    def phases(self, frame: Floats, scale: int) -> Floats:
        """(blocks,) where in its step each singular value lies, 0 to 1; from a half on it says one."""
        # a DCT is a rotation, and leaves singular values as they are
        blocks = _blocks(frame, self._block)
        values = np.sqrt(np.linalg.eigvalsh(blocks.swapaxes(1, 2) @ blocks)[:, -1])
        return np.asarray((values % scale) / scale)


class MaxDct(_module("maxDct").EmbedMaxDct):  # type: ignore[misc]
    """``dwtDct``: the greatest other value of each block of 4 x 4 is moved to a quarter of its step."""

    def encode_frame(self, frame: Floats, scale: int) -> None:
        """Move the blocks of an approximation plane, in place."""
        blocks = _blocks(frame, self._block)
        flat = blocks.reshape(len(blocks), -1)
        at = np.abs(flat[:, 1:]).argmax(axis=1) + 1
        rows = np.arange(len(flat))
        value = flat[rows, at]
        bits = np.resize(np.asarray(self._watermarks, np.float64), len(blocks))
        sign = np.where(value >= 0, 1.0, -1.0)
        flat[rows, at] = sign * (np.abs(value) // scale + 0.25 + 0.5 * bits) * scale
        _put(frame, blocks, self._block)

    def decode_frame(self, frame: Floats, scale: int, scores: list[list[Any]]) -> list[Any]:
        """The blocks' votes for each bit."""
        return _dealt(self.phases(frame, scale) > 0.5, scores)

    def phases(self, frame: Floats, scale: int) -> Floats:
        """(blocks,) where in its step each block's greatest value lies, 0 to 1."""
        flat = np.abs(_blocks(frame, self._block).reshape(-1, self._block**2))
        return np.asarray((flat[:, 1:].max(axis=1) % scale) / scale)


def soft(of: Svd | MaxDct, bgr: npt.NDArray[np.uint8]) -> Floats:
    """(bits,) how surely the blocks of a picture say zero (positive) or one, added up for each bit.

    A block is surest at a quarter of its step and knows nothing at a half. Where the package averages hard votes,
    this keeps what they were worth.
    """
    height, width = (side // 4 * 4 for side in bgr.shape[:2])
    chroma = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV)[:height, :width, 1].astype(np.float64)
    # Haar's approximation is twice the mean of four neighbours
    halved = cv2.resize(chroma, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    approximation: Floats = 2 * np.asarray(halved, np.float64)
    votes = np.sin(2 * np.pi * of.phases(approximation, of._scales[1]))
    sums: Floats = np.bincount(np.arange(len(votes)) % of._wmLen, votes, of._wmLen).astype(np.float64)
    return sums


def _blocks(plane: Floats, side: int) -> Floats:
    """(blocks, side, side), a copy, row by row."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    cut = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.swapaxes(1, 2).reshape(-1, side, side).copy()


def _put(plane: Floats, blocks: Floats, side: int) -> None:
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    back = blocks.reshape(rows, columns, side, side).swapaxes(1, 2).reshape(rows * side, columns * side)
    plane[: rows * side, : columns * side] = back


def _dealt(votes: npt.NDArray[Any], scores: list[list[Any]]) -> list[Any]:
    """Block n votes for bit n modulo their number."""
    return [list(votes[i :: len(scores)]) for i in range(len(scores))]
