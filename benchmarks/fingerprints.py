"""How well fingerprints hold: the same clip after edits, and different clips against each other.

Usage: python benchmarks/fingerprints.py [--clips FOLDER] [--most 40]

Without a folder the clips are textured scenes made here. With one, its video files are used, each cut to 4
seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from guard.fingerprints import Fingerprint, Index, compare, compute
from guard.media import Chunk, ClipInfo, Frames, MediaError, VideoFile, encode
from tests import media

SECONDS = 4.0
SUFFIXES = {".mp4", ".mov", ".webm", ".mkv", ".avi"}


class Edited:
    """A source with every picture changed, or cut short."""

    def __init__(self, source: VideoFile, change: Callable[[Frames], Frames], start: float = 0.0) -> None:
        self.source, self.change, self.start = source, change, start
        first = change(next(source.chunks()).frames[:1])
        height, width = first.shape[1:3]
        old = source.info
        self.info = ClipInfo(width, height, old.fps, None, SECONDS, old.codec, old.container, False, "video")

    def chunks(self, *, every: int = 1, span: tuple[float, float] | None = None) -> Iterator[Chunk]:
        """The edited pictures; `span` is the source's own."""
        for chunk in self.source.chunks(every=every, span=(self.start, SECONDS)):
            yield Chunk(chunk.times - self.start, chunk.picture_types, self.change(chunk.frames))


def even(frames: Frames) -> Frames:
    height, width = frames.shape[1] // 2 * 2, frames.shape[2] // 2 * 2
    return np.ascontiguousarray(frames[:, :height, :width])


def scaled(share: float) -> Callable[[Frames], Frames]:
    def change(frames: Frames) -> Frames:
        size = (round(frames.shape[2] * share), round(frames.shape[1] * share))
        return even(np.stack([np.asarray(Image.fromarray(frame).resize(size)) for frame in frames]))

    return change


def cropped(share: float, across: float = 0.5, down: float = 0.5) -> Callable[[Frames], Frames]:
    def change(frames: Frames) -> Frames:
        height, width = round(frames.shape[1] * share), round(frames.shape[2] * share)
        top, left = int((frames.shape[1] - height) * down), int((frames.shape[2] - width) * across)
        return even(frames[:, top : top + height, left : left + width])

    return change


def brighter(frames: Frames) -> Frames:
    return even(np.clip(frames.astype(np.float32) * 1.15 + 8, 0, 255).astype(np.uint8))


def edits(source: VideoFile) -> Iterator[tuple[str, Edited, int]]:
    yield "CRF 23", Edited(source, even), 23
    yield "CRF 30", Edited(source, even), 30
    yield "CRF 36", Edited(source, even), 36
    yield "resize 50 %", Edited(source, scaled(0.5)), 23
    yield "resize 25 %", Edited(source, scaled(0.25)), 23
    yield "brighter", Edited(source, brighter), 23
    yield "first 1.3 s cut", Edited(source, even, start=1.3), 23
    for share in (0.98, 0.95, 0.9, 0.86, 0.8):
        yield f"crop {share:.0%} central", Edited(source, cropped(share)), 23
    yield "crop 95 % corner", Edited(source, cropped(0.95, 0, 0)), 23
    yield "crop 90 % corner", Edited(source, cropped(0.9, 0, 0)), 23


def clips(folder: Path | None, most: int, scratch: Path) -> list[Path]:
    if folder is None:
        return [
            media.write_clip(
                scratch / f"{seed}.mp4", media.scene(640, 360, 96, seed=200 + seed), fps=Fraction(24)
            )
            for seed in range(most)
        ]
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    step = max(1, len(files) // most)
    return files[::step][:most]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--most", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        index, recorded, table = Index(), {}, {}
        spent = []
        for path in clips(asked.clips, asked.most, scratch):
            try:
                source = VideoFile(path)
                original = scratch / "original.mp4"
                encode(Edited(source, even), original, crf=18)
                started = time.process_time()
                fingerprint = compute(VideoFile(original))
                spent.append(time.process_time() - started)
                for name, edited, crf in edits(VideoFile(original)):
                    encode(edited, scratch / "edited.mp4", crf=crf)
                    match = compare(compute(VideoFile(scratch / "edited.mp4"), crops=(100,)), fingerprint)
                    table.setdefault(name, []).append(match)
            except (MediaError, StopIteration) as error:
                print(f"left out {path.name}: {error}", file=sys.stderr)
                continue
            recorded[str(path)] = fingerprint
            index.add(str(path), fingerprint)
        report(table, recorded, index, spent)


def report(
    table: dict[str, list], recorded: dict[str, Fingerprint], index: Index, spent: list[float]
) -> None:
    print(f"{len(recorded)} clips; fingerprint {np.mean(spent):.2f} s processor time a clip")
    print(f"{'edit':22}{'matched':>9}{'of upload':>11}{'distance: median':>18}{'most':>6}")
    for name, matches in table.items():
        distances = [match.median_distance for match in matches]
        share = np.mean([match.fraction_of_upload for match in matches])
        matched = f"{sum(match.matched for match in matches)}/{len(matches)}"
        print(f"{name:22}{matched:>9}{share:>11.2f}{np.median(distances):>18.0f}{max(distances):>6}")
    pairs = [
        compare(Fingerprint(tuple(item for item in first.hashes if item.crop == 100)), second)
        for one, first in recorded.items()
        for other, second in recorded.items()
        if one != other
    ]
    distances = [match.median_distance for match in pairs]
    print(f"different clips: {sum(match.matched for match in pairs)} of {len(pairs)} pairs matched; ", end="")
    least, first, median = np.quantile(distances, (0, 0.01, 0.5))
    print(f"distance least {least:.0f}, 1 % {first:.0f}, median {median:.0f}")
    firsts = [
        bool(found) and found[0].id == one for one, f in recorded.items() for found in [index.search(f)]
    ]
    print(f"search: {sum(firsts)} of {len(firsts)} originals found first")


if __name__ == "__main__":
    main()
