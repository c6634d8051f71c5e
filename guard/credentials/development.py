"""A certificate authority for development, made on this machine at first start.

Root and intermediate live ten years, leaves at most 366 days as the C2PA conformance programme asks. The
root's private key is thrown away once it has signed the intermediate, so nobody can extend this authority.
Whoever holds the folder can sign as this installation: it is for development, says so in every subject, and
no list that anyone else uses will ever trust it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guard.credentials.identity import DEVELOPMENT_ORGANISATION
from guard.credentials.profile import CLAIM_SIGNING

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)
_BACKDATE = timedelta(minutes=5)  # clocks of verifiers may be a little behind


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key, both PEM; the key never shows in a repr."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"Issued({self.certificate.subject.rfc4514_string()!r})"

    @property
    def certificate_pem(self) -> bytes:
        """PEM of the certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """PKCS#8, unencrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def make_authority(*, now: datetime | None = None) -> tuple[x509.Certificate, Issued]:
    """Make a root and an intermediate.

    Returns:
        The root certificate, whose key is already forgotten, and the intermediate with its key.
    """
    start = (now or datetime.now(UTC)) - _BACKDATE
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = _name("Guard development root")
    root = _authority(root_name, root_key.public_key(), root_name, root_key, start, path_length=1)
    key = ec.generate_private_key(ec.SECP256R1())
    intermediate = _authority(
        _name("Guard development intermediate"), key.public_key(), root_name, root_key, start, path_length=0
    )
    return root, Issued(intermediate, key)


def issue_leaf(issuer: Issued, *, now: datetime | None = None, lifetime: timedelta = LEAF_LIFETIME) -> Issued:
    """A new claim-signing certificate with a new P-256 key.

    Args:
        issuer: the intermediate.
        now: start of validity; the clock if omitted.
        lifetime: at most 366 days.
    """
    if lifetime > timedelta(days=366):
        raise ValueError("a signing certificate lives at most 366 days")
    start = (now or datetime.now(UTC)) - _BACKDATE
    key = ec.generate_private_key(ec.SECP256R1())
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING])
    certificate = (
        _builder(
            _name("Guard development signer"), issuer.certificate.subject, key.public_key(), start, lifetime
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_claims=True), critical=True)
        .add_extension(usages, critical=False)
        .add_extension(_authority_key(issuer.key.public_key()), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    return Issued(certificate, key)


def _authority(
    name: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    start: datetime,
    *,
    path_length: int,
) -> x509.Certificate:
    return (
        _builder(name, issuer, key, start, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(signs_claims=False), critical=True)
        .add_extension(_authority_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority_key(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _key_usage(*, signs_claims: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs_claims,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs_claims,
        crl_sign=not signs_claims,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT_ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
