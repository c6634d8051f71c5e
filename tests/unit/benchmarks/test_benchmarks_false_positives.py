"""The benchmark of false positives: it counts what it finds, and finds a mark where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.watermark import false_positives
from guard.marks import Embedder
from tests import media


@pytest.fixture
def picture() -> np.ndarray:
    return next(media.scene(640, 512, 1, seed=6))


def test_an_unmarked_picture_is_no_positive(picture: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(picture).save(tmp_path / "plain.png")
    found = false_positives.tally(tmp_path / "plain.png", "ab", 2)
    assert found is not None
    assert (found.kind, found.trials, found.readings) == ("image", 6, 2)
    assert (found.payloads, found.unreadable) == (0, 0)
    assert found.words > 2 * 3 * 4 * 32
    assert 3 < found.greatest < 6.5


def test_a_mark_of_one_of_the_keys_is_counted(picture: np.ndarray, tmp_path: Path) -> None:
    # else a benchmark that never finds anything would look the same
    key = false_positives._keys("ab", 1)[2]
    marked = Embedder(key, bytes(8), 640, 512, "still")(picture[None])[0]
    Image.fromarray(marked).save(tmp_path / "marked.png")
    found = false_positives.tally(tmp_path / "marked.png", "ab", 2)
    assert found is not None
    assert (found.payloads, found.unreadable) == (1, 0)


def test_what_holds_no_picture_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    assert false_positives.tally(tmp_path / "text.png", "ab", 1) is None


def test_the_confidence_bound_is_exact_for_no_event() -> None:
    assert false_positives.upper_bound(0, 10_000) == pytest.approx(2.995e-4, rel=1e-3)
    assert false_positives.upper_bound(1, 10_000) is None
