"""Hashed n-gram features of normalised text, vectorised with numpy.

Characters in runs of two to five that do not cross a word boundary, words, and pairs of words. Each
distinct feature counts once; characters and words are each scaled to about unit length, so that neither a
long text nor the more numerous character runs drown the rest; very short texts stay below it.
"""

import re

import numpy as np
from numpy.typing import NDArray

BITS = 18
DIMENSIONS = 1 << BITS
WINDOW = 400
"""Longest text, in characters, that is scored as one."""
LONG = 2000
"""A text longer than this is scored sentence by sentence, too."""
STRETCH = 200
"""Longest part of a sentence that is scored by itself."""

_SHORTEST = 40  # characters; a shorter sentence is read with the one before it
_ENDS = re.compile(r"(?<=[.!?…])\s+|\n+")
_GAPS = re.compile(r"[\W_]+")
_PRIME = np.uint64(0x100000001B3)
_CHARS = range(2, 6)
_DAMPING = (40.0, 6.0)  # a text of few words says little: its features count less
_Ints = NDArray[np.uint64]
Floats = NDArray[np.float32]


def features(text: str) -> tuple[NDArray[np.int64], Floats]:
    """Features of one stretch of normalised text.

    Returns:
        Indices (n,) below ``DIMENSIONS``, distinct and sorted, and their values (n,).
    """
    plain = " " + _GAPS.sub(" ", text).strip() + " "
    codes = np.frombuffer(plain.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    spaces = codes == 32
    groups = (_char_grams(codes, spaces), _word_grams(codes, spaces))
    indices = [np.unique((group >> np.uint64(64 - BITS)).astype(np.int64)) for group in groups]
    values = [
        np.full(len(found), 1 / np.sqrt(len(found) + damping), np.float32)
        for found, damping in zip(indices, _DAMPING, strict=True)
    ]
    merged, inverse = np.unique(np.concatenate(indices), return_inverse=True)
    total = np.zeros(len(merged), np.float32)
    np.add.at(total, inverse, np.concatenate(values))
    return merged, total


def windows(text: str) -> list[str]:
    """What of a text is scored: up to ``WINDOW`` characters the whole, of a longer text overlapping pieces.

    Of a text longer than ``LONG`` every sentence is scored by itself, too, so that one harm among many harmless words
    is not drowned. What repeats is scored once.
    """
    found = _cut(text, WINDOW)
    if len(text) <= LONG:
        return found
    before = ""
    for sentence in _ENDS.split(text):
        if len(sentence) >= _SHORTEST:
            found += _cut(sentence, STRETCH)
        elif sentence:
            found.append(f"{before[-STRETCH:]} {sentence}".strip())
        before = sentence
    return list(dict.fromkeys(found))


def _cut(text: str, length: int) -> list[str]:
    """Overlapping parts of at most ``length`` characters that begin with a word."""
    step = length * 3 // 4
    found = []
    start = 0
    while len(text) - start > length:
        found.append(text[start : start + length])
        gap = text.rfind(" ", start + step // 2, start + step)
        start = gap + 1 if gap >= 0 else start + step
    return [*found, text[start:]]


def _char_grams(codes: _Ints, spaces: NDArray[np.bool_]) -> _Ints:
    before = np.concatenate(([0], np.cumsum(spaces)))
    found = []
    value = codes
    for n in _CHARS:
        if len(codes) < n:
            break
        value = value[: len(codes) - n + 1] * _PRIME + codes[n - 1 :]
        inner = before[n - 1 : len(codes)] - before[1 : len(codes) - n + 2]  # spaces strictly inside
        found.append(_mix(value[inner == 0] + np.uint64(n)))
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def _word_grams(codes: _Ints, spaces: NDArray[np.bool_]) -> _Ints:
    if len(codes) < 3:
        return np.zeros(0, np.uint64)
    places = np.flatnonzero(spaces)
    position = np.arange(len(codes), dtype=np.uint64) - np.repeat(
        places, np.diff(np.append(places, len(codes)))
    ).astype(np.uint64)
    mixed = _mix(codes + (position << np.uint64(32)))
    single = _mix(np.add.reduceat(mixed, places)[:-1])
    pairs = _mix(single[:-1] * _PRIME + single[1:])
    return np.concatenate((single, pairs))


def _mix(value: _Ints) -> _Ints:
    """Finaliser of splitmix64: spreads every input bit over the whole word."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
