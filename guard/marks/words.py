"""The payload as bits for a codec that is not ours: as many as it carries, ours to check.

What is carried is the same as in the lattice: 64 payload bits and a keyed check of 40 (see :mod:`guard.marks.polar`).
A codec of 512 bits and more carries the polar code word. One of 96 to 511 bits carries the payload and as much of the
check as fits, over and over; what its decoder was least sure of is guessed: up to 1,024 words, most likely first,
each held against the check. So whatever the pictures are, a payload that the key's owner did not embed passes with

    P(false payload) <= keys x 1,024 / 2**32 = 7.2e-7 per file

at most, for three keys and the shortest check of 32 bits; for the polar code, whose lists
hold 32 and 1,024 words, held against all 40 bits of the check, 2.9e-9.
"""

import heapq
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from guard.marks import polar
from guard.marks.keys import MarkKey

LEAST_BITS = polar.PAYLOAD_BITS + 32
"""Bits that a codec must carry at least."""
GUESSES = 1024
"""Words held against the check, at most, where there is no code."""


def written(key: MarkKey, payload: bytes, bits: int) -> polar.Bits:
    """What a codec of so many bits carries, (bits,)."""
    if bits >= polar.LENGTH:
        return np.resize(polar.encode(key, payload), bits)
    return np.resize(_word(key, payload)[:bits], bits)


def read(key: MarkKey, soft: npt.NDArray[np.float64]) -> bytes | None:
    """The payload that a codec's soft bits spell under a key, if there is one.

    Args:
        key: to check with.
        soft: (bits,) how surely each bit is zero (positive) or one; their common scale is immaterial.
    """
    if len(soft) >= polar.LENGTH:
        code = _folded(soft, polar.LENGTH).astype(np.float32)[None]
        (payload,) = polar.decode([key], code)
        return payload or polar.decode([key], code, polar.LONG_LIST)[0]
    total = _folded(soft, _length(len(soft)))
    hard = (total < 0).astype(np.uint8)
    order = np.argsort(np.abs(total), kind="stable")
    for flips in _guesses(np.abs(total)[order].tolist()):
        guess = hard.copy()
        guess[order[flips]] ^= 1
        payload = np.packbits(guess[: polar.PAYLOAD_BITS]).tobytes()
        if (guess == _word(key, payload)[: len(guess)]).all():
            return payload
    return None


def false_payload_bound(bits: int, keys: int) -> float:
    """Chance that a file yields a payload nobody put there, at most, for a codec of so many bits."""
    if bits >= polar.LENGTH:
        return keys * (polar.LIST_SIZE + polar.LONG_LIST) / 2.0**polar.CHECK_BITS
    return keys * GUESSES / 2.0 ** (_length(bits) - polar.PAYLOAD_BITS)


def _length(bits: int) -> int:
    """Bits of the payload and as much of its check as fits."""
    return min(bits, polar.PAYLOAD_BITS + polar.CHECK_BITS)


def _folded(soft: npt.NDArray[np.float64], length: int) -> npt.NDArray[np.float64]:
    """(length,) sums over what says the same."""
    return np.bincount(np.arange(len(soft)) % length, soft, length).astype(np.float64)


def _word(key: MarkKey, payload: bytes) -> polar.Bits:
    return np.unpackbits(np.frombuffer(payload + polar.check_word(key, payload), dtype=np.uint8))


def _guesses(costs: list[float]) -> Iterator[list[int]]:
    """Sets of places to flip, given rising costs, in order of what they cost together; the empty one first."""
    yield []
    heap = [(costs[0], [0])]
    for _ in range(GUESSES - 1):
        cost, flips = heapq.heappop(heap)
        yield flips
        last = flips[-1]
        if last + 1 < len(costs):
            heapq.heappush(heap, (cost + costs[last + 1], [*flips, last + 1]))
            heapq.heappush(heap, (cost - costs[last] + costs[last + 1], [*flips[:-1], last + 1]))
