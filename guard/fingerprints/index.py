"""An index of very many picture hashes: one file, read by mapping it, that misses nothing within the threshold.

Multi-index hashing: the 256 bits are cut into 11 or 12 chunks. Of two hashes that differ in at most 31 bits, at least
one chunk differs in at most two (11 chunks with three or more would make 33), so looking up each chunk with up to two
bits turned around finds every match; what it finds is then compared in full. Chunks are looked up by as many of
their bits as the number of hashes calls for, which only makes the comparison longer, never the answer shorter. Longer
chunks suit very many hashes: their table is larger, and fewer hashes share a place in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guard.fingerprints.match import THRESHOLD

FEW, MANY = 12, 11
"""Chunks, of hashes up to `MANY_FROM` and from there on."""
MANY_FROM = 1 << 24
RADIUS = THRESHOLD // MANY
"""Bits that are turned around; the same for either number of chunks."""
_FORMAT = 2
_HEAD = 4096
_LEAST_BITS = 8
_BLOCK = 1 << 20
"""Candidates that are compared at a time: bounds the memory of a search for pictures that are everywhere."""
_QUERIES = 16
_READ = 1 << 24

Hashes = NDArray[np.uint64]
"""Shape (n, 4): 256 bits in the order of the machine's words."""
Owners = NDArray[np.uint32]
"""Shape (n,): whose picture it is, as a number that the caller gives."""


class IndexFileError(Exception):
    """The index cannot be used: ``index_missing``, ``index_damaged``, or ``index_unwritable``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class _Layout:
    """Where the arrays lie in a file of `count` hashes that are looked up by `bits` bits of each of `chunks`."""

    count: int
    chunks: int
    bits: int

    @classmethod
    def of(cls, count: int, chunks: int | None) -> _Layout:
        cut = chunks or (FEW if count < MANY_FROM else MANY)
        return cls(count, cut, min(256 // cut, max(_LEAST_BITS, count.bit_length() - 2)))

    def keys(self, hashes: Hashes, chunk: int) -> NDArray[np.uint32]:
        """The leading bits of a chunk, as a number."""
        word, offset = divmod(256 * chunk // self.chunks, 64)
        value = hashes[:, word] >> np.uint64(offset)
        if offset + self.bits > 64:
            value = value | (hashes[:, word + 1] << np.uint64(64 - offset))
        return (value & np.uint64((1 << self.bits) - 1)).astype(np.uint32)

    def arrays(self, raw: Any) -> tuple[Hashes, Owners, NDArray[np.uint32], NDArray[np.uint32]]:
        """Hashes (n, 4), owners (n,), rows by chunk (chunks, n), and where each key's begin (chunks, keys + 1)."""
        n, keys = self.count, (1 << self.bits) + 1
        ends = np.cumsum([_HEAD, 32 * n, 4 * n, 4 * self.chunks * n, 4 * self.chunks * keys])
        hashes, owners, rows, starts = (raw[a:b] for a, b in pairwise(ends))
        return (
            hashes.view(np.uint64).reshape(n, 4),
            owners.view(np.uint32),
            rows.view(np.uint32).reshape(self.chunks, n),
            starts.view(np.uint32).reshape(self.chunks, keys),
        )

    @property
    def size(self) -> int:
        keys = (1 << self.bits) + 1
        return _HEAD + self.count * (32 + 4 + 4 * self.chunks) + 4 * self.chunks * keys


