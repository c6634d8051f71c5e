"""Detector front end: what a clip's frames have in common in the mark's band."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from guard.marks.errors import MarkError
from guard.marks.frames import Frames, Plane, luma
from guard.marks.lattice import CANONICAL, canonical_size

MAX_LONG_SIDE = 4 * CANONICAL
"""Frames more stretched than 4:1 are looked at in their middle only, in canonical pixels."""
MIN_SIDE = 48
"""Shortest side of a frame in pixels that is worth looking at."""
_CLIP = 2.5
_CLIP_OF_SUM = 3.0
_BAR_RANGE = 10
_LEAST_BAR = 0.03
_LEAST_PICTURE = 0.2

Area = tuple[int, int, int, int]
"""Top, bottom, left and right of a picture within a plane, ends excluded."""


class Front:
    """From frames to planes, each the luma of a frame in canonical size.

    Args:
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.

    Raises:
        MarkError: ``mark_frame_too_small``.
    """

    def __init__(self, width: int, height: int) -> None:
        if min(width, height) < MIN_SIDE:
            raise MarkError(
                "mark_frame_too_small",
                f"Frames of {width}x{height} are too small to look for a mark; both sides must be at least "
                f"{MIN_SIDE} pixels.",
            )
        self._size = (width, height)
        self._canonical = canonical_size(width, height)
        w, h = (min(side, MAX_LONG_SIDE) for side in self._canonical)
        self._shape = (h, w)

    def luma(self, frame: Frames) -> Frames:
        """What is kept of a frame: the middle of its luma in canonical size, (h, w) uint8.

        Args:
            frame: (height, width, 3) uint8 RGB.

        Raises:
            MarkError: ``mark_size_changed``.
        """
        if (frame.shape[1], frame.shape[0]) != self._size:
            raise MarkError(
                "mark_size_changed", "The clip changes its frame size; read each part as a clip of its own."
            )
        plane = luma(frame, *self._canonical)
        height, width = self._shape
        top, left = (plane.shape[0] - height) // 2, (plane.shape[1] - width) // 2
        return np.asarray(plane[top : top + height, left : left + width], dtype=np.uint8)


class Residuals:
    """Sums whitened residuals of planes of one size.

    Args:
        shape: (h, w) of the planes.
        area: Of the planes, look at this alone, scaled to canonical size; None for all of them.
    """

    def __init__(self, shape: tuple[int, int], area: Area | None = None) -> None:
        self._area = area
        if area is not None:
            w, h = canonical_size(area[3] - area[2], area[1] - area[0])
            shape = (min(h, MAX_LONG_SIDE), min(w, MAX_LONG_SIDE))
        self._shape = shape
        self._padded = (_even_dft_size(shape[0]), _even_dft_size(shape[1]))
        self._filter = _band_pass(*self._padded)

    def total(self, planes: Iterable[Frames]) -> Plane:
        """Sum of the residuals of planes that :meth:`Front.luma` gave, (h, w) float32."""
        total = np.zeros(self._shape, np.float32)
        for plane in planes:
            total += self._residual(plane)
        return total

    def _residual(self, plane: Frames) -> Plane:
        """Band-passed, locally normalised and clipped luma of one frame."""
        height, width = self._shape
        if self._area is not None:
            top, bottom, left, right = self._area
            plane = np.asarray(
                cv2.resize(plane[top:bottom, left:right], (width, height), interpolation=cv2.INTER_CUBIC),
                np.uint8,
            )
        luma = plane.astype(np.float32)
        # what a smoothing that keeps edges leaves over: the mark, and of the picture much less than of its edges
        fine = cv2.subtract(luma, cv2.bilateralFilter(luma, 5, 12, 3))
        below, beside = self._padded[0] - height, self._padded[1] - width
        padded = cv2.copyMakeBorder(fine, 0, below, 0, beside, cv2.BORDER_REFLECT_101)
        spectrum = cv2.mulSpectrums(cv2.dft(padded), self._filter, 0)
        band = cv2.dft(spectrum, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
        inner: Plane = np.asarray(np.ascontiguousarray(band[:height, :width]), np.float32)
        quiet = cv2.divide(inner, _deviation(inner, 9) + 0.1)
        return np.asarray(np.clip(quiet, -_CLIP, _CLIP), dtype=np.float32)


def even(total: Plane) -> Plane:
    """A sum of residuals, weighted by how quiet each place is in it.

    What moves averages out and what stands still adds up, so that parts of a picture that were equally loud in
    every frame are no longer so in their sum.
    """
    scaled: Plane = np.asarray(total / (total.std() + 1e-9), np.float32)
    weighted = scaled / (_deviation(scaled, 13) + 0.3) ** 2
    weighted /= np.sqrt(np.mean(weighted**2)) + 1e-9
    return np.asarray(np.clip(weighted, -_CLIP_OF_SUM, _CLIP_OF_SUM), dtype=np.float32)


def _deviation(plane: Plane, side: int) -> Plane:
    """Local root mean square over squares of so many pixels."""
    return np.asarray(cv2.sqrt(cv2.blur(cv2.multiply(plane, plane), (side, side))), np.float32)


def picture_area(planes: Sequence[Frames]) -> Area | None:
    """Where the picture lies between bars that were put around it, or None if there are none.

    Args:
        planes: (h, w) uint8 each, as :meth:`Front.luma` gives them.
    """
    low, high = np.minimum.reduce(planes), np.maximum.reduce(planes)
    height, width = low.shape
    top, bottom = _between(low, high, 1)
    left, right = _between(low[top:bottom], high[top:bottom], 0)
    if (bottom - top) < _LEAST_PICTURE * height or (right - left) < _LEAST_PICTURE * width:
        return None
    if height - (bottom - top) < _LEAST_BAR * height and width - (right - left) < _LEAST_BAR * width:
        return None
    if min(bottom - top, right - left) < MIN_SIDE:
        return None
    return top, bottom, left, right


def _between(low: Frames, high: Frames, axis: int) -> tuple[int, int]:
    """First and last line, end excluded, that varies along ``axis`` or over time."""
    if low.size == 0:
        return 0, 0
    spread = high.max(axis=axis).astype(int) - low.min(axis=axis)
    varied = np.flatnonzero(spread > _BAR_RANGE)
    return (0, 0) if len(varied) == 0 else (int(varied[0]), int(varied[-1]) + 1)


def _even_dft_size(side: int) -> int:
    size: int = cv2.getOptimalDFTSize(side)
    while size % 2:
        size = cv2.getOptimalDFTSize(size + 1)
    return size


def _band_pass(height: int, width: int) -> Plane:
    """Whitening band-pass, (height, width) in OpenCV's packed layout of a real signal's spectrum.

    Rises with frequency, as the amplitude of pictures falls; 0.03 to 0.3 cycles per pixel pass.
    """
    fy = np.fft.fftfreq(height)[:, None]
    fx = np.fft.fftfreq(width)[None]
    f = np.hypot(fx, fy)
    response = f / (1 + np.exp(-(f - 0.03) / 0.006)) / (1 + np.exp((f - 0.30) / 0.02))
    response /= response.max()
    # the spectrum of the filter's (real, even) impulse response is the response itself, packed like any other
    impulse = np.fft.ifft2(response).real.astype(np.float32)
    return np.asarray(cv2.dft(impulse), dtype=np.float32)
