"""Pictures in data URLs: decoded in the sandbox, handed over small."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from guard.api.errors import ApiError, status_of
from guard.media import MediaError, ReadLimits, VideoFile, sandbox
from guard.media.sandbox import Limits

MOST_BYTES = 20 * 1024 * 1024
"""Of one picture, decoded from base64."""
SIDE = 960
"""Longest side, in pixels, of what leaves the sandbox; text is read at no more, and scorers look at less."""
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)
_LIMITS = Limits(seconds=90, cpu_seconds=20)  # so that the work decides, not how busy the machine is
_READING = ReadLimits(pixels=50_000_000)
_NO_PICTURE = (  # the reader's own words name clips as well
    "This is no still picture that can be read; send PNG, JPEG, WebP, AVIF, or a GIF of one picture."
)


def decode_data_url(url: str, folder: Path) -> NDArray[np.uint8]:
    """The picture in a data URL, at most `SIDE` pixels on its longer side.

    Args:
        url: ``data:image/…;base64,…``.
        folder: for the file that the sandboxed child reads.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        ApiError: ``remote_url_refused``, ``image_unreadable``, ``image_too_large``, or the picture cannot be decoded.
    """
    data = data_of(url, param="input")
    path = folder / f"picture-{secrets.token_hex(16)}"
    try:
        write_private(path, data)
        answer = sandbox.call("guard.api.pictures:read_small", str(path), limits=_LIMITS, readable=[path])
    except MediaError as error:
        message = _NO_PICTURE if error.code == "media_unreadable" else str(error)
        raise ApiError(status_of(error.code), error.code, message, param="input") from None
    finally:
        path.unlink(missing_ok=True)
    pixels = np.frombuffer(base64.b64decode(answer["rgb"]), np.uint8)
    return pixels.reshape(answer["height"], answer["width"], 3)


def data_of(url: str, *, param: str) -> bytes:
    """The bytes in a data URL.

    Args:
        url: ``data:image/…;base64,…``; nothing else is followed.
        param: the field that it came in.

    Raises:
        ApiError: ``remote_url_refused``, ``image_unreadable``, ``image_too_large``.
    """
    head = _DATA_URL.match(url)
    if head is None:
        raise ApiError(
            400,
            "remote_url_refused",
            "Send the picture itself as a data URL (data:image/png;base64,…); nothing is fetched from elsewhere.",
            param=param,
        )
    large = ApiError(
        413, "image_too_large", f"Pictures of at most {MOST_BYTES} bytes are taken.", param=param
    )
    if len(url) > MOST_BYTES * 4 // 3 + 100:  # before anything is decoded
        raise large
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(400, "image_unreadable", "The data URL is not valid base64.", param=param) from None
    if len(data) > MOST_BYTES:
        raise large
    return data


def write_private(path: Path, data: bytes) -> None:
    """A new file that nobody but this process's user reads."""
    path.touch(0o600, exist_ok=False)
    path.write_bytes(data)


def read_small(path: str) -> dict[str, Any]:
    """The child's half of `decode_data_url`.

    Raises:
        MediaError: it is no picture, or a damaged one.
    """
    source = VideoFile(path, limits=_READING)
    # GIF and HEIC are read as clips; one of a single picture is a still picture all the same.
    pictures = source.chunks() if source.info.kind != "audio" else iter(())
    chunk = next(pictures, None)
    if chunk is None or len(chunk.frames) > 1 or next(pictures, None) is not None:
        raise MediaError("media_unreadable", "This is not a still picture that can be read.")
    image = Image.fromarray(chunk.frames[0])
    image.thumbnail((SIDE, SIDE))
    return {
        "width": image.width,
        "height": image.height,
        "rgb": base64.b64encode(np.asarray(image).tobytes()).decode(),
    }
