"""The certificate profile that C2PA asks of a signing certificate, checked before anything is signed.

Source: C2PA specification 2.4, "Digital signatures / X.509 certificates", and what c2pa-rs 0.91 enforces. The
library's own message for a bad certificate is "the certificate is invalid"; here each missing part has a
name.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from guard.credentials.errors import CredentialsError

CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
SIGNING_USAGES = (ExtendedKeyUsageOID.EMAIL_PROTECTION, DOCUMENT_SIGNING, CLAIM_SIGNING)
"""Extended key usages of which a signing certificate needs at least one."""

_FORBIDDEN_USAGES = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
}
_WEAK_HASHES = {"md5", "sha1"}
_E = TypeVar("_E", bound=x509.ExtensionType)
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


def algorithm(leaf: x509.Certificate) -> str:
    """C2PA name of the signature algorithm that fits the certificate's key.

    Returns:
        "ES256", "ES384", "ES512", "PS256" or "Ed25519".

    Raises:
        CredentialsError: `certificate_profile` if C2PA allows no algorithm for this key.
    """
    key = leaf.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
        return "PS256"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    raise CredentialsError(
        "certificate_profile",
        "The signing certificate's key is of no kind that C2PA allows; use EC P-256, P-384 or P-521, RSA "
        "of at least 2048 bits, or Ed25519.",
    )


def problems(leaf: x509.Certificate) -> tuple[str, ...]:
    """What the leaf lacks of the profile, each as a phrase that names the extension; empty if it conforms."""
    found: list[str] = []
    if leaf.version is not x509.Version.v3:
        found.append("X.509 version 3")
    if leaf.issuer == leaf.subject:
        found.append("an issuer other than itself (C2PA refuses self-signed certificates)")
    if leaf.signature_hash_algorithm is not None and leaf.signature_hash_algorithm.name in _WEAK_HASHES:
        found.append("a signature by its issuer with SHA-256 or stronger")
    found.extend(_extension_problems(leaf.extensions))
    return tuple(found)


def _extension_problems(extensions: x509.Extensions) -> list[str]:
    found: list[str] = []
    constraints = _extension(extensions, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        found.append("the extension basicConstraints with CA:FALSE (this is a CA certificate)")
    usage = _extension(extensions, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        found.append("the extension keyUsage with digitalSignature (critical)")
    elif usage.key_cert_sign:
        found.append("the extension keyUsage without keyCertSign (that is for CA certificates)")
    extended = _extension(extensions, x509.ExtendedKeyUsage)
    names = "emailProtection (1.3.6.1.5.5.7.3.4), documentSigning (1.3.6.1.5.5.7.3.36) or c2pa claimSigning"
    if extended is None or not any(oid in SIGNING_USAGES for oid in extended):
        found.append(f"the extension extendedKeyUsage with {names} (1.3.6.1.4.1.62558.2.1)")
    for oid in extended or ():
        if oid in _FORBIDDEN_USAGES:
            found.append(f"the extension extendedKeyUsage without {_FORBIDDEN_USAGES[oid]}")
    if _extension(extensions, x509.AuthorityKeyIdentifier) is None:
        found.append("the extension authorityKeyIdentifier")
    return found


def _extension(extensions: x509.Extensions, kind: type[_E]) -> _E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def check(chain: Sequence[x509.Certificate], *, now: datetime) -> None:
    """Check a signing chain, leaf first.

    Args:
        chain: leaf, then each one's issuer.
        now: aware time at which it must be valid.

    Raises:
        CredentialsError: `certificate_profile` names every missing extension; `certificate_expired`;
            `certificate_not_yet_valid`; `certificate_chain` if a link's signature does not fit.
    """
    leaf = chain[0]
    missing = problems(leaf)
    if missing:
        raise CredentialsError(
            "certificate_profile",
            "The signing certificate cannot sign for C2PA; it needs " + "; ".join(missing) + ".",
        )
    algorithm(leaf)
    for index, (child, parent) in enumerate(itertools.pairwise(chain)):
        try:
            child.verify_directly_issued_by(parent)
        except (InvalidSignature, ValueError, TypeError):
            raise CredentialsError(
                "certificate_chain",
                f"Certificate {index + 2} of the chain did not issue certificate {index + 1}; give the "
                "signing certificate first, then each one's issuer.",
            ) from None
    for certificate in chain:
        if certificate.not_valid_after_utc < now:
            raise CredentialsError(
                "certificate_expired",
                f"A certificate of the chain expired on {certificate.not_valid_after_utc:%Y-%m-%d}; "
                "rotate the key.",
            )
        if certificate.not_valid_before_utc > now:
            raise CredentialsError(
                "certificate_not_yet_valid",
                f"A certificate of the chain is valid only from {certificate.not_valid_before_utc:%Y-%m-%d}; "
                "check this machine's clock.",
            )
