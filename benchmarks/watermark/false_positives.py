"""How often the watermark is found where there is none: unmarked files, read with keys that marked nothing.

``python -m benchmarks.watermark.false_positives --media FOLDER`` reads every video and picture below a folder with
fresh keys, three at a time as the service does, through the whole search: bars, 18 geometries, every alignment, the
long list. What needs no key is done once for each file. Progress is kept beside the result (``--json``), so that a run
that was stopped goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.table import finish, goal
from guard.marks import FALSE_PAYLOAD_BOUND, MAX_KEYS, PRESENCE_LEVEL, MarkError, MarkKey
from guard.marks.detect import Clip
from guard.marks.front import MIN_SIDE, Front
from guard.media import MediaError, VideoFile

PICTURES = 32
"""Of each file, the first ones."""
TRIALS = 10_000
QUICK_TRIALS = 30
_SUFFIXES = {".mp4", ".mkv", ".webm", ".avi", ".mov", ".gif", ".webp", ".png", ".jpg", ".jpeg"}


@dataclass(frozen=True)
class Tally:
    """What came of reading one file with many keys.

    Attributes:
        sha256: of the file.
        kind: ``video`` or ``image``.
        trials: keys that it was read with.
        words: decoded words that were checked.
        payloads: keys whose reading found a payload.
        unreadable: readings, with three keys each, that found a mark without a payload.
        readings: with three keys each.
        greatest: greatest pilot score.
    """

    sha256: str
    kind: str
    trials: int
    words: int
    payloads: int
    unreadable: int
    readings: int
    greatest: float


def tally(path: Path, sha256: str, readings: int) -> Tally | None:
    """Read one file with fresh keys; None if it holds no pictures that are large enough."""
    cv2.setNumThreads(1)
    try:
        source = VideoFile(path)
        if min(source.info.width, source.info.height) < MIN_SIDE:
            return None
        front = Front(source.info.width, source.info.height)
        planes: list[np.ndarray] = []
        for chunk in source.chunks():
            planes += [front.luma(frame) for frame in chunk.frames]
            if len(planes) >= PICTURES:
                break
    except (MediaError, MarkError):
        return None
    if not planes:
        return None
    clip = Clip([planes[:PICTURES]], _keys(sha256, 0))
    payloads = unreadable = words = 0
    greatest = 0.0
    for number in range(readings):
        read = clip.with_keys(_keys(sha256, number))
        found = read.whole()
        words += read.words
        payloads += found[0].payload is not None
        unreadable += found[0].payload is None and min(f.p_value for f in found) <= PRESENCE_LEVEL
        greatest = max(greatest, *(f.alignment.score for f in found))
    return Tally(
        sha256,
        source.info.kind,
        readings * MAX_KEYS,
        words,
        payloads,
        unreadable,
        readings,
        round(greatest, 3),
    )


def _keys(sha256: str, number: int) -> list[MarkKey]:
    secrets = (hashlib.sha256(f"{sha256} {number} {i}".encode()).digest() for i in range(MAX_KEYS))
    return [MarkKey(str(i), secret) for i, secret in enumerate(secrets)]


def _files(folder: Path) -> dict[str, Path]:
    """Different files by sha256."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}


def _drawn(folder: Path) -> dict[str, Path]:
    """Pictures made here, for a quick run."""
    rng = np.random.default_rng(1)
    for number in range(2):
        noise = cv2.GaussianBlur(rng.normal(128, 60, (360, 480, 3)), (0, 0), 2 + 3 * number)
        cv2.imwrite(str(folder / f"{number}.png"), np.clip(noise, 0, 255).astype(np.uint8))
    return _files(folder)


def _work(files: dict[str, Path], done: set[str], readings: int, processes: int) -> Iterator[Tally | None]:
    jobs = [(path, sha256, readings) for sha256, path in sorted(files.items()) if sha256 not in done]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        waiting = [pool.apply_async(tally, job) for job in jobs]
        for number, job in enumerate(waiting, start=1):
            found = job.get()
            print(f"{number}/{len(jobs)} files", file=sys.stderr, flush=True)
            yield found


def upper_bound(events: int, trials: int) -> float | None:
    """Rate that so few events speak against with 95 % confidence (rule of three, exactly), for no events at all."""
    return 1 - 0.05 ** (1 / trials) if events == 0 else None


def _summary(tallies: list[Tally]) -> dict[str, object]:
    trials, readings = sum(t.trials for t in tallies), sum(t.readings for t in tallies)
    payloads, unreadable = sum(t.payloads for t in tallies), sum(t.unreadable for t in tallies)
    return {
        "files": len(tallies),
        "videos": sum(t.kind == "video" for t in tallies),
        "trials": trials,
        "readings": readings,
        "words": sum(t.words for t in tallies),
        "false_payloads": payloads,
        "false_payloads_upper_95": upper_bound(payloads, trials),
        "false_payload_bound": FALSE_PAYLOAD_BOUND,
        "false_presences": unreadable,
        "false_presences_upper_95": upper_bound(unreadable, readings),
        "presence_level": PRESENCE_LEVEL,
        "greatest_pilot_score": max(t.greatest for t in tallies),
    }


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.watermark.false_positives", description=__doc__
    )
    parser.add_argument("--media", type=Path, help="folder of unmarked videos and pictures")
    parser.add_argument(
        "--trials", type=int, default=TRIALS, help="clip-and-key trials, at least (%(default)s)"
    )
    parser.add_argument(
        "--json", type=Path, help="write figures here; a run that was stopped goes on from its .part"
    )
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="two pictures drawn here: under a minute")
    options = parser.parse_args()
    if options.media is None and not options.quick:
        parser.error("name a folder of media with --media, or add --quick")
    with tempfile.TemporaryDirectory() as folder:
        files = _drawn(Path(folder)) if options.quick else _files(options.media)
        wanted = QUICK_TRIALS if options.quick else options.trials
        readings = -(-wanted // (MAX_KEYS * len(files)))
        part = None if options.json is None else options.json.with_suffix(".part")
        tallies = []
        if part is not None and part.exists():
            tallies = [Tally(**json.loads(line)) for line in part.read_text("utf-8").splitlines()]
        for found in _work(files, {t.sha256 for t in tallies}, readings, options.processes):
            if found is None:
                continue
            tallies.append(found)
            if part is not None:
                with part.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(found)) + "\n")
    summary = _summary(tallies)
    trials = sum(t.trials for t in tallies)
    goals = [
        goal("clip-and-key trials", f">= {TRIALS}", None if options.quick else trials),
        goal("false payloads", "<= 0", sum(t.payloads for t in tallies)),
        goal("false payloads of a million files, by construction", "<= 1", 1e6 * FALSE_PAYLOAD_BOUND),
        goal("readings falsely called present", f"<= {PRESENCE_LEVEL}", _share(tallies)),
    ]
    return finish(goals, {"summary": summary, "files": [asdict(t) for t in tallies]}, options.json)


def _share(tallies: list[Tally]) -> float:
    return sum(t.unreadable for t in tallies) / sum(t.readings for t in tallies)


if __name__ == "__main__":
    sys.exit(main())
