"""What the layer costs on a clip of five seconds, beside encoding it.

    python -m benchmarks.overhead [--clip FILE] [--models FOLDER] [--runs 3] [--json FILE]
    python -m benchmarks.overhead --quick

The yardstick is x264 (preset medium, CRF 20, one thread) encoding the same pictures. The pipeline's own steps
run on them, with the same encoder: what marking adds to the encoding, the fingerprint, signing, reading the
finished file back in its sandbox, and releasing it with its log entry. Judging is counted apart. A clip given
is scaled, cropped and repeated to what is measured; without one, textured scenes are made here. With the folder of
fetched models (``models`` in a data folder) the text in pictures is read and judged as well.

Times are of the processor, child processes included, since a wall clock measures the machine's other work as
well; it is shown beside them. Memory is that of the process and its children together, above the process that
has opened the installation, sampled every 20 ms; pages that they share count twice.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import multiprocessing
import os
import platform
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Goal, finish, goal, show_rows
from generator import GeneratedClip, GenerationRequest, GeneratorInfo
from guard.bootstrap import default_tenant
from guard.installation import Installation, open_installation
from guard.media import VideoFile, encode
from guard.pipeline.steps import VideoSteps
from guard.pipeline.submit import Submission, submit
from guard.pipeline.workfolder import RAW_CLIP
from guard.settings import EncoderSettings, Settings, UploadLimits
from guard.verification import verify
from tests import media

SIZES = {"480p": (854, 480), "720p": (1280, 720)}
MODEL = "recorded"
PROMPT = "a quiet street in the morning, people walk by and a tram passes"
MARKING = ("mark", "fingerprint", "sign", "read back", "release and log")
JUDGING = ("prompt", "output frames", "verification")
CHUNK = 16
SECONDS = 5
LONG = 60
SPAWN = multiprocessing.get_context("spawn")
Frames = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds of processor and of wall clock."""

    processor: float
    wall: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.processor - other.processor, self.wall - other.wall)


class Unqueued:
    """In the engine's place: jobs are taken, and worked on here step by step."""

    def submit(self, video_id: str) -> None:
        """Nothing to do."""


class Recorded:
    """A generator that plays a clip: scaled and cropped to the size asked for, repeated to the length."""

    def __init__(self, clip: Path, seconds: int) -> None:
        self._clip = clip
        self.info = GeneratorInfo(
            id=MODEL,
            name=MODEL,
            revision="1",
            digest="sha256:" + "0" * 64,
            licence="Apache-2.0",
            sizes=tuple(SIZES.values()),
            seconds=(1, seconds),
            fps=min(30, round(VideoFile(clip).info.fps)),
            accepts_reference=False,
            produces_audio=False,
        )

    def generate(
        self, request: GenerationRequest, *, progress: Callable[[float], None] | None = None
    ) -> GeneratedClip:
        """The clip, as much of it as asked for."""
        frames = request.seconds * self.info.fps
        chunks = _played(self._clip, request.width, request.height, frames)
        return GeneratedClip(request.width, request.height, self.info.fps, frames, chunks)


def _played(clip: Path, width: int, height: int, frames: int) -> Iterator[Frames]:
    left = frames
    while left:
        for chunk in VideoFile(clip).chunks():
            for start in range(0, len(chunk.frames), CHUNK):
                part = chunk.frames[start : min(start + CHUNK, start + left)]
                yield np.stack([_cover(frame, width, height) for frame in part])
                left -= len(part)
                if not left:
                    return


def _cover(frame: Frames, width: int, height: int) -> Frames:
    scale = max(width / frame.shape[1], height / frame.shape[0])
    size = (max(width, round(frame.shape[1] * scale)), max(height, round(frame.shape[0] * scale)))
    scaled = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.asarray(scaled[top : top + height, left : left + width], np.uint8)


def _opened(folder: Path, clip: Path, seconds: int, models: Path | None = None) -> Installation:
    if models is not None:
        (folder / "models").symlink_to(models.absolute())
    settings = Settings(
        data=folder,
        encoder=EncoderSettings(name="libx264", crf=20, preset="medium", threads=1),
        uploads=UploadLimits(timeout_seconds=600.0),
    )
    opened = open_installation(settings)
    generators = {MODEL: lambda: Recorded(clip, seconds)}
    return dataclasses.replace(opened, services=dataclasses.replace(opened.services, generators=generators))


