"""Hashes and proofs against published roots and against a naive reading of RFC 6962."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.ledger import merkle

# The eight leaves and roots that certificate-transparency implementations publish as test vectors.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def ranges_to_hashes(leaves: list[bytes], ranges: list[merkle.Range]) -> list[bytes]:
    """Hash planned ranges by way of complete nodes, as the database does."""
    nodes: dict[merkle.Node, bytes] = {}
    frontier = merkle.Frontier()
    for leaf in leaves:
        for level, index, value in frontier.push(merkle.leaf_hash(leaf)):
            nodes[level, index] = value
    return [merkle.fold([nodes[node] for node in merkle.nodes_of(part)]) for part in ranges]


def make_leaves(size: int) -> list[bytes]:
    return [number.to_bytes(2, "big") for number in range(size)]


def test_empty_tree_has_the_published_root() -> None:
    assert merkle.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.Frontier().root() == merkle.EMPTY_ROOT


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    frontier = merkle.Frontier()
    for leaf in LEAVES[:size]:
        list(frontier.push(merkle.leaf_hash(leaf)))
    assert frontier.root().hex() == ROOTS[size - 1]


@given(st.data(), st.integers(1, 200))
def test_inclusion_proofs_are_those_of_the_rfc_and_hold(data: st.DataObject, size: int) -> None:
    leaves = make_leaves(size)
    index = data.draw(st.integers(0, size - 1))
    path = ranges_to_hashes(leaves, merkle.inclusion_ranges(index, size))
    root = naive_root(leaves)
    assert path == naive_path(index, leaves)
    assert merkle.verify_inclusion(merkle.leaf_hash(leaves[index]), index, size, path, root)


@given(st.data(), st.integers(2, 100))
def test_inclusion_proofs_hold_for_nothing_else(data: st.DataObject, size: int) -> None:
    leaves = make_leaves(size)
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
    path, root = naive_path(index, leaves), naive_root(leaves)
    leaf = merkle.leaf_hash(leaves[index])
    place = data.draw(st.integers(0, len(path) - 1))
    bent = [*path]
    bent[place] = bytes(31) + b"\x01"
    assert not merkle.verify_inclusion(merkle.leaf_hash(leaves[other]), index, size, path, root)
    assert not merkle.verify_inclusion(leaf, other, size, path, root)
    assert not merkle.verify_inclusion(leaf, index, size, bent, root)
    assert not merkle.verify_inclusion(leaf, index, size, path[:-1], root)
    assert not merkle.verify_inclusion(leaf, index, size, [*path, bytes(32)], root)
    assert not merkle.verify_inclusion(leaf, size, size, path, root)


def test_proofs_outside_of_the_tree_are_refused() -> None:
    with pytest.raises(ValueError, match="inside the tree"):
        merkle.inclusion_ranges(8, 8)
