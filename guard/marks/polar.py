"""Polar code of 512 bits that carries the payload and a keyed check word, with a list decoder.

64 payload bits and 32 check bits are sent on the 96 most reliable of 512 polarised channels (rate 3/16). The
decoder is successive cancellation with a list of 16 paths (Tal and Vardy 2015) and the min-sum approximation;
of the surviving paths, the most likely one whose check word fits is taken, or none.

The check word is the first 32 bits of HMAC-SHA-256 over the payload, under a subkey that nothing else uses,
in place of a CRC-32. It serves the list decoder as well as a CRC does, and because it is unpredictable
without the key, the chance that a wrong word passes is 2**-32 for *any* wrong word: noise, another key's
mark, or a forger's error pattern.
"""

import functools
import math

import numpy as np
import numpy.typing as npt

from guard.marks.jit import compiled
from guard.marks.keys import MarkKey

PAYLOAD_BYTES = 8
PAYLOAD_BITS = 8 * PAYLOAD_BYTES
CHECK_BITS = 32
LENGTH = 512
LIST_SIZE = 16
_DESIGN_SNR_DB = -3.0

Bits = npt.NDArray[np.uint8]


def _reliability_order(stages: int, snr_db: float) -> npt.NDArray[np.int64]:
    """Channel indices from least to most reliable (Gaussian approximation, Chung et al. 2001)."""

    def phi(x: float) -> float:
        if x < 10:
            return math.exp(-0.4527 * x**0.86 + 0.0218)
        return math.sqrt(math.pi / x) * math.exp(-x / 4) * (1 - 10 / (7 * x))

    def phi_inverse(y: float) -> float:
        low, high = 0.0, 4000.0
        for _ in range(60):
            middle = (low + high) / 2
            if middle < 1e-9 or phi(middle) > y:
                low = middle
            else:
                high = middle
        return low

    means = [2 * 10 ** (snr_db / 10)]
    for _ in range(stages):
        following: list[float] = []
        for mean in means:
            p = phi(mean) if mean > 1e-9 else 1.0
            following += [phi_inverse(1 - (1 - p) ** 2) if p < 1 else 0.0, 2 * mean]
        means = following
    return np.argsort(np.array(means), kind="stable")


@functools.cache
def _information_set() -> tuple[npt.NDArray[np.int64], Bits]:
    order = _reliability_order(LENGTH.bit_length() - 1, _DESIGN_SNR_DB)
    frozen = np.ones(LENGTH, dtype=np.uint8)
    frozen[order[-(PAYLOAD_BITS + CHECK_BITS) :]] = 0
    return np.flatnonzero(frozen == 0), frozen


def _transform(word: Bits) -> Bits:
    """Multiply by the polar generator matrix, inputs in natural and outputs in bit-reversed order, (512,)."""
    stages = LENGTH.bit_length() - 1
    block = word.copy()
    for stage in range(stages):
        pairs = block.reshape(-1, 2, 1 << stage)
        pairs[:, 0] ^= pairs[:, 1]
    reverse = [int(f"{i:0{stages}b}"[::-1], 2) for i in range(LENGTH)]
    return block[reverse]


