"""Clips as 4:2:0 planes, and what FFmpeg's filters and encoders make of them, in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]

ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"preset": "medium", "threads": "1"}),
    "h264-fast": ("libx264", {"preset": "veryfast", "threads": "1"}),
    "hevc": ("libx265", {"preset": "fast", "x265-params": "log-level=none:pools=none:frame-threads=1"}),
    "vp9": ("libvpx-vp9", {"b": "0", "deadline": "good", "cpu-used": "5", "threads": "1"}),
    "av1": ("libsvtav1", {"preset": "10", "svtav1-params": "lp=1"}),
}
"""Name: FFmpeg's encoder and its settings but for the quality, ``crf``."""


@dataclass(frozen=True)
class Clip:
    """Pictures in the form in which they are coded.

    Attributes:
        planes: (n, height * 3 / 2, width) uint8, I420.
        fps: pictures a second.
    """

    planes: Frames
    fps: Fraction

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.planes.shape[2])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.planes.shape[1]) * 2 // 3

    def of(self, planes: Frames, fps: Fraction | None = None) -> Clip:
        """Other pictures, at the same rate where none is given."""
        return replace(self, planes=planes, fps=fps or self.fps)


def from_rgb(frames: Frames, fps: Fraction) -> Clip:
    """Subsample (n, height, width, 3) uint8 RGB of even sides to 4:2:0."""
    converted = (av.VideoFrame.from_ndarray(frame, format="rgb24") for frame in frames)
    return Clip(np.stack([frame.reformat(format="yuv420p").to_ndarray() for frame in converted]), fps)


def to_rgb(clip: Clip) -> Frames:
    """(n, height, width, 3) uint8 RGB."""
    return np.stack([frame.to_ndarray(format="rgb24") for frame in _frames(clip)])


def filtered(clip: Clip, *chain: tuple[str, str]) -> Clip:
    """What a chain of FFmpeg's filters makes of a clip; none of them may change its length."""
    graph = av.filter.Graph()
    nodes = [
        graph.add_buffer(width=clip.width, height=clip.height, format="yuv420p", time_base=1 / clip.fps),
        *(graph.add(name, argument) for name, argument in chain),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    pictures: list[Frames] = []
    for frame in [*_frames(clip), None]:
        graph.push(frame)
        pictures += (picture.to_ndarray() for picture in _pulled(graph))
    return clip.of(np.stack(pictures))


def coded(clip: Clip, encoder: str, crf: int, **more: str) -> Clip:
    """Encode and decode again.

    Args:
        clip: with even sides.
        encoder: one of `ENCODERS`.
        crf: constant quality, in the encoder's own scale.
        more: further settings of the encoder.
    """
    name, options = ENCODERS[encoder]
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream: Any = output.add_stream(name, rate=clip.fps, options={**options, "crf": str(crf), **more})
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in _frames(clip):
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    file.seek(0)
    with av.open(file) as coded_file:
        coded_file.streams.video[0].codec_context.thread_count = 1
        pictures = [frame.to_ndarray() for frame in coded_file.decode(video=0)]
    return clip.of(np.stack(pictures))


def decoded(path: str, most: int) -> tuple[Iterable[av.VideoFrame], Fraction]:
    """The first pictures of a file and their rate."""
    with av.open(path) as source:
        stream = source.streams.video[0]
        stream.codec_context.thread_count = 1
        frames = [frame for frame, _ in zip(source.decode(stream), range(most), strict=False)]
        return frames, Fraction(stream.average_rate or 25).limit_denominator(1001)


def _frames(clip: Clip) -> Iterator[av.VideoFrame]:
    for number, planes in enumerate(clip.planes):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv420p")
        frame.pts, frame.time_base = number, 1 / clip.fps
        yield frame


def _pulled(graph: Any) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.pull()
        except (BlockingIOError, EOFError):
            return
