"""Still pictures (PNG, JPEG, WebP, AVIF) through Pillow, which tells the size before it decodes anything."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from guard.media.errors import MediaError
from guard.media.files import whole
from guard.media.info import ClipInfo, Frames, FrameSource, ReadLimits

BEST = 100
"""Quality of a compressed picture where nothing else is asked for."""
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF")
_ORIENTATION = 0x0112
_SIDEWAYS = {5, 6, 7, 8}


def is_still(path: Path) -> bool:
    """Whether the file's first bytes are those of a still picture that this module reads."""
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"acTL" not in head  # an animated PNG goes to the video reader
    if head.startswith(b"\xff\xd8\xff"):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return True
    return head[4:12] in {b"ftypavif", b"ftypmif1"}


def describe(path: Path, limits: ReadLimits) -> ClipInfo:
    """Size and format of a still picture, from its header alone.

    Raises:
        MediaError: ``media_bomb`` or ``media_unreadable``.
    """
    with _open(path, limits) as image:
        width, height = image.size
        try:
            sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
        except (OSError, SyntaxError, ValueError, struct.error):  # broken EXIF; the picture may be fine
            sideways = False
        if sideways:
            width, height = height, width
        name = str(image.format).lower()
    return ClipInfo(width, height, Fraction(0), 1, 0.0, name, name, audio=False, kind="image")


def decode(path: Path, limits: ReadLimits) -> Frames:
    """A still picture as upright RGB, shape (1, height, width, 3); of an animated WebP the first picture.

    Raises:
        MediaError: ``media_bomb``, ``media_truncated`` or ``media_unreadable``.
    """
    with _open(path, limits) as image:
        try:
            upright = ImageOps.exif_transpose(image)
            if upright.mode in {"RGBA", "LA", "PA", "P"}:  # shown on white, as a viewer's page would
                rgba = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
            return np.asarray(upright.convert("RGB"))[None]
        except MemoryError:
            raise
        except (OSError, SyntaxError, ValueError) as error:
            cut = "truncated" in str(error).lower()
            code = "media_truncated" if cut else "media_unreadable"
            raise MediaError(code, "The picture could not be decoded; send the complete original.") from error


def write_still(
    source: FrameSource,
    out: Path,
    file_format: str,
    *,
    quality: int | None = None,
    transform: Callable[[Frames], Frames] = lambda frames: frames,
) -> None:
    """Write a source's only picture as a file of its own, mode 0600.

    Args:
        source: of exactly one picture.
        out: replaced atomically.
        file_format: ``png``, ``jpeg`` or ``webp``.
        quality: of JPEG and WebP, 0 to 100; None for the best.
        transform: applied to the picture, (1, height, width, 3) uint8 to the same shape.

    Raises:
        MediaError: ``media_write_failed``, ``media_no_video``, and what reading the source raises.
    """
    pictures = [frame for chunk in source.chunks() for frame in transform(chunk.frames)]
    if len(pictures) != 1:
        raise MediaError("media_no_video", f"One picture was expected, not {len(pictures)}.")
    options: dict[str, Any] = (
        {} if file_format == "png" else {"quality": BEST if quality is None else quality}
    )
    with whole(out) as draft:
        Image.fromarray(pictures[0]).save(draft, file_format.upper(), **options)


def _open(path: Path, limits: ReadLimits) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_many(limits) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise MediaError(
            "media_unreadable", "The picture cannot be read; send it as PNG, JPEG, WebP or AVIF."
        ) from error
    if image.width * image.height > limits.pixels:
        image.close()
        raise _too_many(limits)
    return image


def _too_many(limits: ReadLimits) -> MediaError:
    return MediaError("media_bomb", f"The picture has more than {limits.pixels} pixels; send a smaller one.")
