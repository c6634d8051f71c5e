"""What pipelines return, as frames of exactly the size that was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray

from generator.errors import GeneratorError
from generator.types import CHUNK_FRAMES, Frames, Sound


def spill(result: Any, file: IO[bytes], width: int, height: int, frames: int) -> None:
    """Write a result's first `frames` pictures, their middle of `width` x `height`, as raw RGB, one by one.

    Raises:
        GeneratorError: generation_failed.
    """
    pictures = _pictures(result)
    if len(pictures) < frames:
        raise GeneratorError("generation_failed", "the pipeline returned too few frames")
    for i in range(frames):
        picture = _as_bytes(pictures[i])
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        if top < 0 or left < 0:
            raise GeneratorError("generation_failed", "the pipeline returned frames that are too small")
        file.write(picture[top : top + height, left : left + width].tobytes())


def chunks(file: IO[bytes], width: int, height: int, frames: int) -> Iterator[Frames]:
    """Read back what `spill` wrote, at most 32 frames at a time."""
    size = height * width * 3
    file.seek(0)
    for start in range(0, frames, CHUNK_FRAMES):
        count = min(CHUNK_FRAMES, frames - start)
        data = np.frombuffer(file.read(count * size), np.uint8)
        yield data.reshape(count, height, width, 3)


def sound_of(result: Any, pipeline: Any, seconds: float) -> Sound | None:
    """A result's sound, cut to the length of the clip; None for a pipeline without.

    Raises:
        GeneratorError: generation_failed.
    """
    audio = getattr(result, "audio", None)
    if audio is None:
        return None
    config = getattr(getattr(pipeline, "vocoder", None), "config", None)
    rate = getattr(config, "output_sampling_rate", None)
    if rate is None:
        raise GeneratorError("generation_failed", "the pipeline returned sound and does not say its rate")
    wave = audio.detach().float().cpu().numpy() if isinstance(audio, torch.Tensor) else np.asarray(audio)
    wave = wave[0]  # of a batch of one; then (channels, n), or (n,) for a single channel
    samples = np.atleast_2d(np.asarray(wave, np.float32)).T[: round(seconds * rate), :2]
    if not np.isfinite(samples).all():
        raise GeneratorError("generation_failed", "the pipeline returned numbers that are no sound")
    return Sound(np.clip(samples, -1, 1), int(rate))


def _pictures(result: Any) -> Sequence[Any]:
    """The first clip's frames, or the pictures of a pipeline that makes stills."""
    clips = getattr(result, "frames", None)
    if clips is not None:
        return clips[0] if len(clips) else ()
    pictures = getattr(result, "images", None)
    return () if pictures is None else pictures


def _as_bytes(picture: Any) -> NDArray[np.uint8]:
    if isinstance(picture, torch.Tensor):
        picture = picture.detach().float().cpu().movedim(0, -1).numpy()
    array = np.asarray(picture)
    if array.dtype == np.uint8:
        return array
    # Half precision overflows in some models' decoders; what comes out then is no picture.
    if not np.isfinite(array).all():
        raise GeneratorError("generation_failed", "the pipeline returned numbers that are no picture")
    return np.asarray(np.round(np.clip(array, 0, 1) * 255), np.uint8)
