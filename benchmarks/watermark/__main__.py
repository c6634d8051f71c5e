"""How much of the watermark survives, beside its peers on the same pictures, and what it costs.

    python -m benchmarks.watermark --clips FOLDER --json result.json --plot result.png
    python -m benchmarks.watermark --quick

FOLDER holds the test clips and pictures, wherever in it; they are known by their sha256 (``clips.py``) and none was
used for tuning. Every contestant marks the same pictures, 80 of each clip, and every attack of the suite
(``suite.py``) is done to each marked clip. A recovery counts if all bits come back. Peers that know nothing of
sizes are also shown the pictures scaled back to their own size, and the better reading counts.

``dwtDctSvd + code`` is invisible-watermark's best method with this watermark's own code word and with soft votes
added up over all pictures: what it would be with the same care. The plain methods carry 64 bits without a code
(rivaGan 32), their votes added up over all pictures; that a reading is right only we can tell, who know the bits.

Results are kept in --work as they are made, under the digest of what they depend on: a run that was broken off
goes on where it was, and a changed codec is measured anew while its peers are not. Without clips, or with --quick,
a few are rendered and what they cannot show is not measured. VMAF needs ``pip install vmaf-torch``.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.table import finish, show_rows
from benchmarks.watermark import clips, counts, plot, security, speed, suite
from benchmarks.watermark.contestants import CODED, WEAKER, source_digest
from benchmarks.watermark.goals import goals
from benchmarks.watermark.run import QUALITY, Cell, Job, Store, jobs, rendered, stored, work
from guard import marks

NAMES = ("robust", "invisible", CODED, WEAKER, "dwtDctSvd", "dwtDct", "rivaGan")
"""Contestants in the main table."""
SOME = {"rivaGan": 6}
"""Clips of a peer whose time would be most of the run's, half a camera's and half generated."""
PROBED = 6
"""Clips on which the security probes are carried out."""
PACKAGES = ("av", "invisible-watermark", "numpy", "opencv-python-headless")


def planned(folder: Path) -> Iterator[Job]:
    """All jobs of a full run, what is asked for first in front."""
    places = clips.found(folder, clips.CLIPS)
    if missing := [source.name for source in clips.CLIPS if source.name not in places]:
        print(f"not in {folder}, and left out: {', '.join(missing)}")
    files = {source.name: places[source.name] for source in clips.CLIPS if source.name in places}
    every = [QUALITY, *(attack.name for attack in suite.SUITE)]
    for name in NAMES:
        few = {"rivaGan": suite.OF_RIVA, "invisible": suite.OF_INVISIBLE}.get(name)
        attacks = every if few is None else [QUALITY, *few]
        yield from jobs("clips", files, name, attacks, SOME.get(name))
    small = [QUALITY, *(attack.name for attack in suite.SMALL)]
    for name in ("small", "robust", CODED):
        yield from jobs("small", files, name, small)
    pictures = clips.found(folder, clips.STILLS)
    stills = [QUALITY, *(attack.name for attack in suite.STILLS)]
    for name in ("still", "robust", CODED):
        yield from jobs("stills", pictures, name, stills)
    scenes = {scene.name: None for scene in rendered("scenes")}
    flat = [QUALITY, *(attack.name for attack in suite.SCENES)]
    for name in ("robust", "invisible"):
        yield from jobs("scenes", scenes, name, flat)
    yield from jobs("security", files, "robust", security.PROBES, PROBED)


def rendered_jobs() -> Iterator[Job]:
    """What can be done without any files."""
    places = {scene.name: None for scene in rendered("quick")}
    every = [QUALITY, *(attack.name for attack in suite.QUICK)]
    for name in ("robust", "invisible", CODED):
        yield from jobs("quick", places, name, every)


def report(cells: Sequence[Cell]) -> dict[str, Any]:
    """Print the tables, and give them back."""
    found: dict[str, Any] = {}
    for section in dict.fromkeys(cell["section"] for cell in cells):
        if section == "security":
            found[section] = _security(cells)
            continue
        rows = counts.survival(cells, section)
        part = {
            "survival": rows,
            "totals": counts.totals(cells, section),
            "quality": counts.quality(cells, section),
        }
        found[section] = {**part, "outcomes": _outcomes(cells, section)}
        for title, lines in part.items():
            show_rows(f"{section}: {title}", lines)
    return found


def _security(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    rows = []
    for name in security.PROBES:
        of = [cell for cell in cells if cell["section"] == "security" and cell["attack"] == name]
        tally = {outcome: sum(cell["outcome"] == outcome for cell in of) for outcome in
                 ("read", "unreadable", "absent", "wrong")}  # fmt: skip
        ratios = sorted(cell["psnr"] for cell in of)
        rows.append({"probe": name, "n": len(of), **tally, "median psnr": ratios[len(ratios) // 2]})
    show_rows("security: what an attacker without the key gets", rows)
    return rows


def _outcomes(cells: Sequence[Cell], section: str) -> dict[str, dict[str, dict[str, str]]]:
    """Every single outcome: by contestant, attack and clip."""
    table: dict[str, dict[str, dict[str, str]]] = {}
    for cell in cells:
        if cell["section"] == section and cell["attack"] != QUALITY:
            by_attack = table.setdefault(cell["contestant"], {})
            by_attack.setdefault(cell["attack"], {})[cell["clip"]] = cell["outcome"]
    return table


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, help="folder with the test clips and pictures")
    parser.add_argument("--quick", action="store_true", help="a few rendered clips alone, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plot", type=Path, help="draw the table of the clips here, as PNG")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)"
    )
    parser.add_argument("--work", type=Path, default=Path("build/watermark.jsonl"), help="results so far")
    parser.add_argument("--so-far", action="store_true", help="report what --work holds and do nothing more")
    options = parser.parse_args()
    full = options.clips is not None and not options.quick
    todo = list(planned(options.clips) if full else rendered_jobs())
    store = Store(options.work)
    if not options.so_far:
        work(todo, store, options.jobs)
    cells = stored(todo, store)
    costs = speed.figures(runs=3 if full else 1)
    packages = speed.packages(runs=2) if full else []
    found: dict[str, Any] = {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "codec": {"algorithm": marks.ALGORITHM, "source": source_digest()},
        "packages": {name: version(name) for name in PACKAGES},
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine()},
        "clips": [dataclasses.asdict(source) for source in clips.CLIPS] if full else [],
        **report(cells),
        "speed": costs,
        "packages as they are": packages,
    }
    show_rows("speed, one thread", [costs])
    show_rows("invisible-watermark as it is installed, a frame", packages)
    if options.plot is not None and full:
        title = "Payload read exactly: clips read, of clips tried, 80 frames of each"
        plot.heatmap(found["clips"]["survival"], NAMES, options.plot, title)
    return finish(goals(cells, costs), found, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
