"""Compilation: the cache works where nothing may be written, as in a sandboxed child."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from guard.marks import polar, search

from .conftest import Read

MODULE = """
from guard.marks.jit import compiled

@compiled
def double(x: float) -> float:
    return 2 * x
"""
FILL = "import doubling; assert doubling.double(2.0) == 4.0"
# root may write anywhere; without CAP_DAC_OVERRIDE (1) in the bounding set (PR_CAPBSET_DROP is 24) it may not
USE = """
import ctypes, json, os, sys
if "limited" not in sys.argv:
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], sys.argv[1], "limited"])
try:
    open(os.path.join(os.environ["NUMBA_CACHE_DIR"], "probe"), "w")
    writable = True
except OSError:
    writable = False
import doubling
result = doubling.double(2.0)
also_compiles_what_is_not_cached = doubling.double(2)
stats = doubling.double.stats
print(json.dumps([writable, result, sum(stats.cache_hits.values()), sum(stats.cache_misses.values())]))
"""


def test_filled_cache_is_used_read_only(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    cache = tmp_path / "cache"
    (tmp_path / "doubling.py").write_text(MODULE)
    paths = {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": f"{root}:{tmp_path}"}
    environment = {**os.environ, **paths}
    subprocess.run([sys.executable, "-c", FILL], env=environment, check=True)
    folders = [cache, *(p for p in cache.rglob("*") if p.is_dir())]
    assert len(list(cache.rglob("*.nbi"))) == 1
    for folder in folders:
        folder.chmod(0o500)
    try:
        done = subprocess.run(
            [sys.executable, "-c", USE, USE], env=environment, check=True, capture_output=True, text=True
        )
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert json.loads(done.stdout) == [False, 4.0, 1, 1]


def test_warm_up_compiles_all_that_reading_uses(
    read_frames: Read, textured_clip: np.ndarray, marked: np.ndarray
) -> None:
    read_frames(textured_clip[:4])
    read_frames(marked)
    for function in (polar.decode_list, search.score_grid, search.climb):
        assert len(function.signatures) == 1