def check_word(key: MarkKey, payload: bytes) -> bytes:
    """The 4 check bytes that go with a payload of 8 bytes under ``key``."""
    return key.derive("check", payload)[: CHECK_BITS // 8]


def encode(key: MarkKey, payload: bytes) -> Bits:
    """Code word of a payload.

    Args:
        key: Key whose check word protects the payload.
        payload: 8 bytes.

    Returns:
        (512,) bits.
    """
    information, _ = _information_set()
    word = np.zeros(LENGTH, dtype=np.uint8)
    word[information] = np.unpackbits(np.frombuffer(payload + check_word(key, payload), dtype=np.uint8))
    return _transform(word)


def decode(key: MarkKey, llr: npt.NDArray[np.float32]) -> bytes | None:
    """Payload of a noisy code word, or ``None`` if no path of the list passes the check.

    Args:
        key: Key to check with. llr: (512,) log likelihood ratios, positive where a zero bit is more likely.
        Their common scale is immaterial.
    """
    information, frozen = _information_set()
    paths, metric = decode_list(np.ascontiguousarray(llr, dtype=np.float32), frozen, LIST_SIZE)
    for i in np.argsort(metric, kind="stable"):
        word = np.packbits(paths[i, information]).tobytes()
        if word[PAYLOAD_BYTES:] == check_word(key, word[:PAYLOAD_BYTES]):
            return word[:PAYLOAD_BYTES]
    return None


@compiled
def decode_list(
    llr: npt.NDArray[np.float32], frozen: Bits, size: int
) -> tuple[Bits, npt.NDArray[np.float64]]:
    """Successive cancellation list decoding.

    Args:
        llr: (n,) log likelihood ratios, n a power of two.
        frozen: (n,) one where the input bit is fixed to zero.
        size: Number of paths kept.

    Returns:
        (paths, n) input words and their (paths,) penalties, lower is more likely.
    """
    n = len(llr)
    stages = 0
    while (1 << stages) < n:
        stages += 1
    # layer l of a path holds n >> l values, from start[l] on
    start = np.zeros(stages + 1, np.int64)
    for layer in range(1, stages + 1):
        start[layer] = start[layer - 1] + (n >> (layer - 1))
    soft = np.zeros((size, 2 * n), np.float32)
    sums = np.zeros((size, 2, 2 * n), np.uint8)
    words = np.zeros((size, n), np.uint8)
    penalty = np.full(size, 1e30)
    penalty[0] = 0.0
    soft[0, :n] = llr
    active = 1
    fork = np.empty(2 * size)
    end = start[stages]
    for phase in range(n):
        top = stages
        rest = phase
        while top > 1 and (rest & 1) == 0:
            rest >>= 1
            top -= 1
        for path in range(active):
            for layer in range(top, stages + 1):
                odd = (phase >> (stages - layer)) & 1
                here = start[layer]
                above = start[layer - 1]
                for b in range(n >> layer):
                    x = soft[path, above + 2 * b]
                    y = soft[path, above + 2 * b + 1]
                    if odd == 0:
                        low = min(abs(x), abs(y))
                        soft[path, here + b] = low if (x < 0) == (y < 0) else -low
                    elif sums[path, 0, here + b]:
                        soft[path, here + b] = y - x
                    else:
                        soft[path, here + b] = y + x
        parity = phase & 1
        if frozen[phase]:
            for path in range(active):
                value = soft[path, end]
                if value < 0:
                    penalty[path] -= value
                sums[path, parity, end] = 0
        else:
            for path in range(active):
                value = soft[path, end]
                fork[2 * path] = penalty[path] - min(value, 0.0)
                fork[2 * path + 1] = penalty[path] + max(value, 0.0)
            keep = np.zeros((active, 2), np.uint8)
            if 2 * active <= size:
                keep[:] = 1
            else:
                for choice in np.argsort(fork[: 2 * active])[:size]:
                    keep[choice >> 1, choice & 1] = 1
            free = np.empty(size, np.int64)
            spare = 0
            for path in range(size - 1, -1, -1):
                if path >= active or (keep[path, 0] == 0 and keep[path, 1] == 0):
                    free[spare] = path
                    spare += 1
            for path in range(active):
                if keep[path, 0] and keep[path, 1]:
                    spare -= 1
                    copy = free[spare]
                    soft[copy] = soft[path]
                    sums[copy] = sums[path]
                    words[copy] = words[path]
                    penalty[copy] = fork[2 * path + 1]
                    words[copy, phase] = 1
                    sums[copy, parity, end] = 1
                bit = 0 if keep[path, 0] else 1
                if keep[path, bit]:
                    penalty[path] = fork[2 * path + bit]
                    words[path, phase] = bit
                    sums[path, parity, end] = bit
            if 2 * active <= size:
                active *= 2
            else:
                active = size
        if parity:
            for path in range(active):
                layer = stages
                rest = phase
                while rest & 1 and layer > 0:
                    side = (rest >> 1) & 1
                    here = start[layer]
                    above = start[layer - 1]
                    for b in range(n >> layer):
                        first = sums[path, 0, here + b]
                        second = sums[path, 1, here + b]
                        sums[path, side, above + 2 * b] = first ^ second
                        sums[path, side, above + 2 * b + 1] = second
                    rest >>= 1
                    layer -= 1
    return words[:active], penalty[:active]
