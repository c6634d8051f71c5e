"""Hashed n-gram features of normalised text, vectorised with numpy.

Characters in runs of two to five that do not cross a word boundary, words, and pairs of words. Each
distinct feature counts once; characters and words are each scaled to about unit length, so that neither a
long text nor the more numerous character runs drown the rest; very short texts stay below it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BITS = 18
DIMENSIONS = 1 << BITS
WINDOW = 400
"""Longest text, in characters, that is scored as one."""
LONG = 2000
"""A text longer than this is scored sentence by sentence."""
SURROUNDINGS = 300
"""Characters in whose middle a sentence is read again that stands out."""
STRETCH = 200
"""Longest part of a sentence that is scored by itself."""

Span = tuple[int, int]
"""First character, one past the last."""
_SHARED = 100  # characters; a phrase no longer than this is whole in one of two pieces
_SHORTEST = 40  # characters; a shorter sentence is read with the one before it
_ENDS = re.compile(r"(?<=[.!?…])\s+|\n+")
_GAPS = re.compile(r"[\W_]+")
_PRIME = np.uint64(0x100000001B3)
_CHARS = range(2, 6)
_DAMPING = (40.0, 6.0)  # a text of few words says little: its features count less
_Ints = NDArray[np.uint64]
_Whole = NDArray[np.int64]
Floats = NDArray[np.float32]


class Features(NamedTuple):
    """Features of n stretches, one after the other, as the rows of a sparse matrix.

    Attributes:
        starts: Where the features of each begin, and at last where they end (n + 1,). Each has one at least.
        indices: Below ``DIMENSIONS``, in each stretch distinct and sorted.
        values: As many.
    """

    starts: NDArray[np.int64]
    indices: NDArray[np.int64]
    values: Floats


def features(texts: Sequence[str]) -> Features:
    """Features of stretches of normalised text, all at once: a long text has hundreds."""
    plain = [" " + _GAPS.sub(" ", text).strip() + " " for text in texts]
    codes = np.frombuffer("".join(plain).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    owners = np.repeat(np.arange(len(plain)), [len(text) for text in plain])
    spaces = codes == 32
    keys = [np.unique(grams(codes, spaces, owners)) for grams in (_char_grams, _word_grams)]
    values = []
    for distinct, damping in zip(keys, _DAMPING, strict=True):
        of = distinct >> BITS
        values.append((1 / np.sqrt(np.bincount(of) + damping)).astype(np.float32)[of])
    merged, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    total = np.bincount(inverse, np.concatenate(values), len(merged)).astype(np.float32)
    starts = np.searchsorted(merged, np.arange(len(plain) + 1) << BITS)
    return Features(starts, merged & (DIMENSIONS - 1), total)


def spans(text: str) -> list[Span]:
    """What of a text is scored.

    Up to ``WINDOW`` characters the whole, of a longer text overlapping pieces, and of one longer than ``LONG`` every
    sentence by itself, so that one harm among many harmless words is not drowned. A short sentence is scored with the
    one before it, a long one in overlapping pieces.
    """
    if len(text) <= LONG:
        return _cut(text, (0, len(text)), WINDOW)
    found: list[Span] = []
    before = None
    for start, end in _sentences(text):
        if end - start >= _SHORTEST:
            found += _cut(text, (start, end), STRETCH)
        else:
            found.append((start if before is None else max(before, start - STRETCH), end))
        before = start
    return found or [(0, 0)]


def windows(text: str) -> list[str]:
    """The stretches that ``spans`` finds; what repeats is scored once."""
    return list(dict.fromkeys(text[start:end] for start, end in spans(text)))


def around(text: str, span: Span) -> str:
    """The ``SURROUNDINGS`` characters that have a stretch in their middle, from the beginning of a word on."""
    start, end = span
    first = max(0, min((start + end - SURROUNDINGS) // 2, len(text) - SURROUNDINGS))
    gap = text.find(" ", first, start) if first else -1
    return text[gap + 1 if gap >= 0 else first :][:SURROUNDINGS]


def _sentences(text: str) -> Iterator[Span]:
    start = 0
    for end in _ENDS.finditer(text):
        if start < end.start():
            yield start, end.start()
        start = end.end()
    if start < len(text):
        yield start, len(text)


def _cut(text: str, span: Span, length: int) -> list[Span]:
    """Parts of at most ``length`` characters that begin with a word and share ``_SHARED`` with the next."""
    start, end = span
    step = length - _SHARED
    found = []
    while end - start > length:
        found.append((start, start + length))
        gap = text.rfind(" ", start + step // 2, start + step)
        start = gap + 1 if gap >= 0 else start + step
    return [*found, (start, end)]


def _char_grams(codes: _Ints, spaces: NDArray[np.bool_], owners: _Whole) -> _Whole:
    """Keys of runs of characters."""
    before = np.concatenate(([0], np.cumsum(spaces)))
    found = []
    value = codes
    for n in _CHARS:
        last = max(0, len(codes) - n + 1)
        value = value[:last] * _PRIME + codes[n - 1 :]
        inner = before[n - 1 : len(codes)] - before[1 : last + 1]  # spaces strictly inside
        kept = (inner == 0) & (owners[:last] == owners[n - 1 :])
        found.append(_keys(_mix(value[kept] + np.uint64(n)), owners[:last][kept]))
    return np.concatenate(found)


def _word_grams(codes: _Ints, spaces: NDArray[np.bool_], owners: _Whole) -> _Whole:
    """Keys of words and pairs of words. A word begins with the space before it."""
    places = np.flatnonzero(spaces)
    lengths = np.diff(np.append(places, len(codes)))
    position = np.arange(len(codes), dtype=np.uint64) - np.repeat(places, lengths).astype(np.uint64)
    mixed = _mix(codes + (position << np.uint64(32)))
    words = lengths > 1  # the space at a stretch's end begins none
    single, of = _mix(np.add.reduceat(mixed, places))[words], owners[places[words]]
    beside = of[:-1] == of[1:]
    pairs = _mix(single[:-1] * _PRIME + single[1:])[beside]
    return np.concatenate((_keys(single, of), _keys(pairs, of[:-1][beside])))


def _keys(hashes: _Ints, owners: _Whole) -> _Whole:
    """The stretch that each feature stands in, above its index."""
    return (owners << BITS) + (hashes >> np.uint64(64 - BITS)).astype(np.int64)


def _mix(value: _Ints) -> _Ints:
    """Finaliser of splitmix64: spreads every input bit over the whole word."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
