"""Filling the table: every contestant, clip and attack once, in several processes, kept as it goes along."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.watermark import clips, security, suite
from benchmarks.watermark.attacks import VERSION, Attack
from benchmarks.watermark.clips import Pictures
from benchmarks.watermark.coding import Clip, Frames, filtered, from_rgb, to_rgb
from benchmarks.watermark.contestants import Contestant, contestant, payload_for
from benchmarks.watermark.quality import quality
from tests import media

Cell = dict[str, Any]
"""``contestant``, ``section``, ``clip``, ``attack`` and what came of it."""
QUALITY = "quality"
"""In an attack's place: what marking did to the pictures."""
SECTIONS: dict[str, tuple[Attack, ...]] = {
    "clips": suite.SUITE,
    "small": suite.SMALL,
    "stills": suite.STILLS,
    "scenes": suite.SCENES,
    "quick": suite.QUICK,
    "security": (),
}
"""Attacks by section; the probes of `security` are no attacks of the suite."""
_BATCH = 6
"""Attacks done with one marked clip at a time: what is lost at most where a run is broken off."""


@dataclass(frozen=True)
class Job:
    """One contestant marks one clip, which then is attacked.

    Attributes:
        contestant: its name.
        section: one of `SECTIONS`.
        clip: name of the content.
        place: its file; None where it is rendered.
        stranger: name and file of another one, unmarked.
        attacks: names, `QUALITY` among them.
    """

    contestant: str
    section: str
    clip: str
    place: Path | None
    stranger: tuple[str, Path | None]
    attacks: tuple[str, ...]


