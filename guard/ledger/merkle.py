"""Merkle tree hashing and proofs of RFC 6962, section 2.1 (verification as in RFC 9162, section 2.1).

Everything here is pure: nodes are 32-byte SHA-256 hashes, a *complete* node ``(level, index)`` covers the
leaves ``[index * 2**level, (index + 1) * 2**level)``. Proofs are planned as leaf ranges, so that a store of
complete nodes can fetch all that a proof needs in one query, without hashing a single leaf again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Range = tuple[int, int]
"""Leaves ``[start, end)``; in a plan always a subtree of the RFC's recursion."""

Node = tuple[int, int]
"""``(level, index)`` of a complete subtree."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an interior node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """The largest power of two below ``size`` (``size`` at least 2): where RFC 6962 splits a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def nodes_of(leaves: Range) -> list[Node]:
    """The complete nodes, left to right, that together make the subtree over ``leaves``."""
    start, end = leaves
    nodes: list[Node] = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root of the subtree whose complete nodes, left to right, are ``hashes`` (none: the empty tree)."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def completed_by(index: int) -> list[Node]:
    """Left siblings that are needed when leaf ``index`` is appended, from the bottom up.

    Joined with the new leaf one after the other they give the new complete nodes of levels 1, 2, ...
    """
    siblings: list[Node] = []
    level = 0
    while (index >> level) & 1:
        siblings.append((level, (index >> level) - 1))
        level += 1
    return siblings


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Plan of an inclusion proof: sibling ranges from the leaf up to the root (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("index must lie inside the tree")
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    path.reverse()
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` proves that leaf hash ``leaf`` is at ``index`` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            value = node_hash(sibling, value)
            while number and not number & 1:
                number >>= 1
                last >>= 1
        else:
            value = node_hash(value, sibling)
        number >>= 1
        last >>= 1
    return last == 0 and value == root


@dataclass
class Frontier:
    """Right edge of a growing tree: replays leaves in order with O(log n) memory."""

    size: int = 0
    _edge: list[bytes] = field(default_factory=list)

    def push(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a leaf hash; yields every node ``(level, index, hash)`` that it completes, the leaf first.

        The iterator must be exhausted before the next push.
        """
        index, level, value = self.size, 0, leaf
        yield 0, index, value
        while (index >> level) & 1:
            value = node_hash(self._edge.pop(), value)
            level += 1
            yield level, index >> level, value
        self._edge.append(value)
        self.size += 1

    def root(self) -> bytes:
        """Root of the tree over all leaves pushed so far."""
        return fold(self._edge)
