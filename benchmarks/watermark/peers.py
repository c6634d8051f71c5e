"""The peers as their packages make them, with the loops over blocks run as arrays.

``invisible-watermark`` walks through the blocks of a picture one at a time in Python. Here the same arithmetic
is done on all blocks at once, which is what lets a whole suite run; a test holds the results against the
package's own. Times are measured with the package as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from imwatermark.dwtDctSvd import EmbedDwtDctSvd
from imwatermark.maxDct import EmbedMaxDct
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Svd(EmbedDwtDctSvd):  # type: ignore[misc]
    """``dwtDctSvd``: the greatest singular value of each block of 4 x 4 is moved to a quarter of its step."""

    def encode_frame(self, frame: Floats, scale: int) -> None:
        """Move the blocks of an approximation plane, in place."""
        blocks = _blocks(frame, self._block)
        u, s, v = np.linalg.svd(blocks)
        bits = np.resize(np.asarray(self._watermarks, np.float64), len(blocks))
        moved = (s[:, 0] // scale + 0.25 + 0.5 * bits) * scale - s[:, 0]
        blocks += moved[:, None, None] * (u[:, :, :1] @ v[:, :1, :])
        _put(frame, blocks, self._block)

    def phases(self, frame: Floats, scale: int) -> Floats:
        """(blocks,) where in its step each singular value lies, 0 to 1; from a half on it says one."""
        # a DCT is a rotation, and leaves singular values as they are
        values = np.linalg.svd(_blocks(frame, self._block), compute_uv=False)[:, 0]
        return np.asarray((values % scale) / scale)

    def decode_frame(self, frame: Floats, scale: int, scores: list[list[Any]]) -> list[Any]:
        """The blocks' votes for each bit."""
        return _dealt(self.phases(frame, scale) > 0.5, scores)


class Soft(Svd):
    """As :class:`Svd`, with how surely each block votes: one at a quarter, zero half a step away."""

    def decode_frame(self, frame: Floats, scale: int, scores: list[list[Any]]) -> list[Any]:
        """The blocks' soft votes for each bit, positive for zero."""
        return _dealt(np.sin(2 * np.pi * self.phases(frame, scale)), scores)

    def decode(self, bgr: NDArray[np.uint8]) -> Floats:
        """(bits,) sums of soft votes over one picture."""
        self.sums: Floats = np.zeros(self._wmLen)
        super().decode(bgr)
        return self.sums


class MaxDct(EmbedMaxDct):  # type: ignore[misc]
    """``dwtDct``: the greatest other value of each block of 4 x 4 is moved."""

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
        flat = np.abs(_blocks(frame, self._block).reshape(-1, self._block**2))
        return _dealt(flat[:, 1:].max(axis=1) % scale > 0.5 * scale, scores)


def _blocks(plane: Floats, side: int) -> Floats:
    """(blocks, side, side), a copy, row by row."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    cut = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.swapaxes(1, 2).reshape(-1, side, side).copy()


def _put(plane: Floats, blocks: Floats, side: int) -> None:
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    back = blocks.reshape(rows, columns, side, side).swapaxes(1, 2).reshape(rows * side, columns * side)
    plane[: rows * side, : columns * side] = back


def _dealt(votes: NDArray[Any], scores: list[list[Any]]) -> list[Any]:
    """Block n votes for bit n modulo their number."""
    return [list(votes[i :: len(scores)]) for i in range(len(scores))]
