"""Fingerprints as JSON and bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.fingerprints import ALGORITHM, Fingerprint, FingerprintError, FrameHash
from guard.fingerprints.match import hamming

HASHES = st.builds(
    FrameHash,
    st.integers(0, 2**32 - 1).map(lambda ms: ms / 1000),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.integers(0, 100),
    st.integers(1, 100),
)


@given(st.lists(HASHES, max_size=20).map(tuple))
def test_json_and_bytes_go_both_ways(hashes: tuple[FrameHash, ...]) -> None:
    fingerprint = Fingerprint(hashes)
    assert Fingerprint.from_json(fingerprint.to_json()) == fingerprint
    assert Fingerprint.from_bytes(fingerprint.to_bytes()) == fingerprint
    assert len(fingerprint.to_bytes()) == 1 + 38 * len(hashes)
    assert fingerprint.digest.startswith("sha256:")


GOOD = ["ab" * 32, 90, 100]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"algorithm": "other", "hashes": []},
        {"algorithm": ALGORITHM, "hashes": [[0.0]]},
        {"algorithm": ALGORITHM, "hashes": [["soon", *GOOD]]},
        {"algorithm": ALGORITHM, "hashes": [[-1.0, *GOOD]]},
        {"algorithm": ALGORITHM, "hashes": [[0.0, "ab", 90, 100]]},
        {"algorithm": ALGORITHM, "hashes": [[0.0, "zz" * 32, 90, 100]]},
        {"algorithm": ALGORITHM, "hashes": [[0.0, "ab" * 32, 900, 100]]},
    ],
)
def test_what_is_no_fingerprint_is_refused(value: Any) -> None:
    with pytest.raises(FingerprintError) as caught:
        Fingerprint.from_json(value)
    assert caught.value.code == "fingerprint_malformed"


@pytest.mark.parametrize("value", [b"", b"\2", b"\1" + bytes(37)])
def test_what_are_no_bytes_of_one_is_refused(value: bytes) -> None:
    with pytest.raises(FingerprintError):
        Fingerprint.from_bytes(value)


def test_distances_count_bits() -> None:
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, (6, 256), np.uint8)
    words = np.packbits(bits, axis=1).view(">u8").astype(np.uint64)
    expected = (bits[:, None] != bits[None]).sum(-1)
    assert np.array_equal(hamming(words, words), expected)
