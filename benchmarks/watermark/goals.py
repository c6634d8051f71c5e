"""What the watermark is to reach, as it was set down before the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.table import Goal, goal
from benchmarks.watermark import counts, suite
from benchmarks.watermark.contestants import CODED, WEAKER
from benchmarks.watermark.run import QUALITY, Cell
from guard.marks import PRESETS

_BEYOND = ("resize 30 %", "perspective 5 %")
EVERY_ROBUST = (
    *(f"H.264 CRF {crf}" for crf in (18, 23, 28, 32)),
    "HEVC CRF 28",
    "VP9 CRF 36",
    "AV1 CRF 38",
    *(attack.name for attack in (*suite.GEOMETRY, *suite.VALUES) if attack.name not in _BEYOND),
    "every second frame",
    "one second",
)
"""What `robust` survives on every clip: these compressions, and single edits of place or value up to crop 50 %,
rotation 15 deg and resize 50 %."""
EVERY_INVISIBLE = (
    *(f"H.264 CRF {crf}" for crf in (18, 23, 28)),
    "HEVC CRF 28",
    "resize 50 %",
    "crop 75 %",
    "rotation 5 deg",
)
_RATIO = 2.4


def goals(cells: Sequence[Cell], speed: Mapping[str, Any]) -> list[Goal]:
    """The table of goals.

    Args:
        cells: of the whole run.
        speed: figures by name, as `benchmarks.watermark.speed` gives them; None where not measured.
    """
    shares = {
        (row["contestant"], row["attack"]): row["exact"] / row["n"] for row in counts.survival(cells, "clips")
    }
    lines = [*_every("robust", EVERY_ROBUST, shares)]
    lines.append(goal("robust: share read, H.264 CRF 36", ">= 0.95", shares.get(("robust", "H.264 CRF 36"))))
    social = "social: 640 wide, CRF 30"
    lines.append(goal(f"robust: share read, {social}", ">= 0.9", shares.get(("robust", social))))
    lines += _ratios(cells)
    lines += _every("invisible", EVERY_INVISIBLE, shares)
    hard = "H.264 CRF 32"
    lines.append(goal(f"invisible: share read, {hard}", ">= 0.9", shares.get(("invisible", hard))))
    lines += _pictures(cells)
    read = [cell for cell in cells if cell["contestant"] in PRESETS and cell["attack"] != QUALITY]
    wrong = sum(cell["outcome"] == "wrong" for cell in read) if read else None
    lines.append(goal("wrong payloads read", "= 0", wrong))
    return lines + _speed(speed)


def _ratios(cells: Sequence[Cell]) -> list[Goal]:
    """How often `robust` is read for each time that the equally coded peer is: as it is, blind, and less visible."""
    lines = []
    for peer, told, how in (
        (CODED, True, CODED),
        (CODED, False, f"{CODED}, size not told"),
        (WEAKER, True, f"{CODED}, step 30"),
    ):
        ours, theirs, pairs = counts.shared(cells, "robust", peer, told=told)
        ratio = ours / max(theirs, 1) if pairs else None
        lines.append(goal(f"robust: recoveries, times {how}", f">= {_RATIO}", ratio))
    return lines


def _every(preset: str, attacks: Iterable[str], shares: Mapping[tuple[str, str], float]) -> list[Goal]:
    return [
        goal(f"{preset}: share read, {attack}", "= 1", shares.get((preset, attack))) for attack in attacks
    ]


def _pictures(cells: Sequence[Cell]) -> list[Goal]:
    rows = {row["contestant"]: row for row in counts.quality(cells, "clips")}
    robust, invisible = rows.get("robust", {}), rows.get("invisible", {})
    return [
        goal("robust: PSNR, least clip, dB", ">= 42", robust.get("least clip")),
        goal("invisible: PSNR, least clip, dB", ">= 45", invisible.get("least clip")),
        goal("invisible: PSNR, worst frame, dB", ">= 44", invisible.get("worst frame")),
    ]


def _speed(figures: Mapping[str, Any]) -> list[Goal]:
    return [
        goal("embedding at 720p, frames a second of one core", ">= 100", figures.get("embed fps 720p")),
        goal("reading 5 s of 480p, mark there, s", "<= 2", figures.get("read there s")),
        goal("reading 5 s of 480p, no mark, s", "<= 4", figures.get("read absent s")),
        goal("memory, 50 s of clip over 10 s, MB", "<= 32", figures.get("memory MB")),
        goal("the same as the first reading of a process, s", "<= 4", figures.get("first absent s")),
    ]
