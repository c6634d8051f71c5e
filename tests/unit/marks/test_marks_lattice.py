"""Lines, key schedule and tile."""

from __future__ import annotations

import numpy as np
import pytest

from guard.marks import MarkError, MarkKey, polar
from guard.marks.lattice import LINES, PILOTS, canonical_size, lattice
from guard.marks.sync import SYMMETRIES, _permutations

PILOTS_OF_KEY = [3, 6, 9, 15, 17, 24, 28, 30]
DATA_OF_KEY = [293, 240, 325, 326, 53, 62, 328, 92]
PHASES_OF_KEY = [1.731371565, -1.700772115, -2.083013656]
CHECK_OF_KEY = "a7661b8f5b"


def test_lines_are_a_half_plane_closed_under_the_symmetries() -> None:
    lines = {tuple(k) for k in LINES.tolist()}
    assert len(lines) == 336
    assert not any((-x, -y) in lines for x, y in lines)
    for (target, mirrored), (p, q, r, s) in zip(_permutations(), SYMMETRIES, strict=True):
        assert sorted(target.tolist()) == list(range(336))
        sign = np.where(mirrored, -1, 1)[:, None]
        image = np.stack([p * LINES[:, 0] + q * LINES[:, 1], r * LINES[:, 0] + s * LINES[:, 1]], axis=1)
        assert np.array_equal(LINES[target] * sign, image)


def test_key_schedule_is_fixed_for_good(key: MarkKey) -> None:
    # changing any of this would orphan every file marked so far
    of = lattice(key)
    assert of.pilots[:8].tolist() == PILOTS_OF_KEY
    assert of.data[:8].tolist() == DATA_OF_KEY
    assert np.angle(of.rotation[:3]) == pytest.approx(PHASES_OF_KEY, abs=1e-9)
    assert polar.check_word(key, bytes(8)).hex() == CHECK_OF_KEY


def test_pilots_and_data_share_the_lines_out(key: MarkKey, other_key: MarkKey) -> None:
    of, other = lattice(key), lattice(other_key)
    assert sorted([*of.pilots.tolist(), *of.data.tolist()]) == list(range(336))
    assert len(set(of.pilots.tolist())) == PILOTS
    assert of.pilots.tolist() != other.pilots.tolist()
    correlation = abs((of.rotation * other.rotation.conj()).sum()) / 336
    assert correlation < 0.15


def test_tile_carries_the_symbols(key: MarkKey, payload: bytes) -> None:
    code = polar.encode(key, payload)
    of = lattice(key)
    tile = of.tile(code)
    assert tile.std() == pytest.approx(1, abs=1e-4)
    spectrum = np.fft.fft2(tile)[LINES[:, 1] % 64, LINES[:, 0] % 64]
    assert np.angle(spectrum * of.symbols(code).conj()) == pytest.approx(np.zeros(336), abs=1e-3)


@pytest.mark.parametrize(
    ("size", "canonical"), [((1280, 720), (455, 256)), ((720, 1280), (256, 455)), ((128, 128), (256, 256))]
)
def test_canonical_size(size: tuple[int, int], canonical: tuple[int, int]) -> None:
    assert canonical_size(*size) == canonical


def test_keys_are_checked_and_never_shown() -> None:
    with pytest.raises(MarkError) as caught:
        MarkKey("k", b"short")
    assert caught.value.code == "mark_key_invalid"
    with pytest.raises(MarkError):
        MarkKey("", bytes(32))
    assert "secret" not in repr(MarkKey("k", b"s" * 32))
    assert "ssss" not in repr(MarkKey("k", b"s" * 32))
