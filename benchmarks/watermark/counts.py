"""From cells to counts: how often the payload came back, and how sure that is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import mean, median
from typing import Any

from benchmarks.watermark.run import QUALITY, Cell

Row = dict[str, Any]


def interval(count: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share: it holds whatever the share is."""
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else _solve(lambda p: 1 - _at_most(count - 1, of, p) - tail)
    high = 1.0 if count == of else _solve(lambda p: tail - _at_most(count, of, p))
    return low, high


def _at_most(count: int, of: int, p: float) -> float:
    return sum(math.comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(count + 1))


def _solve(rising: Any) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def survival(cells: Iterable[Cell], section: str) -> list[Row]:
    """One row for each contestant and attack of a section, in the order of the cells."""
    groups: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell["section"] == section and cell["attack"] != QUALITY:
            groups.setdefault((cell["contestant"], cell["attack"]), []).append(cell["outcome"])
    rows = []
    for (contestant, attack), outcomes in groups.items():
        tally = Counter(outcomes)
        low, high = interval(tally["exact"], len(outcomes))
        rows.append(
            {"contestant": contestant, "attack": attack, "exact": tally["exact"], "n": len(outcomes),
             "low": round(low, 3), "high": round(high, 3), "unreadable": tally["unreadable"],
             "wrong": tally["wrong"]}
        )  # fmt: skip
    return rows


def totals(cells: Iterable[Cell], section: str) -> list[Row]:
    """For each contestant, over all attacks and clips that it ran.

    ``size told`` counts the recoveries from pictures of another size than the marked ones: a peer made them with
    the help of an oracle that knew the size.
    """
    together: dict[str, Row] = {}
    for cell in cells:
        if cell["section"] != section or cell["attack"] == QUALITY:
            continue
        name, outcome = cell["contestant"], cell["outcome"]
        sums = together.setdefault(
            name,
            {"contestant": name, "exact": 0, "n": 0, "size told": 0, "unreadable": 0, "wrong": 0},
        )
        sums["n"] += 1
        if outcome in sums:
            sums[outcome] += 1
        sums["size told"] += outcome == "exact" and cell["resized"]
    return list(together.values())


def shared(cells: Sequence[Cell], first: str, second: str, *, told: bool) -> tuple[int, int, int]:
    """Exact recoveries of two contestants on the clips and attacks that both ran, and how many those are.

    Args:
        cells: of the whole run.
        first: a preset of ours.
        second: a peer.
        told: whether the peer's recoveries count that needed to be told the original's size.
    """
    outcomes: dict[str, dict[tuple[str, str], bool]] = {first: {}, second: {}}
    for cell in cells:
        if cell["section"] == "clips" and cell["attack"] != QUALITY and cell["contestant"] in outcomes:
            counts = cell["outcome"] == "exact" and (
                told or cell["contestant"] == first or not cell["resized"]
            )
            outcomes[cell["contestant"]][cell["clip"], cell["attack"]] = counts
    both = outcomes[first].keys() & outcomes[second].keys()
    a, b = (sum(outcomes[name][pair] for pair in both) for name in (first, second))
    return a, b, len(both)


def quality(cells: Iterable[Cell], section: str) -> list[Row]:
    """What marking does to the pictures and costs, for each contestant: means over clips, and the worst."""
    groups: dict[str, list[Cell]] = {}
    reads: dict[str, list[float]] = {}
    for cell in cells:
        if cell["section"] != section:
            continue
        if cell["attack"] == QUALITY:
            groups.setdefault(cell["contestant"], []).append(cell)
        else:
            reads.setdefault(cell["contestant"], []).append(cell["read ms"])
    rows = []
    for contestant, of in groups.items():
        vmaf = [cell["vmaf"] for cell in of if cell["vmaf"] is not None]
        rows.append(
            {
                "contestant": contestant,
                "clips": len(of),
                "psnr": round(mean(cell["psnr"] for cell in of), 2),
                "least clip": round(min(cell["psnr"] for cell in of), 2),
                "worst frame": round(min(cell["psnr worst"] for cell in of), 2),
                "ssim": round(mean(cell["ssim"] for cell in of), 4),
                "vmaf": round(mean(vmaf), 1) if vmaf else "not measured",
                "embed ms a frame": round(median(cell["embed ms"] for cell in of), 2),
                "read ms a clip": round(median(reads.get(contestant, [math.nan])), 0),
            }
        )
    return rows
