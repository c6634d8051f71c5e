"""PDQ, Facebook's open perceptual hash of a picture, 256 bits.

Source: "PDQ & TMK + PDQF", Facebook, 2019, and the reference implementation in ThreatExchange. Its only Python
binding has to be compiled where it is installed (see ``docs/decisions/0007-pdq.md``).

The reference blurs the picture with two passes of a box filter, keeps 64 x 64 pixels of it, and takes 16 x 16
coefficients of their cosine transform. All of that is linear; its weights are made once for each size.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from guard.media import Frames

_SMALL = 64
_KEPT = 16
_PASSES = 2
_LUMA = np.array([0.299, 0.587, 0.114])


def pdq(picture: Frames) -> tuple[bytes, int]:
    """The hash of a picture.

    Args:
        picture: shape (height, width, 3), uint8, RGB, at least 64 pixels a side.

    Returns:
        32 bytes, and the quality from 0 to 100: how much texture the picture has.
    """
    small = _reduced(_reduced(picture @ _LUMA).T).T
    coefficients = (_cosines() @ small @ _cosines().T).ravel()
    median = np.sort(coefficients)[coefficients.size // 2 - 1]  # the lower of the two, as the reference takes
    return np.packbits((coefficients > median)[::-1]).tobytes(), _quality(small)


def _quality(small: NDArray[np.float64]) -> int:
    """Sum of the steps between neighbours, each in whole per cent of full scale, so that noise counts nothing."""
    steps = (np.trunc(np.diff(small, axis=axis) * 100 / 255) for axis in (0, 1))
    return min(100, int(sum(np.abs(step).sum() for step in steps)) // 90)


def _reduced(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blur and decimate the rows: shape (n, m) to (64, m)."""
    rows, weights = _reduction(len(plane))
    # Not a product of matrices: those few numbers would wake every thread of the linear algebra.
    return np.asarray(np.einsum("rk,rkm->rm", weights, plane[rows]))


@lru_cache(maxsize=8)
def _reduction(size: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which rows make each of the 64, and with what weight: twice shape (64, k). 64 rows stay as they are."""
    if size == _SMALL:
        return np.arange(size)[:, None], np.ones((size, 1))
    window = -(-size // (2 * _SMALL))
    ahead = (window + 2) // 2 - 1
    distance = np.arange(size)[None] - np.arange(size)[:, None]
    box = ((distance <= ahead) & (distance > ahead - window)).astype(float)
    box /= box.sum(axis=1, keepdims=True)  # at the borders the window is smaller
    centres = ((np.arange(_SMALL) + 0.5) * size / _SMALL).astype(int)
    blurred = np.linalg.matrix_power(box, _PASSES)[centres]
    width = int((blurred > 0).sum(axis=1).max())
    rows = np.minimum((blurred > 0).argmax(axis=1), size - width)[:, None] + np.arange(width)
    return rows, np.take_along_axis(blurred, rows, axis=1)


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    """The cosine transform without its constant term: shape (16, 64)."""
    rows, columns = np.arange(1, _KEPT + 1)[:, None], np.arange(_SMALL)[None]
    return np.asarray(np.sqrt(2 / _SMALL) * np.cos(np.pi / (2 * _SMALL) * rows * (2 * columns + 1)))
