"""Who signs: a certificate chain and something that can sign with its key.

The private key stays behind a function. A PEM key, a hardware token and a cloud KMS therefore look the same
from here, and no key material ever enters the C2PA library.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from guard.credentials import profile
from guard.credentials.errors import CredentialsError
from guard.credentials.signatures import EC_HASHES, PSS, to_cose

DEVELOPMENT_ORGANISATION = "Guard development (not for production)"
"""Organisation in the subject of every certificate made by `guard.credentials.development`."""


@dataclass(frozen=True)
class Identity:
    """A signing identity.

    Attributes:
        name: common name of the signing certificate.
        organisation: its organisation, which verifiers show as the issuer of the credentials.
        alg: C2PA name of the algorithm, for example "ES256".
        chain_pem: PEM chain, leaf first, without a self-signed root.
        expires: when the first certificate of the chain expires (aware, UTC).
        development: whether the certificate says of itself that it is for development only.
        sign: from the bytes to sign to the signature.
    """

    name: str
    organisation: str
    alg: str
    chain_pem: bytes = field(repr=False)
    expires: datetime
    development: bool
    sign: Callable[[bytes], bytes] = field(repr=False)

    @classmethod
    def from_pem(
        cls, chain_pem: bytes, key_pem: bytes, *, password: bytes | None = None, now: datetime | None = None
    ) -> Identity:
        """An identity from a PEM chain (leaf first) and its PEM private key.

        Raises:
            CredentialsError: `certificate_unreadable`, `key_unreadable`, `key_mismatch`, or any of
            `profile.check`.
        """
        chain = load_chain(chain_pem)
        profile.check(chain, now=now or datetime.now(UTC))
        key = load_key(key_pem, password)
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        if key.public_key().public_bytes(serialization.Encoding.DER, public) != chain[
            0
        ].public_key().public_bytes(serialization.Encoding.DER, public):
            raise CredentialsError(
                "key_mismatch", "The private key does not belong to the first certificate of the chain."
            )
        return cls._of(chain, _signer(key))

    @classmethod
    def from_callback(
        cls, chain_pem: bytes, sign: Callable[[bytes], bytes], *, now: datetime | None = None
    ) -> Identity:
        """An identity whose key lives elsewhere: a KMS, a hardware token, a signing service.

        Args:
            chain_pem: PEM chain, leaf first.
            sign: gets the bytes to sign (not their hash) and returns the signature; for EC keys either DER or
                r||s.
            now: time at which the chain must be valid; the clock if omitted.

        Raises:
            CredentialsError: as `from_pem`, less those about the key. The callback is not tried here.
        """
        chain = load_chain(chain_pem)
        profile.check(chain, now=now or datetime.now(UTC))
        return cls._of(chain, sign)

    @classmethod
    def unchecked(cls, chain_pem: bytes) -> Identity:
        """An identity to be looked at, whatever its certificate lacks; it cannot sign.

        Raises:
            CredentialsError: `certificate_unreadable`, or `certificate_profile` for a kind of key that C2PA lacks.
        """
        return cls._of(load_chain(chain_pem), _cannot_sign)

    @classmethod
    def _of(cls, chain: list[x509.Certificate], sign: Callable[[bytes], bytes]) -> Identity:
        leaf = chain[0]
        pem = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain if c.issuer != c.subject)
        organisation = _attribute(leaf, NameOID.ORGANIZATION_NAME)
        return cls(
            name=_attribute(leaf, NameOID.COMMON_NAME),
            organisation=organisation,
            alg=profile.algorithm(leaf),
            chain_pem=pem,
            expires=min(c.not_valid_after_utc for c in chain),
            development=organisation == DEVELOPMENT_ORGANISATION,
            sign=sign,
        )

    @property
    def chain(self) -> list[x509.Certificate]:
        """The chain, parsed; leaf first."""
        return x509.load_pem_x509_certificates(self.chain_pem)

    def cose_signature(self, data: bytes) -> bytes:
        """Sign and return the signature as COSE wants it (r||s for EC keys), checked against the certificate.

        Raises:
            CredentialsError: `signer_mismatch` if the signature is not one of the certificate's key; `signer_failed`,
                without its text, or another one if the signer raises that.
        """
        try:
            return to_cose(self.sign(data), data, self.chain[0])
        except CredentialsError:
            raise
        except Exception as error:  # noqa: BLE001 - a signer is foreign code
            raise CredentialsError(
                "signer_failed",
                f"The signer of {self.name!r} failed with {type(error).__name__}; check that the key service can be "
                "reached and lets us sign, then try again.",
            ) from None

    def prove(self) -> None:
        """Make one signature, so that a key that is away, refuses, or is another one is known before it is needed.

        Raises:
            CredentialsError: as `cose_signature`.
        """
        self.cose_signature(b"is this the key of the certificate?")


PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def load_key(key_pem: bytes, password: bytes | None = None) -> PrivateKey:
    """Parse a PEM private key.

    Raises:
        CredentialsError: `key_unreadable`, with none of the key in its message.
    """
    key: object = None
    with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = serialization.load_pem_private_key(key_pem, password)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise CredentialsError(
            "key_unreadable",
            "The private key cannot be read; give an EC, RSA or Ed25519 key as PKCS#8 PEM, with its "
            "password if it is encrypted.",
        )
    return key


def load_chain(chain_pem: bytes) -> list[x509.Certificate]:
    """Parse a PEM chain.

    Raises:
        CredentialsError: `certificate_unreadable`.
    """
    chain: list[x509.Certificate] = []
    with contextlib.suppress(ValueError):
        chain = x509.load_pem_x509_certificates(chain_pem)
    if not chain:
        raise CredentialsError(
            "certificate_unreadable",
            "The certificate chain cannot be read; give PEM certificates, leaf first.",
        )
    return chain


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    values = certificate.subject.get_attributes_for_oid(oid)
    return str(values[0].value) if values else ""


def _cannot_sign(_: bytes) -> bytes:
    raise CredentialsError("no_keys", "This identity was opened without its key.")


def _signer(key: PrivateKey) -> Callable[[bytes], bytes]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        digest = EC_HASHES[key.curve.name]
        return lambda data: key.sign(data, ec.ECDSA(digest))
    if isinstance(key, rsa.RSAPrivateKey):
        return lambda data: key.sign(data, PSS, hashes.SHA256())
    return key.sign
