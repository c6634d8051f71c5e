"""Detector front end: what a clip's frames have in common in the mark's band, summed up as they stream by."""

import cv2
import numpy as np

from guard.marks.errors import MarkError
from guard.marks.frames import Frames, Plane, luma
from guard.marks.lattice import CANONICAL, canonical_size

MAX_FRAMES = 128
"""At most this many frames are summed, spread evenly over the clip."""
MAX_LONG_SIDE = 4 * CANONICAL
"""Frames more stretched than 4:1 are looked at in their middle only, in canonical pixels."""
MIN_SIDE = 48
"""Shortest side of a frame in pixels that is worth looking at."""
_CLIP = 2.5


class Front:
    """Sums whitened luma residuals in canonical size.

    Frames go in one by one. When more than :data:`MAX_FRAMES` have been summed, every second one is dropped
    and the step between frames doubles. To be able to drop them, frames are summed by how often two divides
    their number: a dozen planes of canonical size whatever the clip's length.

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
        self._first = np.zeros(self._shape, np.float32)
        self._sums: list[Plane] = []
        self._step = 1
        self._seen = 0
        self.frames = 0

    def add(self, frame: Frames) -> None:
        """Take the next frame of the clip; most frames of a long clip are passed over.

        Args:
            frame: (height, width, 3) uint8 RGB.

        Raises:
            MarkError: ``mark_size_changed``.
        """
        if (frame.shape[1], frame.shape[0]) != self._size:
            raise MarkError(
                "mark_size_changed", "The clip changes its frame size; read each part as a clip of its own."
            )
        number, self._seen = self._seen, self._seen + 1
        if number % self._step:
            return
        number //= self._step
        self.frames += 1
        if number == 0:
            self._first = self._residual(frame)
            return
        level = (number & -number).bit_length() - 1
        while len(self._sums) <= level:
            self._sums.append(np.zeros(self._shape, np.float32))
        self._sums[level] += self._residual(frame)
        if self.frames > MAX_FRAMES:
            del self._sums[0]
            self._step *= 2
            self.frames = (self.frames + 1) // 2

    def total(self) -> Plane:
        """Sum of the residuals, (canonical height, canonical width) float32.

        Raises:
            MarkError: ``mark_no_frames`` if none was added.
        """
        if self.frames == 0:
            raise MarkError("mark_no_frames", "The clip has no frames to read a mark from.")
        return np.asarray(np.sum([self._first, *self._sums], axis=0), dtype=np.float32)

    def _residual(self, frame: Frames) -> Plane:
        """Band-passed, locally normalised and clipped luma of one frame."""
        height, width = self._shape
        plane = luma(frame, *self._canonical)
        top, left = (plane.shape[0] - height) // 2, (plane.shape[1] - width) // 2
        plane = plane[top : top + height, left : left + width]
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