def spent(action: Callable[[], Any]) -> Cost:
    """What it costs, in this process and in children that it waited for."""
    before, start = _processor(), time.perf_counter()
    outcome = action()
    cost = Cost(_processor() - before, time.perf_counter() - start)
    if isinstance(outcome, dict) and outcome["state"] != "done":
        raise SystemExit(f"the pipeline stopped: {outcome['code']}: {outcome['message']}")
    return cost


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _taken(opened: Installation, size: tuple[int, int], seconds: int) -> str:
    request = Submission(default_tenant(opened), PROMPT, MODEL, seconds, f"{size[0]}x{size[1]}", seed=1)
    return submit(opened.services, Unqueued(), request).id  # type: ignore[arg-type]


def one_run(opened: Installation, size: tuple[int, int], seconds: int) -> dict[str, Cost]:
    """One clip through the whole pipeline, and encoded without it."""
    services = opened.services
    steps = VideoSteps(services, opened.jobs)
    video_id = _taken(opened, size, seconds)
    folder, plain = services.work / video_id, services.work / f"{video_id}.plain.mp4"
    encoder = opened.settings.encoder
    costs = {"prompt": spent(lambda: services.judge.judge_text(PROMPT))}
    steps.examine_inputs(video_id)
    costs["raw clip"] = spent(lambda: steps.generate(video_id))
    costs["output frames"] = spent(lambda: steps.examine_output(video_id))
    costs["encoding"] = spent(
        lambda: encode(
            VideoFile(folder / RAW_CLIP),
            plain,
            encoder=encoder.name,
            crf=encoder.crf,
            preset=encoder.preset,
            threads=encoder.threads,
        )
    )
    marked = spent(lambda: steps.mark(video_id, opened.settings.mark.preset))
    costs["mark"] = marked - costs["encoding"]
    costs["fingerprint"] = spent(lambda: steps.fingerprint(video_id))
    costs["sign"] = spent(lambda: steps.sign(video_id))
    costs["read back"] = spent(lambda: steps.self_check(video_id))
    (folder / "signed").rename(plain)
    os.link(plain, folder / "signed")
    costs["release and log"] = spent(lambda: steps.release(video_id))
    costs["verification"] = spent(lambda: verify(services.inspector, services.registry, plain))
    plain.unlink()
    return costs


def whole_job(opened: Installation, size: tuple[int, int], seconds: int) -> None:
    """One clip from prompt to release."""
    steps = VideoSteps(opened.services, opened.jobs)
    video_id = _taken(opened, size, seconds)
    spent(lambda: steps.examine_inputs(video_id))
    spent(lambda: steps.generate(video_id))
    spent(lambda: steps.examine_output(video_id))
    spent(lambda: steps.mark(video_id, opened.settings.mark.preset))
    for step in (steps.fingerprint, steps.sign, steps.self_check, steps.release):
        spent(lambda step=step: step(video_id))  # type: ignore[misc]


def cost(
    clip: Path, size: tuple[int, int], seconds: int, runs: int, models: Path | None
) -> list[dict[str, Any]]:
    """Rows of what each part costs, after a second of clip to warm up."""
    with tempfile.TemporaryDirectory() as name:
        opened = _opened(Path(name), clip, seconds, models)
        try:
            one_run(opened, size, 1)
            measured = [one_run(opened, size, seconds) for _ in range(runs)]
        finally:
            opened.close()
    sums = {"marking": MARKING, "judging": JUDGING}
    rows = []
    for part in ("encoding", "raw clip", *MARKING, "marking", *JUDGING, "judging"):
        parts = sums.get(part, (part,))
        processor = [sum(run[p].processor for p in parts) for run in measured]
        wall = [sum(run[p].wall for p in parts) for run in measured]
        row = {
            "part": part,
            "s": round(statistics.median(processor), 3),
            "least": round(min(processor), 3),
            "most": round(max(processor), 3),
            "wall s": round(statistics.median(wall), 3),
            "n": runs,
        }
        rows.append(row)
    return rows


