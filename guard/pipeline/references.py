"""A picture that a request brings: read in the sandbox, kept beside the job, gone with it."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from guard.credentials import Ingredient, Trust
from guard.credentials.reading import read as read_credentials
from guard.media import MediaError, ReadLimits, VideoFile, sandbox
from guard.media.sandbox import Limits
from guard.pipeline.errors import PipelineError
from guard.pipeline.workfolder import WorkFolder, digest_of, intact

Picture = NDArray[np.uint8]

FORMATS = ("jpeg", "png", "webp")
TITLE = "Reference picture"
_LIMITS = Limits(seconds=30, cpu_seconds=30, output_bytes=32 * 1024 * 1024)
_READING = ReadLimits(pixels=50_000_000)


@dataclass(frozen=True)
class Reference:
    """A picture as it was sent.

    Attributes:
        path: where it lies, for as long as the request lasts.
        digest: hex sha256 of its bytes.
    """

    path: Path
    digest: str

    @classmethod
    def of(cls, path: Path) -> Reference:
        """The picture in a file.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            return cls(path, hashlib.file_digest(file, "sha256").hexdigest())


def fit(reference: Reference, width: int, height: int) -> Picture:
    """The picture as the model will see it: scaled to cover the size in pixels, and cut to it about its middle.

    Its credentials are read too, in the same child: whatever a later step reads of it was read there before.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        MediaError: it is no JPEG, PNG or WebP picture, damaged, too large, or cannot be read in time.
    """
    arguments = {"path": str(reference.path), "width": width, "height": height}
    answer = sandbox.call(
        "guard.pipeline.references:fit_here", arguments, limits=_LIMITS, readable=[reference.path]
    )
    return np.frombuffer(base64.b64decode(answer["rgb"]), np.uint8).reshape(height, width, 3)


def fit_here(arguments: dict[str, Any]) -> dict[str, Any]:
    """The child's half of `fit`."""
    path = Path(arguments["path"])
    source = VideoFile(path, limits=_READING)
    chunk = None
    if source.info.kind == "image" and source.info.codec in FORMATS:
        chunk = next(source.chunks(), None)
    if chunk is None:
        raise MediaError("media_unreadable", "A reference is a JPEG, PNG or WebP picture.")
    size = (arguments["width"], arguments["height"])
    fitted = ImageOps.fit(Image.fromarray(chunk.frames[0]), size, Image.Resampling.LANCZOS)
    read_credentials(path, Trust())
    return {"rgb": base64.b64encode(np.asarray(fitted).tobytes()).decode()}


def keep(folder: WorkFolder, reference: Reference, fitted: Picture) -> None:
    """Put both forms of the picture into the job's folder, mode 0600, on disk before this returns."""
    for path in (folder.reference, folder.fitted):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if path == folder.fitted:
                Image.fromarray(fitted).save(file, "PNG", compress_level=1)
            else:
                with reference.path.open("rb") as source:
                    shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
    folder.note(
        "reference",
        {"original": {"digest": digest_of(folder.reference)}, "fitted": {"digest": digest_of(folder.fitted)}},
    )


def kept(folder: WorkFolder) -> Picture:
    """The picture as the model sees it.

    Raises:
        PipelineError: ``reference_lost``.
    """
    noted = folder.noted("reference") or {}
    if not (intact(folder.reference, noted.get("original")) and intact(folder.fitted, noted.get("fitted"))):
        raise PipelineError(
            "reference_lost", "The reference picture is gone or damaged; send the request again."
        )
    with Image.open(folder.fitted, formats=("PNG",)) as image:  # our own file, by its digest
        return np.asarray(image.convert("RGB"))


def ingredients(folder: WorkFolder) -> tuple[Ingredient, ...]:
    """What the manifest says of it; its own credentials go along.

    Raises:
        PipelineError: ``reference_lost``.
    """
    kept(folder)
    return (Ingredient(folder.reference, TITLE, "inputTo"),)
