"""How well the embedded generator shows what prompts ask for, and what a clip costs.

    python -m benchmarks.generator [--prompts N] [--seeds 3] [--folder FOLDER] [--json FILE] [--sheet PNG]
    python -m benchmarks.generator --parts minutes [--json FILE]
    python -m benchmarks.generator --quick

A judge reads the clips' pixels, no model does. First it is measured itself: on drawn clips of scenes that were held
out from training (no generator can be seen to do better), with the clips of other prompts (chance), and on drawn
clips of the most similar scenes that training has shown (what a generator would reach that only remembers). Then come
120 prompts, 30 of them written by hand, and clips of a minute, in which an object should stay as large as it was and
move as far, beside drawn ones. Goals are shares of what the judge sees in drawn clips. Brackets are 95 %
intervals; the seeds of one prompt count as one answer as far as they agree.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.generator_drift import Minutes, measure_minutes, minute_goals, minute_rows
from benchmarks.generator_prompts import COUNT, some_prompts
from benchmarks.generator_workers import Workers, generator, workers
from benchmarks.process import in_child, peak_memory
from benchmarks.table import Goal, finish, goal, show_rows
from generator import EmbeddedGenerator, GenerationRequest
from generator.embedded import WEIGHTS
from generator.training.evaluate import (
    MEASURED,
    Asked,
    Hits,
    Share,
    chance,
    drawn,
    hits,
    nearest_trained,
    prompts,
    share,
    slots_of,
    summary,
    watch,
)
from generator.training.judge import Seen
from generator.training.scenes import SLOTS, Scene
from generator.types import Frames

GOALS = (
    ("colour", "colour", 0.95),
    ("motion", "motion", 0.90),
    ("thing", "thing (shape)", 0.85),
    ("ground", "ground (background)", 0.95),
    ("time", "time of day", 0.95),
)
ENOUGH = 30
"""Prompts; from fewer a goal is not said to be met or missed."""
SINGLE, PAIRS = 200, 50
"""Drawn clips for the judge: one in five with two objects, as of the prompts."""
REMEMBERED = 90
"""Drawn clips of nearest training scenes, about."""
PARTS = ("quality", "minutes", "speed")
THREADS = 2
SPEED_RUNS = 3
SECONDS = 4
SHEET_FRAMES, SHEET_SIZE, SHEET_TEXT = 5, (192, 108), 20
SHOWN_LOSSES = 25


@dataclass
class Answer:
    """A prompt, what was seen in the clips of each seed, and how much of it was right."""

    asked: Asked
    seen: list[Seen] = field(default_factory=list)
    right: list[Hits] = field(default_factory=list)


@dataclass(frozen=True)
class Speed:
    """A clip's cost in a process of its own: seconds, each of `SPEED_RUNS`, and MB at the most."""

    wall: list[float]
    processor: list[float]
    loading: float
    peak: float


def measure_judge(
    staff: Workers, single: int, pairs: int
) -> tuple[dict[str, dict[str, Share]], dict[str, Share]]:
    """The judge's own rows; the first of the pair by name, the second over all drawn clips."""
    scenes = [asked.scene for asked in (*prompts(single, 71, two=0), *prompts(pairs, 72, two=1))]
    known = [scene for scene in scenes if scene is not None]
    slots = [slots_of(scene) for scene in known]
    seen = staff.each(drawn, known, "drawn clips")
    right = [[hits(want, found)] for want, found in zip(slots, seen, strict=True)]
    rng, step = random.Random(73), max(1, len(known) // REMEMBERED)
    near: list[Scene] = [nearest_trained(scene, rng) for scene in known[::step]]
    remembered = staff.each(drawn, near, "nearest training clips")
    nearest = [[hits(w, s)] for w, s in zip(slots[::step], remembered, strict=True)]
    rows = {
        "drawn, one object": summary(right[:single]),
        "drawn, two objects": summary(right[single:]),
        "drawn, all": summary(right),
        "chance: clips of other prompts": chance(slots, seen),
        "nearest training clip": summary(nearest),
    }
    return rows, rows["drawn, all"]


def measure_speed(folder: Path) -> Speed:
    """Time in a fresh process, so that its memory is its own."""
    return in_child(_make_clips, folder)


def _make_clips(folder: Path) -> Speed:
    begun = time.perf_counter()
    model = EmbeddedGenerator(folder, threads=THREADS)
    loading = time.perf_counter() - begun
    wall, processor = [], []
    for seed in range(SPEED_RUNS):
        request = GenerationRequest("a red ball bouncing on a beach at sunset", SECONDS, 1280, 720, seed)
        started, worked = time.perf_counter(), time.process_time()
        for _ in model.generate(request).chunks:
            pass
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - worked)
    return Speed(wall, processor, loading, peak_memory())


