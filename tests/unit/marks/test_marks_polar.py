"""The polar code: what it corrects, and what it refuses."""

from __future__ import annotations

import numpy as np

from guard.marks import MarkKey, polar


def noisy(code: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Log likelihood ratios of a code word sent with +1 and -1 over Gaussian noise, SNR per code bit."""
    deviation = 10 ** (-snr_db / 20)
    received = 1 - 2.0 * code + rng.normal(0, deviation, code.shape)
    return (2 * received / deviation**2).astype(np.float32)


def decode(key: MarkKey, llr: np.ndarray) -> bytes | None:
    (payload,) = polar.decode([key], llr[None])
    return payload


def test_every_payload_comes_back_from_a_clean_channel(key: MarkKey) -> None:
    rng = np.random.default_rng(1)
    for payload in (bytes(8), b"\xff" * 8, *(rng.bytes(8) for _ in range(20))):
        code = polar.encode(key, payload)
        assert code.shape == (512,)
        assert decode(key, (1 - 2.0 * code).astype(np.float32)) == payload


def test_noise_beyond_what_hard_decisions_could_bear(key: MarkKey) -> None:
    rng = np.random.default_rng(2)
    correct = hard_errors = 0
    for _ in range(60):
        payload = rng.bytes(8)
        code = polar.encode(key, payload)
        llr = noisy(code, -3.5, rng)
        hard_errors += int(np.count_nonzero((llr < 0) != code))
        correct += decode(key, llr) == payload
    assert hard_errors / 60 > 100  # a quarter of all 512 bits arrive wrong
    assert correct >= 56


def test_failures_are_refused_not_wrong(key: MarkKey) -> None:
    rng = np.random.default_rng(3)
    outcomes = []
    for _ in range(100):
        payload = rng.bytes(8)
        outcomes.append(decode(key, noisy(polar.encode(key, payload), -9.5, rng)) in (payload, None))
    assert all(outcomes)
    assert decode(key, rng.normal(size=512).astype(np.float32)) is None


def test_words_are_decoded_together_as_they_are_alone(key: MarkKey) -> None:
    rng = np.random.default_rng(4)
    payloads = [rng.bytes(8) for _ in range(12)]
    llr = np.stack([noisy(polar.encode(key, payload), -4.0, rng) for payload in payloads])
    together = polar.decode([key] * len(llr), llr)
    assert together == [decode(key, word) for word in llr]
    assert together.count(None) < 12


def test_check_word_depends_on_the_key(key: MarkKey, other_key: MarkKey, payload: bytes) -> None:
    clean = (1 - 2.0 * polar.encode(key, payload)).astype(np.float32)
    assert polar.check_word(key, payload) != polar.check_word(other_key, payload)
    assert decode(key, clean) == payload
    assert decode(other_key, clean) is None


def test_a_changed_payload_bit_is_detected(key: MarkKey, payload: bytes) -> None:
    changed = bytes([payload[0] ^ 1]) + payload[1:]
    information, _ = polar._information_set()
    word = np.zeros(512, np.uint8)
    word[information] = np.unpackbits(np.frombuffer(changed + polar.check_word(key, payload), np.uint8))
    assert decode(key, 8 * (1 - 2.0 * polar._transform(word)).astype(np.float32)) is None
