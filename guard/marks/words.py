"""The payload as bits for a codec that is not ours: as many as it carries, ours to check.

What comes after the decoder is the same as for the lattice: 64 payload bits and 32 bits of a keyed check (see
:mod:`guard.marks.polar`). A codec of 512 bits and more carries the polar code word. One of 96 to 511 bits carries
the 96 bits over and over; what its decoder was least sure of is guessed: up to 1,024 words, most likely first, each
held against the check. So whatever the pictures are, a payload that the key's owner did not embed passes with
probability

    P(false payload) <= keys x 1,024 / 2**32 = 7.2e-7 per file for three keys

(16 in place of 1,024 for the polar code, whose list has 16 words).
"""

import heapq
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from guard.marks import polar
from guard.marks.keys import MarkKey

WORD_BITS = polar.PAYLOAD_BITS + polar.CHECK_BITS
"""Bits that a codec must carry at least."""
GUESSES = 1024
"""Words held against the check, at most, where there is no code."""


def written(key: MarkKey, payload: bytes, bits: int) -> polar.Bits:
    """What a codec of so many bits carries, (bits,)."""
    if bits >= polar.LENGTH:
        return np.resize(polar.encode(key, payload), bits)
    return np.resize(_word(key, payload), bits)


def read(key: MarkKey, soft: npt.NDArray[np.float64]) -> bytes | None:
    """The payload that a codec's soft bits spell under a key, if there is one.

    Args:
        key: to check with.
        soft: (bits,) how surely each bit is zero (positive) or one; their common scale is immaterial.
    """
    length = polar.LENGTH if len(soft) >= polar.LENGTH else WORD_BITS
    total = np.bincount(np.arange(len(soft)) % length, weights=soft, minlength=length)
    if length == polar.LENGTH:
        return polar.decode(key, total.astype(np.float32))
    hard = (total < 0).astype(np.uint8)
    order = np.argsort(np.abs(total), kind="stable")
    for flips in _guesses(np.abs(total)[order].tolist()):
        guess = hard.copy()
        guess[order[flips]] ^= 1
        word = np.packbits(guess).tobytes()
        payload = word[: polar.PAYLOAD_BYTES]
        if word[polar.PAYLOAD_BYTES :] == polar.check_word(key, payload):
            return payload
    return None


def candidates(bits: int) -> int:
    """How many words are held against the check for each key, at most."""
    return polar.LIST_SIZE if bits >= polar.LENGTH else GUESSES


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
