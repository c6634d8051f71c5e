"""How well fingerprints hold: the same clip after edits, different clips against each other, and the search in many.

Usage: python -m benchmarks.fingerprints [--clips FOLDER] [--most 40] [--assets 1000000] [--hashes 8] [--exact 100]
    [--quick] [--json FILE]

Without a folder the clips are textured scenes made here. With one, its video files are used, each cut to 4
seconds. The search is measured on hashes drawn at random, see `benchmarks.fingerprint_index`.
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

from benchmarks import fingerprint_index
from benchmarks.table import finish, goal, show_rows
from guard.fingerprints import Fingerprint, Match, compare, compute
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


def main() -> int:
    """Run the benchmark; the exit code is 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, help="folder of video files")
    parser.add_argument("--most", type=int, default=20, help="how many clips")
    parser.add_argument("--assets", type=int, default=1_000_000, help="how many to search in")
    parser.add_argument("--hashes", type=int, default=8, help="of each of them; eight of a clip at least")
    parser.add_argument("--exact", type=int, default=100, help="uploads compared with an exact search")
    parser.add_argument("--quick", action="store_true", help="three clips, 20,000 assets, under a minute")
    parser.add_argument("--json", type=Path, help="where the figures go")
    asked = parser.parse_args()
    recorded: dict[str, Fingerprint] = {}
    table: dict[str, list[Match]] = {}
    ranks: list[bool] = []
    uploads: list[tuple[str, Fingerprint]] = []
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for path in clips(asked.clips, 3 if asked.quick else asked.most, scratch):
            try:
                original = scratch / "original.mp4"
                encode(Edited(VideoFile(path), even), original, crf=18)
                started = time.process_time()
                fingerprint = compute(VideoFile(original))
                spent.append(time.process_time() - started)
                for name, edited, crf in edits(VideoFile(original)):
                    encode(edited, scratch / "edited.mp4", crf=crf)
                    upload = compute(VideoFile(scratch / "edited.mp4"), crops=(100,))
                    table.setdefault(name, []).append(compare(upload, fingerprint))
                    if name == "CRF 30":
                        uploads.append((path.name, upload))
            except (MediaError, StopIteration) as error:
                print(f"left out {path.name}: {error}", file=sys.stderr)
                continue
            recorded[path.name] = fingerprint
    for name, upload in uploads:
        distances = {other: compare(upload, known).median_distance for other, known in recorded.items()}
        ranks.append(min(distances, key=distances.__getitem__) == name)
    assets, uploads_asked, exact = (20_000, 40, 20) if asked.quick else (asked.assets, 1000, asked.exact)
    searched = fingerprint_index.measure(assets, asked.hashes, uploads_asked, exact)
    return report(table, recorded, ranks, spent, searched, asked)


def report(
    table: dict[str, list[Match]],
    recorded: dict[str, Fingerprint],
    ranks: list[bool],
    spent: list[float],
    searched: tuple[list[fingerprint_index.Row], fingerprint_index.Row],
    asked: argparse.Namespace,
) -> int:
    """Print and write what was found."""
    rows = [
        {
            "edit": name,
            "matched": f"{sum(match.matched for match in matches)}/{len(matches)}",
            "of_upload": round(float(np.mean([match.fraction_of_upload for match in matches])), 2),
            "median_distance": int(np.median([match.median_distance for match in matches])),
            "most": max(match.median_distance for match in matches),
        }
        for name, matches in table.items()
    ]
    show_rows(f"{len(recorded)} clips, edited", rows)
    pairs = [
        compare(Fingerprint(tuple(item for item in first.hashes if item.crop == 100)), second)
        for one, first in recorded.items()
        for other, second in recorded.items()
        if one != other
    ]
    least = min((match.median_distance for match in pairs), default=256)
    false_matches = sum(match.matched for match in pairs)
    print(f"\ndifferent clips: {false_matches} of {len(pairs)} pairs matched, least distance {least}")
    share = {name: sum(m.matched for m in matches) / len(matches) for name, matches in table.items()}
    goals = [
        goal("matched after CRF 30", ">= 0.99", share.get("CRF 30")),
        goal("matched after resize to 50 %", ">= 0.99", share.get("resize 50 %")),
        goal("matched after a central crop to 90 %", ">= 0.95", share.get("crop 90% central")),
        goal(
            "pairs of different clips matched, share",
            "<= 0.001",
            false_matches / len(pairs) if pairs else None,
        ),
        goal("originals nearest to their CRF 30 copy", ">= 0.99", float(np.mean(ranks)) if ranks else None),
        goal("processor seconds for one clip of 4 s", "<= 1", float(np.median(spent)) if spent else None),
        *fingerprint_index.goals(searched[1]["assets"], *searched),
    ]
    fingerprint_index.show(*searched)
    found = {"clips": len(recorded), "own_scenes": asked.clips is None, "rows": rows, "pairs": len(pairs),
             "search": {"ways": searched[0], "index": searched[1]}}  # fmt: skip
    return finish(goals, found, asked.json)


if __name__ == "__main__":
    sys.exit(main())