class Store:
    """Results in a file, one JSON object a line, by what they are of."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cells: dict[str, Cell] = {}
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                entry = json.loads(line)
                self._cells[entry["key"]] = entry["cell"]

    def get(self, key: str) -> Cell | None:
        """The cell of that key."""
        return self._cells.get(key)

    def put(self, key: str, cell: Cell) -> None:
        """Keep a cell."""
        self._cells[key] = cell
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "cell": cell}) + "\n")


def key_of(of: Contestant, section: str, clip: str, attack: str) -> str:
    """What a result depends on: the contestant's code, the pictures, the attack's steps."""
    steps = {a.name: a.digest for a in SECTIONS[section]}.get(attack, f"{attack} {VERSION}")
    digest = {source.name: source.sha256 for source in (*clips.CLIPS, *clips.STILLS)}.get(clip, clip)
    return hashlib.sha256(" ".join((of.digest, section, digest, steps)).encode()).hexdigest()[:24]


def stored(jobs: Iterable[Job], store: Store) -> list[Cell]:
    """The cells of these jobs that there are, in order."""
    return [cell for job in jobs for key, _ in _keys(job) if (cell := store.get(key)) is not None]


def work(jobs: Sequence[Job], store: Store, processes: int) -> None:
    """Do what the store does not hold yet."""
    open_jobs = [part for job in jobs for part in _open(job, store)]
    total, start, done = sum(len(job.attacks) for job in open_jobs), time.monotonic(), 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_quiet) as pool:
        waiting = {pool.submit(cells, job): job for job in open_jobs}
        for future in as_completed(waiting):
            job, made = waiting[future], future.result()
            for (key, attack), cell in zip(_keys(job), made, strict=True):
                assert cell["attack"] == attack
                store.put(key, cell)
            done += len(made)
            _show(done, total, time.monotonic() - start, job)


def _keys(job: Job) -> list[tuple[str, str]]:
    of = contestant(job.contestant)
    return [(key_of(of, job.section, job.clip, attack), attack) for attack in job.attacks]


def _open(job: Job, store: Store) -> Iterator[Job]:
    """What is still to be done of a job, in batches."""
    left = [attack for key, attack in _keys(job) if store.get(key) is None]
    for i in range(0, len(left), _BATCH):
        yield Job(**{**job.__dict__, "attacks": tuple(left[i : i + _BATCH])})


def _show(done: int, total: int, seconds: float, job: Job) -> None:
    left = seconds / done * (total - done)
    line = (
        f"{done}/{total} {100 * done // total:3d} %, {left / 60:.0f} min left: {job.contestant}, {job.clip}"
    )
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def _quiet() -> None:
    """SVT-AV1 writes to the standard error what nobody asked for."""
    os.environ["SVT_LOG"] = "1"


def cells(job: Job) -> list[Cell]:
    """Mark, attack and read: one cell for each attack, in order."""
    if job.section == "security":
        return _probes(job)
    of = contestant(job.contestant)
    payload = payload_for(of, job.clip)
    original, marked, seconds = _marked(job.contestant, job.section, job.clip, job.place)
    attacks = {attack.name: attack for attack in SECTIONS[job.section]}
    size = (marked.width, marked.height)
    made = []
    for name in job.attacks:
        cell: Cell = {
            "contestant": of.name, "section": job.section, "clip": job.clip, "attack": name,
            "frames": len(marked.rgb), "size": f"{size[0]}x{size[1]}",
        }  # fmt: skip
        if name == QUALITY:
            cell |= {"embed ms": 1000 * seconds / len(marked.rgb), **quality(original.frames, marked.rgb)}
        else:
            attacked = marked.rgb
            if attacks[name].steps:
                stranger = _stranger(*job.stranger, job.section, size, len(marked.rgb))
                attacked = to_rgb(attacks[name](marked.coded, stranger))
            begun = time.process_time()
            cell["outcome"] = of.read(attacked, size, payload)
            cell["read ms"] = 1000 * (time.process_time() - begun)
            cell["read frames"] = len(attacked)
            cell["resized"] = attacked.shape[1:3] != marked.rgb.shape[1:3]
        made.append(cell)
    return made


def _probes(job: Job) -> list[Cell]:
    frames = _pictures(job.section, job.clip, job.place).frames
    size = (frames.shape[2], frames.shape[1])
    stranger = to_rgb(_stranger(*job.stranger, job.section, size, security.SHOWN))
    return [
        {
            "contestant": job.contestant,
            "section": job.section,
            "clip": job.clip,
            "attack": name,
            **security.probe(name, job.contestant, frames, stranger),
        }
        for name in job.attacks
    ]


@dataclass(frozen=True)
class _Marked:
    rgb: Frames
    coded: Clip

    @property
    def width(self) -> int:
        return self.coded.width

    @property
    def height(self) -> int:
        return self.coded.height


@lru_cache(maxsize=1)
def _marked(name: str, section: str, clip: str, place: Path | None) -> tuple[Pictures, _Marked, float]:
    of = contestant(name)
    pictures = _pictures(section, clip, place)
    frames = pictures.frames[: of.frames]
    begun = time.process_time()
    marked = of.mark(frames, payload_for(of, clip))
    seconds = time.process_time() - begun
    original = Pictures(pictures.name, pictures.origin, frames, pictures.fps)
    return original, _Marked(marked, from_rgb(marked, pictures.fps)), seconds


@lru_cache(maxsize=4)
def _pictures(section: str, clip: str, place: Path | None) -> Pictures:
    if place is None:
        return next(scene for scene in rendered(section) if scene.name == clip)
    source = next(source for source in (*clips.CLIPS, *clips.STILLS) if source.name == clip)
    if section == "stills":
        return clips.still(source, place)
    pictures = clips.loaded(source, place)
    return clips.small(pictures) if section == "small" else pictures


def rendered(section: str) -> Iterable[Pictures]:
    """The clips of a section that are not files."""
    if section == "scenes":
        return clips.scenes(6, 1280, 720, 48)
    frames = np.stack(list(media.scene(640, 360, 24, seed=2)))
    return [Pictures("texture", "rendered", frames, Fraction(24)), *clips.scenes(1, 640, 360, 24)]


@lru_cache(maxsize=2)
def _stranger(name: str, place: Path | None, section: str, size: tuple[int, int], count: int) -> Clip:
    pictures = _pictures(section, name, place)
    whole = from_rgb(pictures.frames[:count], pictures.fps)
    scaled = filtered(whole, ("scale", f"{size[0]}:{size[1]}:flags=bicubic"))
    repeated = np.resize(np.arange(len(scaled.planes)), count)
    return scaled.of(scaled.planes[repeated])


def jobs(
    section: str,
    places: Mapping[str, Path | None],
    contestant: str,
    attacks: Sequence[str],
    most: int | None = None,
) -> Iterator[Job]:
    """Jobs of one contestant in a section, clip by clip.

    Args:
        section: one of `SECTIONS`.
        places: files by clip, in order; the one that follows a clip is its stranger.
        contestant: its name.
        attacks: their names, or the probes'.
        most: clips, the first ones; all where it is None.
    """
    names = list(places)
    for i, clip in enumerate(names[:most]):
        other = names[(i + 1) % len(names)]
        yield Job(contestant, section, clip, places[clip], (other, places[other]), tuple(attacks))
