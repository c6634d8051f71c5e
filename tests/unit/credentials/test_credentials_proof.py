"""A key's proof: one signature of each key, tried again only while the key's service is away."""

from __future__ import annotations

import threading

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from guard.credentials import CredentialsError, Identity, KeyProof
from guard.credentials.proof import RETRY_AFTER
from tests.credentials_forge import ISSUER, certificate

KEY = ec.generate_private_key(ec.SECP256R1())


class Signer:
    """A key that fails with this code as long as there is one, and counts what it is asked."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.asked = 0
        self.identity = Identity.from_callback(certificate(KEY) + ISSUER.certificate_pem, self._sign)

    def _sign(self, data: bytes) -> bytes:
        self.asked += 1
        if self.fault is not None:
            raise CredentialsError(self.fault, "The key does not sign.")
        return KEY.sign(data, ec.ECDSA(hashes.SHA256()))


class Clock:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def code_of(proof: KeyProof, key: str, signer: Signer) -> str | None:
    try:
        proof.require(key, signer.identity)
    except CredentialsError as error:
        return error.code
    return None


def test_a_key_that_works_signs_once() -> None:
    signer, proof = Signer(), KeyProof(clock := Clock())
    for _ in range(3):
        assert code_of(proof, "one", signer) is None
        clock.now += 3600
    assert signer.asked == 1
    assert code_of(proof, "two", signer) is None
    assert signer.asked == 2


def test_a_service_that_is_away_is_tried_again_and_not_at_every_question() -> None:
    signer, proof = Signer(), KeyProof(clock := Clock())
    signer.fault = "signer_unavailable"
    for _ in range(10):
        assert code_of(proof, "one", signer) == "signer_unavailable"
    assert signer.asked == 1
    signer.fault = None
    assert code_of(proof, "one", signer) == "signer_unavailable"
    clock.now += RETRY_AFTER
    assert code_of(proof, "one", signer) is None


@pytest.mark.parametrize("code", ["signer_failed", "signer_mismatch"])
def test_a_key_that_refuses_is_left_alone_until_it_is_another(code: str) -> None:
    signer, proof = Signer(), KeyProof(clock := Clock())
    signer.fault = code
    for _ in range(3):
        assert code_of(proof, "one", signer) == code
        clock.now += 3600
    assert signer.asked == 1
    signer.fault = None
    assert code_of(proof, "two", signer) is None


def test_nobody_waits_for_a_try_of_somebody_else() -> None:
    signer, proof = Signer(), KeyProof()
    begun, answer = threading.Event(), threading.Event()

    def slow(data: bytes) -> bytes:
        begun.set()
        assert answer.wait(30)
        return KEY.sign(data, ec.ECDSA(hashes.SHA256()))

    identity = Identity.from_callback(certificate(KEY) + ISSUER.certificate_pem, slow)
    first = threading.Thread(target=proof.require, args=("one", identity))
    first.start()
    assert begun.wait(30)
    assert code_of(proof, "one", signer) == "signer_unproven"
    answer.set()
    first.join()
    assert code_of(proof, "one", signer) is None
    assert signer.asked == 0
