"""Detector front end: what a clip's frames have in common in the mark's band."""

from collections.abc import Iterable

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


class Front:
    """Sums whitened luma residuals in canonical size.

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
        self._padded = (_even_dft_size(h), _even_dft_size(w))
        self._filter = _band_pass(*self._padded)

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

    def total(self, planes: Iterable[Frames]) -> Plane:
        """Sum of the residuals of planes that :meth:`luma` gave, (h, w) float32."""
        total = np.zeros(self._shape, np.float32)
        for plane in planes:
            total += self._residual(plane.astype(np.float32))
        return total

    def _residual(self, plane: Plane) -> Plane:
        """Band-passed, locally normalised and clipped luma of one frame."""
        height, width = self._shape
        below, right = self._padded[0] - height, self._padded[1] - width
        padded = cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REFLECT_101)
        spectrum = cv2.mulSpectrums(cv2.dft(padded), self._filter, 0)
        band = cv2.dft(spectrum, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
        band = np.ascontiguousarray(band[:height, :width])
        deviation = cv2.sqrt(cv2.blur(cv2.multiply(band, band), (15, 15))) + 0.15
        return np.asarray(np.clip(cv2.divide(band, deviation), -_CLIP, _CLIP), dtype=np.float32)


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
