"""A generator for tests: fast, deterministic, moving textured pictures. Not a model, and never offered as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from generator import GeneratedClip, GenerationRequest, GeneratorInfo

INFO = GeneratorInfo(
    id="test-pictures",
    name="test-pictures",
    revision="1",
    digest="sha256:" + "0" * 63 + "1",
    licence="Apache-2.0",
    sizes=((640, 360), (1280, 720), (720, 1280), (512, 512), (1024, 1024)),
    seconds=(2, 4, 8, 12),
    fps=12,
    accepts_reference=False,
    produces_audio=False,
    makes_pictures=True,
)


class PictureGenerator:
    """Cuts a moving window out of a textured picture that the seed fixes."""

    info = INFO

    def generate(
        self, request: GenerationRequest, *, progress: Callable[[float], None] | None = None
    ) -> GeneratedClip:
        """Two to twelve seconds of pictures in chunks of 12 frames, or a single one."""
        frames = request.seconds * INFO.fps or 1
        return GeneratedClip(
            width=request.width,
            height=request.height,
            fps=INFO.fps,
            frames=frames,
            chunks=_chunks(request, frames, progress),
        )


def _chunks(
    request: GenerationRequest, frames: int, progress: Callable[[float], None] | None
) -> Iterator[NDArray[np.uint8]]:
    width, height = request.width, request.height
    random = np.random.default_rng(request.seed)
    canvas = np.zeros((height + 2 * frames, width + 2 * frames, 3), np.float32)
    for cells in (6, 17, 60):
        noise = random.random((cells, cells, 3)).astype(np.float32)
        canvas += cv2.resize(noise, (canvas.shape[1], canvas.shape[0]), interpolation=cv2.INTER_CUBIC) / 3
    picture = np.clip(canvas * 255, 0, 255).astype(np.uint8)
    for start in range(0, frames, INFO.fps):
        end = min(frames, start + INFO.fps)
        yield np.stack([picture[i : i + height, 2 * i : 2 * i + width] for i in range(start, end)])
        if progress is not None:
            progress(end / frames)


class ReferenceGenerator(PictureGenerator):
    """Moves the reference picture sideways, where it is given one."""

    info = dataclasses.replace(INFO, accepts_reference=True)

    def generate(
        self, request: GenerationRequest, *, progress: Callable[[float], None] | None = None
    ) -> GeneratedClip:
        """The reference, or what `PictureGenerator` makes."""
        clip = super().generate(request, progress=progress)
        if request.reference is None:
            return clip
        picture = request.reference
        moved = (
            np.stack([np.roll(picture, 2 * i, axis=1) for i in range(start, start + INFO.fps)])
            for start in range(0, clip.frames, INFO.fps)
        )
        return dataclasses.replace(clip, chunks=moved)
