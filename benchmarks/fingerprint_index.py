"""The index of pictures beside other ways to search them; part of `benchmarks.fingerprints`.

Hashes are drawn evenly at random. An upload is one recorded asset with 0 to 31 bits of each hash turned around, evenly
drawn: all within what counts as a match, and worse than re-encoding makes it. Every way runs in one thread on one core;
times are of the processor, which on a busy machine are less than the wall's, told beside them.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Goal, goal, show_rows
from benchmarks.watermark.counts import interval
from guard.fingerprints.index import Hashes, HashIndex, Owners, build, scan
from guard.fingerprints.match import THRESHOLD

PICTURES = 8
"""Hashes of an upload."""
LONG = 64
"""Hashes of a long one: as many as a verification takes."""
Search = Callable[[Hashes], set[tuple[int, int]]]
Row = dict[str, Any]


def measure(assets: int, hashes: int, asked: int, exact: int) -> tuple[list[Row], Row]:
    """A row for each way, and what is known of the index.

    Args:
        assets: how many are recorded.
        hashes: of each.
        asked: uploads to time.
        exact: of these, how many are compared with an exact search, which takes a second each.
    """
    random = np.random.default_rng(20)
    recorded = random.integers(0, 2**64, (assets * hashes, 4), dtype=np.uint64)
    owners = np.repeat(np.arange(assets, dtype=np.uint32), hashes)
    chosen = random.choice(assets, asked, replace=False)
    uploads = [_noisy(recorded[one * hashes : one * hashes + PICTURES], random) for one in chosen]
    with one_core():
        truth = [_pairs(*scan(recorded, owners, upload)) for upload in uploads[:exact]]
        rows = [
            _row(
                "numpy, everything compared",
                lambda q: _pairs(*scan(recorded, owners, q)),
                uploads[:10],
                truth,
            )
        ]
        row, about = _ours(recorded, owners, uploads, chosen, truth)
        rows += [row, *_faiss(recorded, hashes, uploads, truth)]
    about |= {"assets": assets, "hashes of each": hashes, "uploads": asked, "compared with exact": exact}
    return rows, about


def _ours(
    recorded: Hashes,
    owners: Owners,
    uploads: list[Hashes],
    chosen: NDArray[np.int64],
    truth: list[set[tuple[int, int]]],
) -> tuple[Row, Row]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("GUARD_BENCH_SCRATCH")) as folder:
        path = Path(folder) / "pictures.index"
        start = time.perf_counter()
        step = 1 << 20
        batches = ((recorded[at : at + step], owners[at : at + step]) for at in range(0, len(recorded), step))
        build(path, batches, len(recorded), {})
        built = time.perf_counter() - start
        before = _resident()
        start = time.perf_counter()
        index = HashIndex(path)
        opened = time.perf_counter() - start

        def search(asked: Hashes) -> set[tuple[int, int]]:
            return _pairs(*index.search(asked))

        row = _row("multi-index hashing in a mapped file (ours)", search, uploads, truth)
        found = sum(int(one) in index.search(upload)[0] for one, upload in zip(chosen, uploads, strict=True))
        low, _ = interval(found, len(uploads))
        long = [
            np.concatenate(uploads[at : at + LONG // PICTURES])
            for at in range(0, len(uploads), LONG // PICTURES)
        ]
        _, long_ms, _ = _timed(search, long[:20])
        about = {
            "assets found": f"{found}/{len(uploads)}",
            "assets found, share": found / len(uploads),
            "assets found, lower bound": round(low, 4),
            "build seconds": round(built, 1),
            "open seconds": round(opened, 2),
            "file MB": round(path.stat().st_size / 1e6),
            "resident MB after the searches, all of it pages of the file": round(
                (_resident() - before) / 1e6
            ),
            f"ms for {LONG} hashes, median": round(float(np.median(long_ms)), 1),
        }
    return row | {"build s": round(built, 1), "MB": about["file MB"]}, about


def _faiss(
    recorded: Hashes, hashes: int, uploads: list[Hashes], truth: list[set[tuple[int, int]]]
) -> Iterator[Row]:
    """Three indexes of faiss, where it is installed: it is no part of an installation."""
    try:
        import faiss
    except ImportError:
        return
    faiss.omp_set_num_threads(1)
    raw = recorded.view(np.uint8).reshape(len(recorded), 32)
    multi = faiss.IndexBinaryMultiHash(256, 16, 16)
    multi.nflip = 1  # 31 bits in 16 words: one word differs in one bit at most
    coarse = faiss.IndexBinaryFlat(256)
    inverted = faiss.IndexBinaryIVF(coarse, 256, 1024)
    inverted.nprobe = 64
    inverted.cp.niter = 4
    for name, index in (
        ("faiss IndexBinaryFlat", faiss.IndexBinaryFlat(256)),
        ("faiss IndexBinaryIVF, 64 of 1024 lists", inverted),
        ("faiss IndexBinaryMultiHash, 16 x 16 bits, 1 turned", multi),
    ):
        before, start = _resident(), time.perf_counter()
        if not index.is_trained:
            index.train(raw[:65_536])
        index.add(raw)
        built = time.perf_counter() - start

        def search(asked: Hashes, index: Any = index) -> set[tuple[int, int]]:
            limits, _, found = index.range_search(asked.view(np.uint8).reshape(len(asked), 32), THRESHOLD + 1)
            numbers = np.repeat(np.arange(len(asked)), np.diff(limits.astype(np.int64)))
            return _pairs((found // hashes).astype(np.uint32), numbers)

        row = _row(name, search, uploads[: max(20, len(truth))], truth)
        yield row | {"build s": round(built, 1), "MB": round((_resident() - before) / 1e6)}
        index.reset()


def goals(assets: int, rows: list[Row], about: Row) -> list[Goal]:
    """What was asked of a million assets; a smaller run measures none of it."""
    whole = assets >= 1_000_000
    ours = next(row for row in rows if "ours" in row["way"])
    return [
        goal(
            "index of 1,000,000 assets: processor ms for an upload, median",
            "< 50",
            ours["ms"] if whole else None,
        ),
        goal("the same, 95th percentile", "< 50", ours["ms 95th"] if whole else None),
        goal(
            "pairs of hashes found, share of an exact search's", ">= 0.99", ours["recall"] if whole else None
        ),
        goal(
            "assets found, lower bound of 95 %",
            ">= 0.99",
            about["assets found, lower bound"] if whole else None,
        ),
    ]


def show(rows: list[Row], about: Row) -> None:
    """Print what was found."""
    show_rows(f"{about['assets']} assets of {about['hashes of each']} hashes, {PICTURES} asked", rows)
    show_rows("the index", [about])


def _row(name: str, search: Search, uploads: list[Hashes], truth: list[set[tuple[int, int]]]) -> Row:
    found, ms, wall = _timed(search, uploads)
    compared = list(zip(found, truth, strict=False))
    hits, wanted = sum(len(one & other) for one, other in compared), sum(len(other) for _, other in compared)
    return {
        "way": name,
        "ms": round(float(np.median(ms)), 1),
        "ms 95th": round(float(np.percentile(ms, 95)), 1),
        "wall ms": round(float(np.median(wall)), 1),
        "n": len(uploads),
        "recall": hits / wanted,
        "pairs": f"{hits}/{wanted}",
        "beyond": sum(len(one - other) for one, other in compared),
    }


def _timed(
    search: Search, uploads: list[Hashes]
) -> tuple[list[set[tuple[int, int]]], list[float], list[float]]:
    """Answers, and for each the milliseconds of the processor and of the wall."""
    found, ms, wall = [], [], []
    for upload in uploads:
        start, began = time.process_time(), time.perf_counter()
        found.append(search(upload))
        ms.append((time.process_time() - start) * 1000)
        wall.append((time.perf_counter() - began) * 1000)
    return found, ms, wall


def _noisy(hashes: Hashes, random: np.random.Generator) -> Hashes:
    bits = np.unpackbits(hashes.view(np.uint8).reshape(len(hashes), 32), axis=1)
    for row in bits:
        row[random.choice(256, random.integers(0, THRESHOLD + 1), replace=False)] ^= 1
    return np.packbits(bits, axis=1).view(np.uint64).reshape(-1, 4)


def _pairs(owners: NDArray[Any], numbers: NDArray[Any]) -> set[tuple[int, int]]:
    return set(zip(owners.tolist(), numbers.tolist(), strict=True))


def _resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