@dataclass(frozen=True)
class Order:
    """A clip to make and to look at."""

    text: str
    seed: int
    width: int
    height: int


def serve(order: Order) -> tuple[Seen, list[Frames]]:
    """What is seen in a clip, and five of its frames."""
    seen, frames = watch(generator(), order.text, order.seed, width=order.width, height=order.height)
    picked = frames[np.linspace(0, len(frames) - 1, SHEET_FRAMES).astype(int)]
    return seen, [cv2.resize(f, SHEET_SIZE, interpolation=cv2.INTER_AREA) for f in picked]


def ask(
    staff: Workers, asked: Sequence[Asked], seeds: int, width: int, height: int
) -> tuple[list[Answer], list[list[Frames]]]:
    """Generate and judge; also five frames of each prompt's first clip."""
    answers = [Answer(one) for one in asked]
    strips: list[list[Frames]] = []
    for seed in range(seeds):
        orders = [Order(one.text, 1000 * seed + i, width, height) for i, one in enumerate(asked)]
        served = staff.each(serve, orders, f"prompts, seed {seed + 1} of {seeds}")
        for answer, (seen, strip) in zip(answers, served, strict=True):
            answer.seen.append(seen)
            answer.right.append(hits(answer.asked.slots, seen))
            if seed == 0:
                strips.append(strip)
    return answers, strips


