"""Frames as they come, and their luma in canonical size."""

from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from guard.marks.errors import MarkError

Frames = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]


class Chunk(Protocol):
    """Consecutive frames of a clip."""

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """(n,) seconds from the start of the clip."""

    @property
    def frames(self) -> Frames:
        """(n, height, width, 3) uint8 RGB."""


def check_frames(frames: Frames) -> None:
    """Refuse what is not a stack of RGB frames.

    Args:
        frames: To be (n, height, width, 3) uint8.

    Raises:
        MarkError: ``mark_frames_invalid``.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise MarkError(
            "mark_frames_invalid",
            f"Frames must be (n, height, width, 3) uint8 RGB, not {frames.shape} {frames.dtype}.",
        )


def luma(frame: Frames, width: int, height: int) -> Plane:
    """Luma (BT.601 weights, 0 to 255) of an RGB frame, area-averaged or interpolated to another size.

    Args:
        frame: (h, w, 3) uint8 RGB.
        width: Width of the result.
        height: Height of the result.

    Returns:
        (height, width) float32.
    """
    plane = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    # halving is by far the fastest area average, and two averages in a row are as good as one
    while plane.shape[1] >= 2 * width and plane.shape[0] >= 2 * height:
        half = (plane.shape[1] // 2, plane.shape[0] // 2)
        plane = cv2.resize(plane, half, interpolation=cv2.INTER_AREA)
    if plane.shape != (height, width):
        shrinks = plane.shape[1] >= width and plane.shape[0] >= height
        way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        plane = cv2.resize(plane, (width, height), interpolation=way)
    return np.asarray(plane, dtype=np.float32)
