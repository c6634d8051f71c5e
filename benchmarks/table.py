"""Goals: what was wanted, what was measured, and whether that is enough."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">=": operator.ge,
    ">": operator.gt,
    "=": operator.eq,
}


@dataclass(frozen=True)
class Goal:
    """One line of the table; `value` None was not measured, and `met` None says so."""

    name: str
    goal: str
    value: float | None
    met: bool | None


def goal(name: str, wanted: str, value: float | None) -> Goal:
    """Compare a value with what was wanted.

    Args:
        name: of the line.
        wanted: a sign and a number, such as ``<= 0.5``.
        value: None if it was not measured.
    """
    sign, _, limit = wanted.partition(" ")
    if value is None:
        return Goal(name, wanted, None, None)
    return Goal(name, wanted, round(float(value), 4), bool(_SIGNS[sign](float(value), float(limit))))


def show_rows(title: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Print lines of figures under a title."""
    print(f"\n{title}")
    for row in rows:
        print("  " + "  ".join(f"{key} {value}" for key, value in row.items()))


def show_goals(goals: Sequence[Goal]) -> None:
    """Print the table of goals."""
    print(f"\n{'goal':<62}{'wanted':>14}{'value':>14}  met")
    for line in goals:
        shown = "not measured" if line.value is None else f"{line.value:g}"
        met = {True: "yes", False: "NO", None: "not measured"}[line.met]
        print(f"{line.name:<62}{line.goal:>14}{shown:>14}  {met}")


def finish(goals: Sequence[Goal], found: Mapping[str, object], target: Path | None) -> int:
    """Print the goals, write everything as JSON if asked to.

    Returns:
        The exit code: 1 if a goal was missed.
    """
    show_goals(goals)
    if target is not None:
        written = {**found, "goals": [asdict(line) for line in goals]}
        target.write_text(json.dumps(written, indent=1, default=str) + "\n", "utf-8")
    return 1 if any(line.met is False for line in goals) else 0
