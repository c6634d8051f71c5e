"""Reading public files with credentials, and what signing and verifying cost.

    python -m benchmarks.credentials --files FOLDER [--anchors PEM] [--json FILE]
    python -m benchmarks.credentials --quick

FOLDER holds files and `index.jsonl`: per line `path`, `expected_own_read` (`state`, `failure`, `error`), as
the bare library gave under the anchors in PEM, and `state_c2pa_trust_list`, which it gave under
`C2PA-TRUST-LIST.pem` of the same folder. Without FOLDER only speed and memory are measured, on clips made
here, of raw pictures and (at 1 MB) of H.264 too, beside the bare library: what it takes to sign and read back,
and to read. Signing is also measured beside the bare library whose file is as durable as ours, so that the
disk's time is not taken for our checks'.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import av
import c2pa
import numpy as np

from benchmarks.table import Goal, finish, goal, show_rows
from guard.credentials import (
    AnchorList,
    CredentialsReport,
    ManifestSpec,
    Model,
    SoftBinding,
    Software,
    Trust,
    create_development_ca,
    load_identity,
    read,
    sign,
)
from guard.credentials.budget import DEFAULT
from guard.credentials.context import context_for
from guard.credentials.manifest import definition

STATES = {"trusted": "Trusted", "valid": "Valid", "invalid": "Invalid", "absent": "none"}
READ_LIMIT = 10.0  # seconds a single read may take before it counts as a hang
SIZES = (1, 50, 500)  # MB
ROUNDS = 60  # of the small files, where a thousandth of a second counts
CROWD = 5  # more than the budget of memory lets work at once
SPAWN = multiprocessing.get_context("spawn")


def read_as_json(path: str, trust: str) -> tuple[str, float]:
    start = time.perf_counter()
    report = read(Path(path), Trust.model_validate_json(trust))
    return report.model_dump_json(), time.perf_counter() - start


class Reader:
    """Reads in a spawned child, which is replaced when a file hangs or kills it."""

    def __init__(self) -> None:
        self._pool = SPAWN.Pool(1)

    def read(self, path: Path, trust: Trust) -> tuple[CredentialsReport | None, float]:
        """The report, or None after the limit, and seconds."""
        pending = self._pool.apply_async(read_as_json, (str(path), trust.model_dump_json()))
        try:
            text, seconds = pending.get(READ_LIMIT + 20)
        except multiprocessing.TimeoutError:
            self.close()
            self._pool = SPAWN.Pool(1)
            return None, READ_LIMIT + 20
        return CredentialsReport.model_validate_json(text), seconds

    def close(self) -> None:
        """End the child."""
        self._pool.terminate()
        self._pool.join()


def disagreement(expected: dict[str, Any], report: CredentialsReport | None) -> str | None:
    """What differs from the recorded read, or None.

    A segment alone is in no format that can be read. What the bare library calls Invalid because it may not look up an
    identity on the network, we call by all the rest, and say so.
    """
    if report is None:
        return "did not end in time"
    state, error = expected["state"], expected.get("error")
    if state == "error":
        wanted = "remote" if "remote manifests" in error else "malformed"
        if report.state != wanted and not (error == "segment" and report.reason == "format_unsupported"):
            return f"{report.state} ({report.reason}), recorded {error}"
        return None
    if state == "Invalid" and "identity_not_examined" in report.warnings:
        return None
    if STATES.get(report.state) != state:
        return f"{report.state} ({report.reason}), recorded {state}"
    codes = expected.get("failure")
    if codes is not None and set(codes) != set(report.failures):
        return f"failures {sorted(report.failures)}, recorded {sorted(codes)}"
    return None


def agreement(folder: Path, anchors: Path | None) -> dict[str, Any]:
    rows = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    official = folder / "C2PA-TRUST-LIST.pem"
    lists = [("official list", official, "state_c2pa_trust_list")] if official.exists() else []
    if anchors is not None:
        lists.append(("anchors given", anchors, "expected_own_read"))
    reader, result, slowest = Reader(), {}, 0.0
    for name, pem, column in lists:
        trust = Trust.of(AnchorList(name=name, pem=pem.read_text(), dated=date(2026, 8, 20)))
        found, hidden, flagged, count = [], [], [], 0
        for row in rows:
            expected = row[column]
            if isinstance(expected, str):
                expected = {"state": expected}
            if expected is None:
                expected = {**row["expected_own_read"], "failure": None}
            report, seconds = reader.read(folder / row["path"], trust)
            slowest, count = max(slowest, seconds), count + 1
            if difference := disagreement(expected, report):
                found.append(f"{row['path']}: {difference}")
            if report is not None and report.ingredient_failures:
                hidden.append(row["path"])
            if report is not None and report.state == "not_fully_protected":
                flagged.append(row["path"])
        result[name] = {
            "files": count,
            "agree": count - len(found),
            "disagreements": found,
            "with broken ingredients": hidden,
            "not fully protected": flagged,
        }
    reader.close()
    return {"lists": result, "slowest_s": round(slowest, 3)}


def make_clip(path: Path, megabytes: int) -> None:
    """Uncompressed pictures of noise in a QuickTime file of about this size."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (640, 544, 3), dtype=np.uint8)  # 1 MiB
    with av.open(str(path), "w", format="mov") as output:
        stream = output.add_stream("rawvideo", rate=24)
        stream.width, stream.height, stream.pix_fmt = 544, 640, "rgb24"
        for number in range(megabytes):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, number, axis=1), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def make_film(path: Path) -> None:
    """Four seconds of H.264 at 1280 x 720, about 1 MB: what a generator's release is like."""
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (90, 160, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    with av.open(str(path), "w", format="mov") as output:
        stream = output.add_stream("libx264", rate=24, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 1280, 720, "yuv420p", 2_000_000
        for number in range(96):
            frame = av.VideoFrame.from_ndarray(np.roll(scene, 4 * number, axis=1), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def spec() -> ManifestSpec:
    return ManifestSpec(
        title="clip",
        kind="text_to_video",
        created=datetime.now(UTC),
        model=Model("model", "1", "sha256:" + "0" * 64),
        watermark=SoftBinding("io.example.mark", bytes(8)),
        fingerprint=SoftBinding("io.example.hash", bytes(256)),
        application=Software("benchmark", "1"),
    )


def ours(source: Path, out: Path, keys: Path, what: str) -> None:
    if what == "sign":
        sign(source, out, spec(), load_identity(keys))
    elif read(out, Trust.from_folder(keys)).state != "trusted":
        raise SystemExit("the signed file does not read as trusted")


def bare(source: Path, out: Path, keys: Path, what: str, *, durable: bool = False) -> None:
    """The library alone; whoever signs reads back. If `durable`, the file is on the disk before it has its name."""
    trust = Trust.from_folder(keys)
    context = context_for(trust)
    if what == "read":
        with c2pa.Reader(out, context=context) as reader:
            reader.json()
        return
    identity = load_identity(keys)
    chain = identity.chain_pem.decode()
    with (
        c2pa.Signer.from_callback(identity.cose_signature, c2pa.C2paSigningAlg.ES256, chain) as signer,
        c2pa.Builder(definition(spec(), "video/quicktime"), context=context) as builder,
        source.open("rb") as stream,
        (draft := out.with_suffix(".part")).open("w+b") as destination,
    ):
        builder.sign(signer, "video/quicktime", stream, destination)
        if durable:
            destination.flush()
            os.fsync(destination.fileno())
    bare(source, draft, keys, "read")
    draft.replace(out)
    if durable:
        folder = os.open(out.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


RUN = {"ours": ours, "durable": partial(bare, durable=True), "bare": bare}


def warmed(way: str, folder: str, keys: str) -> int:
    """KB of the idle process, once it has signed and read something small; the first call in a child."""
    small = Path(folder) / f"warm-{way}.mov"
    make_clip(small, 1)
    for what in ("sign", "read"):
        RUN[way](small, small.with_name(f"warmed-{way}.mov"), Path(keys), what)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def once(way: str, what: str, source: str, out: str, keys: str) -> tuple[float, float, int]:
    """Seconds, those of them that the child was at work, and KB at its peak so far."""
    start, worked = time.perf_counter(), time.process_time()
    RUN[way](Path(source), Path(out), Path(keys), what)
    took, worked = time.perf_counter() - start, time.process_time() - worked
    return took, worked, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def compared(folder: Path, keys: Path, what: str, runs: int) -> dict[str, Any]:
    """All ways in turn, so that what else the machine does falls on all; overheads are the medians of the rounds'."""
    ways = list(RUN) if what == "sign" else ["ours", "bare"]
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    work: dict[str, list[float]] = {way: [] for way in ways}
    memory = {}
    with ExitStack() as stack:
        pools = {way: stack.enter_context(SPAWN.Pool(1)) for way in ways}
        idle = {way: pool.apply(warmed, (way, str(folder), str(keys))) for way, pool in pools.items()}
        for number in range(runs):
            for way in ways[:: -1 if number % 2 else 1]:
                out = folder / f"signed-{way}.mov"
                arguments = (way, what, str(folder / "source.mov"), str(out), str(keys))
                took, worked, peak = pools[way].apply(once, arguments)
                seconds[way].append(took)
                work[way].append(worked)
                memory[way] = (peak - idle[way]) / 1024
    row: dict[str, Any] = {}
    for way in reversed(ways):
        row[f"{way} s"] = round(statistics.median(seconds[way]), 4)
        row[f"{way} MB above idle"] = round(memory[way])

    def over(way: str, spent: dict[str, list[float]]) -> float:
        pairs = zip(spent["ours"], spent[way], strict=True)
        return round(statistics.median(mine / theirs - 1 for mine, theirs in pairs), 3)

    return {
        **row,
        "over bare": over("bare", seconds),
        "overhead": over(ways[1], seconds),
        "overhead in work": over(ways[1], work),  # which what else the machine does changes less
        "rounds": runs,
    }


def cost(folder: Path, keys: Path, sizes: list[int]) -> list[dict[str, Any]]:
    table = []
    source = folder / "source.mov"
    for size, pictures in [(1, "H.264"), *((size, "raw") for size in sizes)]:
        # In a child: what this process ever took counts as the peak of every child that it starts from then on.
        with SPAWN.Pool(1) as pool:
            pool.apply(partial(make_clip, source, size) if pictures == "raw" else partial(make_film, source))
        for what in ("sign", "read"):
            measured = compared(folder, keys, what, ROUNDS if size == 1 else 7)
            table.append({"MB": size, "pictures": pictures, "what": what, **measured})
    return table


def crowd(source: str, folder: str, keys: str, jobs: int) -> float:
    """MB above the idle process at the peak of so many signatures at once; runs in a child of its own."""
    small = Path(folder) / "warm.mov"
    make_clip(small, 1)
    ours(small, small.with_name("warm-crowd.mov"), Path(keys), "sign")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def work(number: int) -> None:
        out = Path(folder) / f"crowd-{number}.mov"
        ours(Path(source), out, Path(keys), "sign")
        out.unlink()

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(work, range(jobs)))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def leak(folder: Path, keys: Path, cycles: int) -> float:
    """MB by which the process grew over the last nine tenths of the cycles."""
    source, out = folder / "leak.mov", folder / "leak-signed.mov"
    make_clip(source, 1)
    identity, trust = load_identity(keys), Trust.from_folder(keys)
    start = 0.0
    for number in range(cycles):
        sign(source, out, replace(spec(), title=str(number)), identity)
        read(out, trust)
        if number == cycles // 10:
            start = resident()
    return resident() - start


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def goals(found: dict[str, Any]) -> list[Goal]:
    lines = []
    lists = found.get("agreement", {}).get("lists", {})
    for name in ("official list", "anchors given"):
        entry = lists.get(name)
        share = entry["agree"] / entry["files"] if entry else None
        lines.append(goal(f"agreement under {name}", "= 1", share))
    slowest = found.get("agreement", {}).get("slowest_s")
    lines.append(goal("slowest public file, s", f"<= {READ_LIMIT:g}", slowest))
    for size in SIZES:
        rows = [row["overhead"] for row in found["cost"] if row["MB"] == size]
        lines.append(goal(f"overhead of our checks, {size} MB", "<= 0.2", max(rows, default=None)))
    memory = max(row["ours MB above idle"] for row in found["cost"])
    lines.append(goal("memory of one operation, MB", "<= 1024", memory))
    lines.append(goal(f"memory of {CROWD} signatures at once, MB", f"<= {DEFAULT >> 20}", found["crowd_mb"]))
    lines.append(goal("growth over all cycles, MB", "<= 5", found["growth_mb"]))
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=Path, help="folder with index.jsonl")
    parser.add_argument("--anchors", type=Path, help="PEM under which the recorded reads were made")
    parser.add_argument("--quick", action="store_true", help="small files and few cycles")
    parser.add_argument("--json", type=Path, help="write everything measured here")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    if arguments.files is not None:
        found["agreement"] = agreement(arguments.files, arguments.anchors)
    with tempfile.TemporaryDirectory() as name:
        folder, keys = Path(name), Path(name) / "keys"
        create_development_ca(keys)
        found["cost"] = cost(folder, keys, [1, 20] if arguments.quick else list(SIZES))
        found["crowd"] = CROWD
        with SPAWN.Pool(1) as pool:
            together = (str(folder / "source.mov"), str(folder), str(keys), CROWD)
            found["crowd_mb"] = round(pool.apply(crowd, together))
        found["cycles"] = 60 if arguments.quick else 1000
        found["growth_mb"] = round(leak(folder, keys, found["cycles"]), 2)
    for name, entry in found.get("agreement", {}).get("lists", {}).items():
        print(f"{name}: {entry['agree']} of {entry['files']} files agree")
        for key in ("disagreements", "with broken ingredients", "not fully protected"):
            for line in entry[key]:
                print(f"  {key}: {line}")
    show_rows("cost", found["cost"])
    return finish(goals(found), found, arguments.json)


if __name__ == "__main__":
    raise SystemExit(main())
