"""The index of hashes finds exactly what comparing everything finds, and a damaged one is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from guard.fingerprints.index import FEW, MANY, HashIndex, IndexFileError, Owners, build, scan
from guard.fingerprints.match import THRESHOLD

Hashes = NDArray[np.uint64]


def turned(hashes: Hashes, bits: NDArray[np.int64], random: np.random.Generator) -> Hashes:
    """Each hash with so many of its bits turned around."""
    found = np.unpackbits(hashes.view(np.uint8).reshape(len(hashes), 32), axis=1)
    for row, number in zip(found, bits, strict=True):
        row[random.choice(256, number, replace=False)] ^= 1
    return np.packbits(found, axis=1).view(np.uint64).reshape(-1, 4)


def made(path: Path, hashes: Hashes, owners: Owners, chunks: int | None = None) -> HashIndex:
    batches = [(hashes[:100], owners[:100]), (hashes[100:], owners[100:])]
    build(path, batches, len(hashes), {"through": 7}, chunks=chunks)
    return HashIndex(path)


def pairs(found: tuple[Owners, NDArray[np.int64]]) -> set[tuple[int, int]]:
    return set(zip(found[0].tolist(), found[1].tolist(), strict=True))


@pytest.fixture(scope="module")
def recorded() -> tuple[Hashes, Owners]:
    random = np.random.default_rng(5)
    hashes = random.integers(0, 2**64, (8000, 4), dtype=np.uint64)
    hashes[500:540] = hashes[0]  # one picture that very many releases have
    return hashes, np.arange(8000, dtype=np.uint32) // 8


@pytest.mark.parametrize("chunks", [FEW, MANY])
def test_it_finds_what_a_scan_finds(tmp_path: Path, recorded: tuple[Hashes, Owners], chunks: int) -> None:
    hashes, owners = recorded
    random = np.random.default_rng(6)
    rows = np.concatenate([[0], random.choice(8000, 400, replace=False)])
    asked = turned(hashes[rows], random.integers(0, THRESHOLD + 6, len(rows)), random)
    found = pairs(made(tmp_path / "pictures.index", hashes, owners, chunks).search(asked))
    assert found == pairs(scan(hashes, owners, asked))
    assert len(found) > 300


@pytest.mark.parametrize("chunks", [FEW, MANY])
def test_the_last_bit_that_still_counts_is_found_wherever_the_others_are(tmp_path: Path, chunks: int) -> None:
    random = np.random.default_rng(7)
    hashes = random.integers(0, 2**64, (300, 4), dtype=np.uint64)
    index = made(tmp_path / "pictures.index", hashes, np.arange(300, dtype=np.uint32), chunks)
    near = turned(hashes, np.full(300, THRESHOLD), random)
    assert pairs(index.search(near)) == {(number, number) for number in range(300)}
    assert pairs(index.search(turned(hashes, np.full(300, THRESHOLD + 1), random))) == set()
    for chunk in range(chunks):  # as unevenly as possible: two bits here, three and more everywhere else
        edges = [256 * number // chunks for number in range(chunks + 1)]
        bits = np.unpackbits(hashes[:1].view(np.uint8))
        where = [edges[chunk], edges[chunk] + 1]
        others = [edges[other] + bit for other in range(chunks) if other != chunk for bit in range(3)]
        for bit in [*where, *others][:THRESHOLD]:
            bits[bit // 8 * 8 + 7 - bit % 8] ^= 1  # bit 0 is the lowest of the first word
        assert pairs(index.search(np.packbits(bits).view(np.uint64).reshape(1, 4))) == {(0, 0)}


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    build(tmp_path / "pictures.index", [], 0, {})
    found = HashIndex(tmp_path / "pictures.index").search(np.zeros((3, 4), np.uint64))
    assert pairs(found) == set()
    assert (
        pairs(scan(np.empty((0, 4), np.uint64), np.empty(0, np.uint32), np.zeros((3, 4), np.uint64))) == set()
    )


def test_nothing_asked_finds_nothing(tmp_path: Path, recorded: tuple[Hashes, Owners]) -> None:
    index = made(tmp_path / "pictures.index", *recorded)
    assert pairs(index.search(np.empty((0, 4), np.uint64))) == set()
    assert (index.count, index.note) == (8000, {"through": 7})


@pytest.mark.parametrize("place", [0, 30, 5000, 300_000, -1])
def test_a_damaged_file_is_refused(tmp_path: Path, recorded: tuple[Hashes, Owners], place: int) -> None:
    path = tmp_path / "pictures.index"
    made(path, *recorded)
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(IndexFileError) as caught:
        HashIndex(path)
    assert caught.value.code == "index_damaged"


def test_a_cut_file_and_none_are_refused(tmp_path: Path, recorded: tuple[Hashes, Owners]) -> None:
    path = tmp_path / "pictures.index"
    with pytest.raises(IndexFileError) as caught:
        HashIndex(path)
    assert caught.value.code == "index_missing"
    made(path, *recorded)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(IndexFileError) as caught:
        HashIndex(path)
    assert caught.value.code == "index_damaged"


def test_a_wrong_count_leaves_the_old_index(tmp_path: Path, recorded: tuple[Hashes, Owners]) -> None:
    path = tmp_path / "pictures.index"
    made(path, *recorded)
    with pytest.raises(ValueError, match="8000"):
        build(path, [recorded], 8001, {})
    assert HashIndex(path).count == 8000
    assert [entry.name for entry in tmp_path.iterdir()] == ["pictures.index"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(IndexFileError) as caught:
        build(tmp_path / "nowhere" / "pictures.index", [], 0, {})
    assert caught.value.code == "index_unwritable"
