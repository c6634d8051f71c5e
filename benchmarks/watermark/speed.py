"""What embedding and reading cost: processor time of one thread, since a wall clock measures other work as well."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.process import in_child, peak_memory
from benchmarks.watermark.coding import Frames
from benchmarks.watermark.contestants import KEY, chunks
from guard import marks
from guard.marks import Embedder
from guard.media import Chunk, VideoFile, encode, write_lossless
from tests import media

SIZES = {"480p": (854, 480), "720p": (1280, 720)}
SECONDS, FPS = 5, 30
_PAYLOAD = bytes(range(8))


def figures(runs: int) -> dict[str, float]:
    """The least of so many runs of each."""
    found: dict[str, float] = {}
    for name, (width, height) in SIZES.items():
        frames = np.stack(list(media.scene(width, height, 16, seed=3)))
        found[f"embed fps {name}"] = 16 / min(_embedding(frames) for _ in range(runs))
    with tempfile.TemporaryDirectory() as folder:
        plain, marked = _files(Path(folder))
        for label, path in (("there", marked), ("absent", plain)):
            taken, status = min(_reading(path) for _ in range(runs))
            assert (status == "read") == (label == "there"), status
            found[f"read {label} s"] = taken
        found["first absent s"] = min(in_child(_first, str(plain)) for _ in range(runs))
    if Path("/proc/self/clear_refs").exists():
        short, long = (in_child(_lengthy, count) for count in (2 * SECONDS * FPS, 10 * SECONDS * FPS))
        found["memory MB"] = long - short
    return {name: round(value, 3) for name, value in found.items()}


def packages(runs: int) -> list[dict[str, Any]]:
    """Milliseconds a frame of invisible-watermark as it is installed."""
    import torch
    from imwatermark import WatermarkDecoder, WatermarkEncoder

    torch.set_num_threads(1)
    rows = []
    for name, (width, height) in SIZES.items():
        frame = next(media.scene(width, height, 1, seed=3))
        for method, bits in (("dwtDct", 64), ("dwtDctSvd", 64), ("rivaGan", 32)):
            if method == "rivaGan":
                WatermarkEncoder.loadModel()
                WatermarkDecoder.loadModel()
            encoder, decoder = WatermarkEncoder(), WatermarkDecoder("bits", bits)
            encoder.set_by_bits([1, 0] * (bits // 2))
            embed = min(_timed(lambda: encoder.encode(frame, method)) for _ in range(runs))  # noqa: B023
            read = min(_timed(lambda: decoder.decode(frame, method)) for _ in range(runs))  # noqa: B023
            rows.append(
                {"method": method, "size": name, "embed ms": round(1e3 * embed), "read ms": round(1e3 * read)}
            )
    return rows


def _timed(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _embedding(frames: Frames) -> float:
    embedder = Embedder(KEY, _PAYLOAD, frames.shape[2], frames.shape[1])
    return _timed(lambda: embedder(frames))


def _reading(path: Path) -> tuple[float, str]:
    begun = time.process_time()
    status = marks.read(VideoFile(path).chunks(), [KEY]).status
    return time.process_time() - begun, status


def _files(folder: Path) -> tuple[Path, Path]:
    """Five seconds of 480p at CRF 23, without a mark and with one."""
    width, height = SIZES["480p"]
    raw = folder / "raw.avi"
    scene = media.scene(width, height, SECONDS * FPS, seed=3)
    write_lossless(raw, (frame[None] for frame in scene), width=width, height=height, fps=Fraction(FPS))
    paths = folder / "plain.mp4", folder / "marked.mp4"
    for path, transform in zip(paths, (None, Embedder(KEY, _PAYLOAD, width, height)), strict=True):
        encode(VideoFile(raw), path, transform=transform, crf=23, threads=1)
    return paths


def _lengthy(count: int) -> float:
    """Peak memory in MB of embedding and reading so many frames."""
    width, height = SIZES["480p"]
    ground = next(media.scene(width + 64, height + 64, 1, seed=3))
    embedder = Embedder(KEY, _PAYLOAD, width, height)

    def marked() -> Iterator[Chunk]:
        for i in range(0, count, 10):
            part = np.stack(
                [ground[j % 64 : j % 64 + height, j % 64 : j % 64 + width] for j in range(i, i + 10)]
            )
            yield from chunks(embedder(part))

    embedder(ground[None, :height, :width])
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of starting up
    marks.read(marked(), [KEY])
    return peak_memory()


def _first(path: str) -> float:
    """Seconds of the first reading of a fresh process."""
    return _reading(Path(path))[0]