def _work(clip: str, size: tuple[int, int], seconds: int, talk: Connection) -> None:
    with tempfile.TemporaryDirectory() as name:
        opened = _opened(Path(name), Path(clip), seconds)
        talk.send("idle")
        talk.recv()
        whole_job(opened, size, seconds)
        opened.close()
    talk.send("done")


def memory(clip: Path, size: tuple[int, int], seconds: int) -> dict[str, Any] | None:
    """MB above the idle process, of a process and its children; None where there is no /proc."""
    if not Path("/proc/self/statm").exists():
        return None
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=_work, args=(str(clip), size, seconds, there))
    process.start()
    there.close()
    here.recv()
    idle, peaks, stop = resident(process.pid or 0), [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            peaks[0] = max(peaks[0], resident(process.pid or 0))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    here.send("go")
    try:
        here.recv()
    except EOFError:
        raise SystemExit("the measured process ended early") from None
    finally:
        stop.set()
        watcher.join()
        process.join(60)
    return {"seconds": seconds, "idle MB": round(idle), "above idle MB": round(peaks[0] - idle)}


def resident(pid: int) -> float:
    """MB of a process and all below it."""
    total = 0.0
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        total = pages * resource.getpagesize() / 2**20
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                total += resident(int(child))
    except (OSError, IndexError):
        pass  # it ended while we looked
    return total


def _own_clip(path: Path, size: tuple[int, int], seconds: int) -> Path:
    return media.write_clip(path, media.scene(*size, 24 * seconds, seed=5), fps=Fraction(24))


def goals(found: dict[str, Any]) -> list[Goal]:
    lines = []
    for name in SIZES:
        rows = {row["part"]: row["s"] for row in found["cost"].get(name, ())}
        over = None if not rows else rows["marking"] - 0.25 * rows["encoding"]
        lines.append(goal(f"marking at {name}, s beyond 25 % of encoding", "<= 2", over))
    for name in SIZES:
        rows = {row["part"]: row["s"] for row in found["cost"].get(name, ())}
        lines.append(goal(f"judging at {name}, s (the clip's length)", f"<= {SECONDS}", rows.get("judging")))
    peaks = {row["seconds"]: row["above idle MB"] for row in found["memory"] if row is not None}
    for length in (SECONDS, LONG):
        lines.append(goal(f"memory above idle at 720p, {length} s of clip, MB", "<= 1024", peaks.get(length)))
    return lines


def machine() -> dict[str, Any]:
    """What the times were measured on."""
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "load": [round(one, 1) for one in os.getloadavg()],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clip", type=Path, help="a video file")
    parser.add_argument("--models", type=Path, help="fetched models, so that every examiner runs")
    parser.add_argument("--runs", type=int, default=3, help="of each size")
    parser.add_argument("--quick", action="store_true", help="480p and one run alone")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "seconds": SECONDS, "cost": {}, "memory": []}
    with tempfile.TemporaryDirectory() as name:
        clip = options.clip or _own_clip(
            Path(name) / "scene.mp4", SIZES["480p" if options.quick else "720p"], 2
        )
        found["text in pictures"] = "read" if options.models else "not read"
        found["clip"] = f"sha256:{hashlib.sha256(clip.read_bytes()).hexdigest()}"
        found["fps"] = Recorded(clip, SECONDS).info.fps
        for label in ("480p",) if options.quick else SIZES:
            rows = cost(clip, SIZES[label], SECONDS, 1 if options.quick else options.runs, options.models)
            found["cost"][label] = rows
            show_rows(
                f"processor seconds, {label}, {SECONDS} s of clip at {found['fps']} frames a second", rows
            )
        for length in () if options.quick else (SECONDS, LONG):
            found["memory"].append(memory(clip, SIZES["720p"], length))
        show_rows("memory at 720p", [row for row in found["memory"] if row is not None])
    found["machine"]["load afterwards"] = machine()["load"]
    return finish(goals(found), found, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