def lettering() -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, dict[int, str]]:
    """A font, and what to write for letters that it lacks: Pillow's own has no umlauts."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", 12), {}
    except OSError:
        spelled = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
        return ImageFont.load_default(size=13), str.maketrans(spelled)


def draw_sheet(answers: Sequence[Answer], strips: Sequence[Sequence[Frames]], target: Path) -> None:
    """One row a prompt: its text, and five frames."""
    width, height = SHEET_SIZE
    row = height + SHEET_TEXT + 4
    sheet = Image.new("RGB", (SHEET_FRAMES * (width + 4), len(answers) * row), "white")
    pen = ImageDraw.Draw(sheet)
    font, letters = lettering()
    for i, (answer, strip) in enumerate(zip(answers, strips, strict=True)):
        missed = [slot for slot, right in answer.right[0].items() if not all(right)]
        text = f"{i + 1}. {answer.asked.text}" + (f"   (missed: {', '.join(missed)})" if missed else "")
        pen.text(
            (2, i * row + 2), text.translate(letters), fill="firebrick" if missed else "black", font=font
        )
        for k, frame in enumerate(strip):
            sheet.paste(Image.fromarray(frame), (k * (width + 4), i * row + SHEET_TEXT))
    sheet.save(target)


def table_row(name: str, found: dict[str, Share]) -> dict[str, object]:
    n = max((one.clusters for one in found.values()), default=0)
    return {"": f"{name:<32}", "n": n} | {slot: f"{one.value:.3f}" for slot, one in found.items()}


def prompt_rows(answers: Sequence[Answer]) -> dict[str, dict[str, Share]]:
    groups: dict[str, Callable[[Asked], bool]] = {
        "all prompts": lambda _: True,
        "by hand": lambda a: a.scene is None,
        "held out": lambda a: a.scene is not None,
        "English": lambda a: a.language == "en",
        "German": lambda a: a.language == "de",
        "one object": lambda a: not a.pair,
        "two objects": lambda a: a.pair,
    }
    return {name: summary([a.right for a in answers if member(a.asked)]) for name, member in groups.items()}


def value_rows(answers: Sequence[Answer]) -> list[dict[str, object]]:
    """How often each style and each camera was seen where it was asked for."""
    rows: list[dict[str, object]] = []
    for slot in ("style", "camera"):
        for value in SLOTS[slot]:
            found = share(slot, [a.right for a in answers if a.asked.slots.get(slot) == value])
            if found is not None:
                rows.append({slot: f"{value:<12}", "seen": found})
    return rows


def losses(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    found = []
    for answer in answers:
        for seed, (seen, right) in enumerate(zip(answer.seen, answer.right, strict=True)):
            missed = [slot for slot, rights in right.items() if not all(rights)]
            if missed:
                found.append(
                    {"missed": missed, "prompt": answer.asked.text, "seed": seed, "seen": describe(seen)}
                )
    return found


def describe(seen: Seen) -> str:
    things = [f"{one.colour or '?'} {one.thing or '?'} {one.motion or '?'}" for one in seen.things]
    return f"{' and '.join(things) or 'nothing'}; {seen.ground}, {seen.time}, {seen.style}, {seen.camera}"


def goals_of(
    found: dict[str, Share] | None,
    ceiling: dict[str, Share] | None,
    minutes: Minutes | None,
    speed: Speed | None,
) -> list[Goal]:
    lines = []
    for slot, name, wanted in GOALS:
        value = None
        if found is not None and ceiling is not None and slot in found and found[slot].clusters >= ENOUGH:
            value = found[slot].value / ceiling[slot].value
        lines.append(goal(f"{name}, share of what is seen in drawn clips", f">= {wanted}", value))
    lines += minute_goals(minutes)
    wall, processor = (
        (float(np.median(speed.wall)), float(np.median(speed.processor))) if speed else (None, None)
    )
    lines += [
        goal("wall seconds of a 4 s clip, 1280x720, two threads", "<= 20", wall),
        goal("processor seconds of the same", "<= 20", processor),
        goal("peak memory of its process, MB", "<= 2048", speed.peak if speed else None),
    ]
    return lines


def measure_quality(
    staff: Workers, asked: argparse.Namespace, count: int, seeds: int, found: dict[str, Any]
) -> tuple[dict[str, Share], dict[str, Share]]:
    """The judge's rows and those of the prompts, printed and put into `found`; of both, the rows of all clips."""
    judge_rows, ceiling = measure_judge(staff, *((8, 2) if asked.quick else (SINGLE, PAIRS)))
    show_rows("the judge", [table_row(name, row) for name, row in judge_rows.items()])
    show_rows(
        "the judge on drawn clips, with intervals", [{f"{slot:<8}": ceiling[slot]} for slot in MEASURED]
    )
    answers, strips = ask(staff, some_prompts(count), seeds, asked.width, asked.height)
    rows = prompt_rows(answers)
    show_rows(f"{len(answers)} prompts x {seeds} seeds", [table_row(name, row) for name, row in rows.items()])
    overall = rows["all prompts"]
    show_rows("all prompts, with intervals", [{f"{slot:<8}": one} for slot, one in overall.items()])
    show_rows("style and camera", value_rows(answers))
    missed = losses(answers)
    show_rows(
        f"{len(missed)} clips in which something was missed, the first {SHOWN_LOSSES}", missed[:SHOWN_LOSSES]
    )
    if asked.sheet is not None:
        draw_sheet(answers, strips, asked.sheet)
    found |= {
        "prompts": len(answers),
        "seeds": seeds,
        "judge": {name: {slot: asdict(one) for slot, one in row.items()} for name, row in judge_rows.items()},
        "rows": {name: {slot: asdict(one) for slot, one in row.items()} for name, row in rows.items()},
        "style and camera": value_rows(answers),
        "missed": missed,
    }
    return overall, ceiling


def main() -> int:
    """Run the benchmark; the exit code is 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=COUNT, help=f"how many, at most {COUNT}")
    parser.add_argument("--seeds", type=int, default=3, help="clips of each prompt")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="another saved pipeline")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--height", type=int, default=144)
    parser.add_argument(
        "--quick", action="store_true", help="four prompts, under a minute; no goal is decided"
    )
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--sheet", type=Path, help="where a contact sheet goes, PNG")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        help="of what; goals of the others are not decided",
    )
    asked = parser.parse_args()
    parts = {"quality"} if asked.quick else set(asked.parts)
    count, seeds = (4, 1) if asked.quick else (asked.prompts, asked.seeds)
    found: dict[str, Any] = {
        "model": asdict(EmbeddedGenerator(asked.folder).info),
        "size": [asked.width, asked.height],
    }
    overall = ceiling = minutes = speed = None
    if "speed" in parts:
        speed = measure_speed(asked.folder)
        found["speed"] = asdict(speed)
        show_rows("speed", [{key: np.round(value, 2) for key, value in found["speed"].items()}])
    with workers(asked.folder) as staff:
        if "quality" in parts:
            overall, ceiling = measure_quality(staff, asked, count, seeds, found)
        if "minutes" in parts:
            minutes = measure_minutes(staff)
            found["minutes"] = asdict(minutes)
            show_rows("change since the first four seconds of a minute", minute_rows(minutes))
    return finish(goals_of(overall, ceiling, minutes, speed), found, asked.json)


if __name__ == "__main__":
    sys.exit(main())
