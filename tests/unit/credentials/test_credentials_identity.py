"""Identities: which certificates can sign, which signers work, and what is said when they do not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID

from guard.credentials import CredentialsError, Identity, ManifestSpec, development, read, sign
from guard.credentials.trust import anchors_of
from tests.credentials_forge import ISSUER, NOW, certificate, pem

P256 = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"usages": []}, "extendedKeyUsage with emailProtection"),
        ({"usages": [ExtendedKeyUsageOID.SERVER_AUTH]}, "extendedKeyUsage with emailProtection"),
        (
            {"usages": [ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.TIME_STAMPING]},
            "extendedKeyUsage without timeStamping",
        ),
        ({"digital_signature": False}, "keyUsage with digitalSignature"),
        ({"authority_key": False}, "authorityKeyIdentifier"),
        ({"ca": True}, "basicConstraints with CA:FALSE"),
        ({"self_signed": True}, "an issuer other than itself"),
    ],
)
def test_a_certificate_that_cannot_sign_is_refused_by_the_name_of_what_is_missing(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(CredentialsError) as error:
        Identity.from_pem(certificate(P256, **change), pem(P256))
    assert error.value.code == "certificate_profile"
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"end": NOW - timedelta(minutes=1)}, "certificate_expired"),
        ({"start": NOW + timedelta(days=1)}, "certificate_not_yet_valid"),
    ],
)
def test_a_certificate_is_used_only_while_it_is_valid(change: dict[str, Any], code: str) -> None:
    with pytest.raises(CredentialsError) as error:
        Identity.from_pem(certificate(P256, **change), pem(P256))
    assert error.value.code == code


def test_key_and_chain_must_belong_together() -> None:
    leaf = certificate(P256)
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    stranger = development.make_authority()[1].certificate_pem
    cases: list[tuple[bytes, bytes, str]] = [
        (leaf, other, "key_mismatch"),
        (leaf + stranger, pem(P256), "certificate_chain"),
        (b"no certificate", pem(P256), "certificate_unreadable"),
        (leaf, b"-----BEGIN PRIVATE KEY-----\nSECRETSECRET\n-----END PRIVATE KEY-----\n", "key_unreadable"),
    ]
    for chain, key, code in cases:
        with pytest.raises(CredentialsError) as error:
            Identity.from_pem(chain, key)
        assert error.value.code == code
        assert "SECRET" not in str(error.value)
        assert error.value.__cause__ is None
        assert error.value.__context__ is None or error.value.__suppress_context__


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("ES256", P256),
        ("ES384", ec.generate_private_key(ec.SECP384R1())),
        ("ES512", ec.generate_private_key(ec.SECP521R1())),
        ("PS256", rsa.generate_private_key(65537, 2048)),
        ("Ed25519", ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_every_algorithm_of_c2pa_signs(
    alg: str, key: Any, clip: Path, spec: ManifestSpec, tmp_path: Path
) -> None:
    identity = Identity.from_pem(certificate(key) + ISSUER.certificate_pem, pem(key))
    assert identity.alg == alg
    sign(clip, tmp_path / "out.mp4", spec, identity)
    assert read(tmp_path / "out.mp4", anchors_of(identity.chain)).state == "trusted"


def der(data: bytes) -> bytes:
    return P256.sign(data, ec.ECDSA(hashes.SHA256()))


def raw(data: bytes) -> bytes:
    r, s = decode_dss_signature(der(data))
    return r.to_bytes(32) + s.to_bytes(32)


@pytest.mark.parametrize("callback", [der, raw])
def test_a_callback_may_answer_in_either_form(
    callback: Callable[[bytes], bytes], clip: Path, spec: ManifestSpec, tmp_path: Path
) -> None:
    identity = Identity.from_callback(certificate(P256) + ISSUER.certificate_pem, callback)
    sign(clip, tmp_path / "out.mp4", spec, identity)
    assert read(tmp_path / "out.mp4", anchors_of(identity.chain)).state == "trusted"


def test_a_leaf_without_its_issuer_signs_and_reads_as_valid(
    clip: Path, spec: ManifestSpec, tmp_path: Path
) -> None:
    identity = Identity.from_pem(certificate(P256), pem(P256))
    sign(clip, tmp_path / "out.mp4", spec, identity)
    assert read(tmp_path / "out.mp4", anchors_of(identity.chain)).state == "valid"


def broken(data: bytes) -> bytes:
    raise ConnectionError("token hunter2 was refused")


def foreign(data: bytes) -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).sign(data, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    ("callback", "code"),
    [
        (broken, "signer_failed"),
        (foreign, "signer_mismatch"),
        (lambda data: b"", "signer_mismatch"),
        (lambda data: b"x" * 64, "signer_mismatch"),
        (lambda data: None, "signer_failed"),
    ],
)
def test_a_signer_that_fails_leaves_nothing_behind_and_no_secret_anywhere(
    callback: Callable[[bytes], bytes],
    code: str,
    clip: Path,
    spec: ManifestSpec,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    identity = Identity.from_callback(certificate(P256) + ISSUER.certificate_pem, callback)
    with caplog.at_level(0), pytest.raises(CredentialsError) as error:
        sign(clip, tmp_path / "out.mp4", spec, identity)
    assert error.value.code == code
    assert error.value.__cause__ is None
    assert "hunter2" not in str(error.value) + caplog.text
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CredentialsError) as error:
        identity.prove()
    assert error.value.code == code
    assert error.value.__cause__ is None
    assert "hunter2" not in str(error.value)