class HashIndex:
    """The index of a file; safe to search from many threads.

    Args:
        path: a file that `build` wrote.

    Attributes:
        count: how many hashes it has.
        note: what the builder wrote down about them.

    Raises:
        IndexFileError: ``index_missing``, ``index_damaged``.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                head = json.loads(file.read(_HEAD).rstrip(b"\0"))
                layout = _Layout(int(head["count"]), int(head["chunks"]), int(head["bits"]))
                size = os.fstat(file.fileno()).st_size
                if head["format"] != _FORMAT or layout.size != size or _digest(path) != head["sha256"]:
                    raise _damaged(path)
                self.note: dict[str, Any] = dict(head["note"])
        except FileNotFoundError:
            raise IndexFileError("index_missing", f"There is no index at {path} yet.") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise _damaged(path) from None
        self.count, self._layout = layout.count, layout
        self._hashes, self._owners, self._rows, self._starts = layout.arrays(
            np.memmap(path, np.uint8, "r").view(np.ndarray)
        )
        self._masks = _masks(layout.bits)

    def search(self, hashes: Hashes) -> tuple[Owners, NDArray[np.int64]]:
        """Every recorded hash within `THRESHOLD` bits of one of these.

        Args:
            hashes: shape (m, 4).

        Returns:
            Pairs without repetition: an owner, and the number of the hash that one of its own is like.
        """
        pairs = [np.empty(0, np.uint64)]
        for first in range(0, len(hashes) if self.count else 0, _QUERIES):
            asked = hashes[first : first + _QUERIES]
            for owners, numbers in self._candidates(asked):
                pairs.append(np.unique((owners.astype(np.uint64) << np.uint64(32)) | (numbers + first)))
        found = np.unique(np.concatenate(pairs))
        return (found >> np.uint64(32)).astype(np.uint32), (found & np.uint64(0xFFFFFFFF)).astype(np.int64)

    def _candidates(self, asked: Hashes) -> Iterator[tuple[Owners, NDArray[np.uint64]]]:
        for chunk in range(self._layout.chunks):
            keys = self._layout.keys(asked, chunk)[:, None] ^ self._masks[None]
            begin = self._starts[chunk][keys.ravel()].astype(np.int64)
            lengths = self._starts[chunk][keys.ravel() + 1].astype(np.int64) - begin
            before = np.concatenate([[0], np.cumsum(lengths)])
            for start in range(0, int(before[-1]), _BLOCK):
                places = np.arange(start, min(start + _BLOCK, int(before[-1])))
                run = np.searchsorted(before, places, side="right") - 1 if len(before) > 2 else 0 * places
                rows = self._rows[chunk][begin[run] + places - before[run]]
                numbers = run // len(self._masks)
                near = _distance(self._hashes[rows], asked[numbers]) <= THRESHOLD
                yield self._owners[rows[near]], numbers[near].astype(np.uint64)


def scan(hashes: Hashes, owners: Owners, asked: Hashes) -> tuple[Owners, NDArray[np.int64]]:
    """The same answer by comparing everything with everything: for a few hashes, and to measure the index by."""
    found_owners, found_numbers = [np.empty(0, np.uint32)], [np.empty(0, np.int64)]
    for number, one in enumerate(asked):
        for start in range(0, len(hashes), _BLOCK):
            near = _distance(hashes[start : start + _BLOCK], one[None]) <= THRESHOLD
            own = np.unique(owners[start : start + _BLOCK][near])
            found_owners.append(own)
            found_numbers.append(np.full(len(own), number))
    pairs = np.unique(np.stack([np.concatenate(found_owners), np.concatenate(found_numbers)]), axis=1)
    return pairs[0].astype(np.uint32), pairs[1].astype(np.int64)


def build(
    path: Path,
    batches: Iterable[tuple[Hashes, Owners]],
    count: int,
    note: dict[str, Any],
    progress: Callable[[float], None] = lambda share: None,
    *,
    chunks: int | None = None,
) -> None:
    """Write an index; the file appears whole, mode 0600, in place of an older one.

    Args:
        path: where.
        batches: all hashes with their owners.
        count: how many there are.
        note: what to write down about them, as JSON.
        progress: is told the share done, 0 to 1.
        chunks: `FEW` or `MANY`; by the number of hashes if unset.

    Raises:
        IndexFileError: ``index_unwritable``.
        ValueError: there are not `count` hashes.
    """
    layout = _Layout.of(count, chunks)
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            draft.chmod(0o600)
            file.truncate(layout.size)
        raw = np.memmap(draft, np.uint8, "r+")
        hashes, owners, rows, starts = layout.arrays(raw)
        done = 0
        for some, theirs in batches:
            hashes[done : done + len(some)], owners[done : done + len(some)] = some, theirs
            done += len(some)
            progress(0.3 * done / max(1, count))
        if done != count:
            raise ValueError(f"there are {done} hashes, not {count}")
        for chunk in range(layout.chunks):
            keys = layout.keys(hashes, chunk)
            rows[chunk] = np.argsort(keys, kind="stable")
            starts[chunk, 1:] = np.cumsum(np.bincount(keys, minlength=1 << layout.bits))
            progress(0.3 + 0.65 * (chunk + 1) / layout.chunks)
        raw.flush()
        head = {"format": _FORMAT, **asdict(layout), "note": note, "sha256": _digest(draft)}
        with draft.open("r+b") as file:
            file.write(json.dumps(head).encode().ljust(_HEAD, b"\0"))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        progress(1.0)
    except OSError as error:
        raise IndexFileError(
            "index_unwritable", f"The index cannot be written to {path.parent}: {error.strerror}."
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _masks(bits: int) -> NDArray[np.uint32]:
    """All ways to turn at most `RADIUS` of so many bits around."""
    turned = [
        sum(1 << bit for bit in chosen)
        for number in range(RADIUS + 1)
        for chosen in combinations(range(bits), number)
    ]
    return np.array(turned, np.uint32)


def _distance(first: Hashes, second: Hashes) -> NDArray[np.uint16]:
    return np.asarray(np.bitwise_count(first ^ second).sum(axis=1, dtype=np.uint16))


def _digest(path: Path) -> str:
    """Hex sha256 of everything behind the head."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(_HEAD)
        while block := file.read(_READ):
            digest.update(block)
    return digest.hexdigest()


def _damaged(path: Path) -> IndexFileError:
    return IndexFileError("index_damaged", f"The index at {path} is damaged; run: guard index rebuild")
