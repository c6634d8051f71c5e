"""What a job begins from: a picture that the request brings, or the released clip that it varies.

Read in the sandbox, kept beside the job, gone with it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

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
SOURCE_TITLE = "Remixed video"
SETTINGS_ALONE = (
    "Its settings (model, size, length) were used again with another prompt, and none of its pictures."
)
"""What is said of a clip that was varied by a model that takes no pictures."""
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


@dataclass(frozen=True)
class Source(Reference):
    """The file of a released video that is to be varied, copied out of the object store.

    Attributes:
        video_id: of that video.
    """

    video_id: str


def fit(reference: Reference, width: int, height: int) -> Picture:
    """The picture as the model will see it: scaled to cover the size in pixels, and cut to it about its middle.

    Of a clip that is varied, its first picture.

    Its credentials are read too, in the same child: whatever a later step reads of it was read there before.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        MediaError: it is no JPEG, PNG or WebP picture, damaged, too large, or cannot be read in time.
    """
    kind = "video" if isinstance(reference, Source) else "image"
    arguments = {"path": str(reference.path), "kind": kind, "width": width, "height": height}
    answer = sandbox.call(
        "guard.pipeline.references:fit_here", arguments, limits=_LIMITS, readable=[reference.path]
    )
    return np.frombuffer(base64.b64decode(answer["rgb"]), np.uint8).reshape(height, width, 3)


def fit_here(arguments: dict[str, Any]) -> dict[str, Any]:
    """The child's half of `fit`."""
    path = Path(arguments["path"])
    source = VideoFile(path, limits=_READING)
    chunk = None
    info, kind = source.info, arguments["kind"]
    if info.kind == kind and (kind == "video" or info.codec in FORMATS):
        chunk = next(source.chunks(), None)
    if chunk is None:
        raise MediaError("media_unreadable", "A reference is a JPEG, PNG or WebP picture.")
    size = (arguments["width"], arguments["height"])
    fitted = ImageOps.fit(Image.fromarray(chunk.frames[0]), size, Image.Resampling.LANCZOS)
    read_credentials(path, Trust())
    return {"rgb": base64.b64encode(np.asarray(fitted).tobytes()).decode()}


def keep(folder: WorkFolder, reference: Reference, fitted: Picture | None) -> None:
    """Put both forms of it into the job's folder, mode 0600, on disk before this returns.

    Args:
        folder: the job's.
        reference: as it was sent or released.
        fitted: as the model sees it; None for a model that takes no pictures.
    """
    with reference.path.open("rb") as source, _new(folder.reference) as file:
        shutil.copyfileobj(source, file)
    noted = {"original": {"digest": digest_of(folder.reference)}}
    if fitted is not None:
        with _new(folder.fitted) as file:
            Image.fromarray(fitted).save(file, "PNG", compress_level=1)
        noted["fitted"] = {"digest": digest_of(folder.fitted)}
    folder.note("reference", noted)


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def kept(folder: WorkFolder) -> Picture:
    """The picture as the model sees it.

    Raises:
        PipelineError: ``reference_lost``.
    """
    noted = folder.noted("reference") or {}
    if not (intact(folder.reference, noted.get("original")) and intact(folder.fitted, noted.get("fitted"))):
        raise _lost()
    with Image.open(folder.fitted, formats=("PNG",)) as image:  # our own file, by its digest
        return np.asarray(image.convert("RGB"))


def ingredients(folder: WorkFolder, *, remixed: bool, seen: bool) -> tuple[Ingredient, ...]:
    """What the manifest says of it; its own credentials go along.

    Args:
        folder: the job's.
        remixed: whether it is a clip of ours that is varied.
        seen: whether the model saw a picture of it.

    Raises:
        PipelineError: ``reference_lost``.
    """
    if not intact(folder.reference, (folder.noted("reference") or {}).get("original")):
        raise _lost()
    if not remixed:
        return (Ingredient(folder.reference, TITLE, "inputTo"),)
    if seen:
        return (Ingredient(folder.reference, SOURCE_TITLE, "parentOf"),)
    return (Ingredient(folder.reference, SOURCE_TITLE, "inputTo", SETTINGS_ALONE),)


def _lost() -> PipelineError:
    return PipelineError(
        "reference_lost", "What the job begins from is gone or damaged; send the request again."
    )
