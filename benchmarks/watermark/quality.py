"""What marking does to the pictures."""

from __future__ import annotations

import importlib.util
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.watermark.coding import Frames

EVERY = 8
"""Every which picture SSIM looks at."""
RUN = 6
"""Pictures in a row, from the middle, that VMAF looks at."""
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def quality(original: Frames, marked: Frames) -> dict[str, float | None]:
    """PSNR over R, G and B in dB, of all pictures; SSIM of the luma of every eighth, VMAF of six in a row.

    Args:
        original: (n, height, width, 3) uint8 RGB.
        marked: the same shape.

    Returns:
        ``psnr`` (mean over pictures), ``psnr worst``, ``ssim``, ``vmaf`` (None where it can't be had).
    """
    errors = [float(np.mean((a.astype(np.float32) - b) ** 2)) for a, b in zip(original, marked, strict=True)]
    ratios = 10 * np.log10(255**2 / np.maximum(errors, 1e-9))
    middle = slice(max(0, len(original) // 2 - RUN // 2), len(original) // 2 + RUN // 2)
    return {
        "psnr": float(ratios.mean()),
        "psnr worst": float(ratios.min()),
        "ssim": float(np.mean([ssim(*pair) for pair in _pairs(original[::EVERY], marked[::EVERY])])),
        "vmaf": vmaf(_pairs(original[middle], marked[middle])) if len(original) > 1 else None,
    }


def ssim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Structural similarity of two planes of 0 to 255 (Wang et al. 2004: 11 x 11 Gaussian, sigma 1.5)."""

    def smooth(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(plane, (11, 11), 1.5)[5:-5, 5:-5])

    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    both = smooth(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    return float((above / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))).mean())


def vmaf(pairs: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float | None:
    """VMAF 0.6.1 of luma planes (original, marked), by ``vmaf-torch``; None where that is not installed."""
    if importlib.util.find_spec("vmaf_torch") is None:
        return None
    import torch

    package: Any = __import__("vmaf_torch")
    torch.set_num_threads(1)
    first, second = (
        torch.from_numpy(np.stack(planes)).float()[:, None] for planes in zip(*pairs, strict=True)
    )
    with torch.no_grad():
        return float(package.VMAF(clip_score=True, temporal_pooling=True)(first, second))


def _pairs(original: Frames, marked: Frames) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    return [(_luma(a), _luma(b)) for a, b in zip(original, marked, strict=True)]


def _luma(frame: Frames) -> NDArray[np.float64]:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.float64)
