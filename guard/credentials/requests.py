"""Certificate requests: what an authority needs to certify a signing key.

    requests/<id>/     key.pem or key.uri, and request.pem, until the certificate is imported

The id is the beginning of the public key's hash, so that a certificate finds the key it is for.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guard.credentials import external
from guard.credentials.errors import CredentialsError
from guard.credentials.identity import PrivateKey
from guard.credentials.keyfolder import locked, write
from guard.credentials.profile import CLAIM_SIGNING
from guard.credentials.signatures import EC_HASHES, PSS

Algorithm = Literal["ES256", "ES384", "ES512", "PS256", "Ed25519"]
KEY_FILE, URI_FILE = "key.pem", "key.uri"

_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@dataclass(frozen=True)
class CertificateRequest:
    """A request and where it waits for its certificate.

    Attributes:
        id: of the public key.
        path: of the request, PEM; this is what the authority gets.
        pem: its text.
    """

    id: str
    path: Path
    pem: str


@dataclass(frozen=True)
class Subject:
    """Whom the certificate is to name; verifiers show the organisation as the issuer of the credentials.

    Attributes:
        country: two letters, or empty.
    """

    common_name: str
    organisation: str
    country: str = ""


def request_certificate(
    folder: Path, subject: Subject, *, algorithm: Algorithm = "ES256", key_uri: str = ""
) -> CertificateRequest:
    """Make a key and a request for its certificate; what signs now goes on signing.

    The request asks for what C2PA's programme wants in a certificate: digital signature and non-repudiation, claim
    signing and e-mail protection.

    Args:
        folder: the key folder.
        subject: whom the certificate is to name.
        algorithm: of the new key; without meaning where the key exists already.
        key_uri: use this key of a token or service instead; see `guard.credentials.external`.

    Raises:
        CredentialsError: `subject_invalid`, or any of `external.open_key`.
    """
    name = _name(subject)
    key = external.as_private_key(external.open_key(key_uri)) if key_uri else _new_key(algorithm)
    request = _signed(
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(_EXTENDED_USAGE, critical=False),
        key,
    )
    pem = request.public_bytes(serialization.Encoding.PEM)
    with locked(folder):
        home = _home(folder, request.public_key())
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.parent.chmod(0o700)
        if key_uri:
            write(home / URI_FILE, key_uri.encode() + b"\n", 0o600)
        else:
            write(home / KEY_FILE, _pem(key), 0o600)
        write(home / "request.pem", pem, 0o644)
    return CertificateRequest(home.name, home / "request.pem", pem.decode("ascii"))


def requested_key(folder: Path, leaf: x509.Certificate) -> bytes | str | None:
    """The key that a certificate was requested for: PEM, a URI, or None if no request of ours is for it."""
    home = _home(folder, leaf.public_key())
    if (home / URI_FILE).exists():
        return (home / URI_FILE).read_text("utf-8").strip()
    return (home / KEY_FILE).read_bytes() if (home / KEY_FILE).exists() else None


def forget_request(folder: Path, leaf: x509.Certificate) -> None:
    """The certificate is here, and its key lies with it now."""
    shutil.rmtree(_home(folder, leaf.public_key()), ignore_errors=True)


def pending(folder: Path) -> tuple[str, ...]:
    """Ids of requests whose certificate was not imported yet."""
    return tuple(sorted(path.parent.name for path in (folder / "requests").glob("*/request.pem")))


_USAGE = x509.KeyUsage(
    digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
)  # fmt: skip
_EXTENDED_USAGE = x509.ExtendedKeyUsage([CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION])


def _name(subject: Subject) -> x509.Name:
    wanted = [
        (NameOID.COUNTRY_NAME, subject.country),
        (NameOID.ORGANIZATION_NAME, subject.organisation),
        (NameOID.COMMON_NAME, subject.common_name),
    ]
    try:
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in wanted if text])
    except ValueError as error:
        raise CredentialsError(
            "subject_invalid",
            f"The request cannot name this subject: {error}. Give a shorter name, or two letters.",
        ) from None


def _new_key(algorithm: Algorithm) -> PrivateKey:
    if algorithm == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "PS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key(_CURVES[algorithm])


def _signed(
    builder: x509.CertificateSigningRequestBuilder, key: PrivateKey
) -> x509.CertificateSigningRequest:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return builder.sign(key, EC_HASHES[key.curve.name])
    if isinstance(key, rsa.RSAPrivateKey):
        return builder.sign(key, hashes.SHA256(), rsa_padding=PSS)
    return builder.sign(key, None)


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _home(folder: Path, key: object) -> Path:
    spki = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return folder / "requests" / sha256(spki).hexdigest()[:16]
