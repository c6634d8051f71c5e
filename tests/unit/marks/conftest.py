"""Clips for the watermark's tests, marked once a session."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from guard.marks import Embedder, MarkKey, Reading, read
from tests import media

Frames = NDArray[np.uint8]
FPS = 24
PAYLOAD = bytes.fromhex("0123456789abcdef")
Read = Callable[..., Reading]
Compress = Callable[..., Frames]


@dataclass(frozen=True)
class Pictures:
    """Frames as a reader gets them."""

    times: NDArray[np.float64]
    frames: Frames


def in_chunks(frames: Frames, size: int = 32) -> Iterator[Pictures]:
    for start in range(0, len(frames), size):
        part = frames[start : start + size]
        yield Pictures(np.arange(start, start + len(part)) / FPS, part)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def key() -> MarkKey:
    return MarkKey("key-1", bytes(range(32)))


@pytest.fixture(scope="session")
def other_key() -> MarkKey:
    return MarkKey("key-2", bytes(range(32, 64)))


@pytest.fixture(scope="session")
def payload() -> bytes:
    return PAYLOAD


@pytest.fixture(scope="session")
def flat_clip() -> Frames:
    """Flat sky and ground with a ball that moves, drawn small and scaled up, (48, 720, 1280, 3)."""
    frames = np.empty((48, 720, 1280, 3), np.uint8)
    for number in range(len(frames)):
        small = np.empty((288, 512, 3), np.uint8)
        small[:170] = (120, 180, 235)
        small[170:] = (70, 140, 60)
        cv2.circle(small, (120 + 4 * number, 160), 50, (220, 60, 40), -1, cv2.LINE_AA)
        tiny = cv2.resize(small, (128, 72), interpolation=cv2.INTER_AREA)
        cv2.resize(tiny, (1280, 720), dst=frames[number], interpolation=cv2.INTER_CUBIC)
    return frames


@pytest.fixture(scope="session")
def textured_clip() -> Frames:
    """A camera over textured ground, (48, 360, 640, 3)."""
    return np.stack(list(media.scene(640, 360, 48, seed=11)))


@pytest.fixture(scope="session")
def marked_flat(flat_clip: Frames, key: MarkKey) -> Frames:
    return Embedder(key, PAYLOAD, 1280, 720)(flat_clip)


@pytest.fixture(scope="session")
def marked(textured_clip: Frames, key: MarkKey) -> Frames:
    return Embedder(key, PAYLOAD, 640, 360)(textured_clip)


@pytest.fixture(scope="session")
def read_frames(key: MarkKey) -> Read:
    def reading(frames: Frames, *keys: MarkKey) -> Reading:
        return read(in_chunks(frames), keys or [key])

    return reading


@pytest.fixture(scope="session")
def compress() -> Compress:
    """Through x264 and back, sizes cut to even numbers."""

    def through(frames: Frames, crf: int = 23) -> Frames:
        buffer = io.BytesIO()
        height, width = (side // 2 * 2 for side in frames.shape[1:3])
        with av.open(buffer, "w", format="matroska") as output:
            options = {"crf": str(crf), "preset": "veryfast"}
            stream = output.add_stream("libx264", rate=Fraction(24), options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.thread_count = 1
            for frame in frames:
                picture = np.ascontiguousarray(frame[:height, :width])
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            output.mux(stream.encode())
        buffer.seek(0)
        with av.open(buffer) as source:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)])

    return through
