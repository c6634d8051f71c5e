"""Signing keys that live elsewhere: in a PKCS#11 token, or in AWS KMS.

Such a key has a URI that holds no secret, and the URI stands in the key folder where the key itself would:

    pkcs11:token=guard;object=signer?module-path=/usr/lib/softhsm/libsofthsm2.so     (RFC 7512)
    awskms:///alias/guard-signer                      (region and access as the SDK finds them)
    awskms://127.0.0.1:4566/alias/guard-signer        (another endpoint)

A token's PIN comes from the environment variable ``GUARD_PKCS11_PIN`` or from the file that ``pin-source`` names, and
never from the URI. What opens a key is an optional extra: ``generation-guard[pkcs11]``, ``generation-guard[kms]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from guard.credentials.errors import CredentialsError
from guard.credentials.signatures import EC_HASHES, to_der

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

SCHEMES = ("pkcs11:", "awskms:")


class ExternalKey(Protocol):
    """A key that can be used and not read."""

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""
        ...

    def sign(self, data: bytes) -> bytes:
        """A signature over the data (not over their hash): for EC keys DER or r||s, for RSA PSS with SHA-256."""
        ...


def is_uri(text: str) -> bool:
    """Whether this names an external key rather than a file."""
    return text.startswith(SCHEMES)


def open_key(uri: str) -> ExternalKey:
    """The key of that URI.

    Raises:
        CredentialsError: `key_uri_invalid`; `extra_missing` if the library for it is not installed;
            `signer_unavailable` if the token or service does not answer; `signer_failed` if it refuses, or does not
            hold the key; `certificate_profile` if C2PA does not allow its kind.
    """
    if uri.startswith("pkcs11:"):
        from guard.credentials.pkcs11 import TokenKey as Kind
    elif uri.startswith("awskms:"):
        from guard.credentials.aws_kms import KmsKey as Kind  # type: ignore[assignment]
    else:
        raise CredentialsError("key_uri_invalid", f"A key's URI begins with one of {', '.join(SCHEMES)}.")
    key: ExternalKey = Kind.open(uri)
    if isinstance(key.public_key, ec.EllipticCurvePublicKey) and key.public_key.curve.name not in EC_HASHES:
        raise unusable()
    return key


def signer(uri: str) -> Callable[[bytes], bytes]:
    """Signs with the key of that URI, which is looked for anew each time: a token may be away for a while."""
    return lambda data: open_key(uri).sign(data)


def missing(extra: str) -> CredentialsError:
    """The error of a library that is not installed."""
    return CredentialsError(
        "extra_missing",
        f"This kind of key needs a library that is not installed: pip install 'generation-guard[{extra}]'.",
    )


def unusable() -> CredentialsError:
    """The error of a key that signs nothing for C2PA."""
    return CredentialsError(
        "certificate_profile",
        "A key in a token or service must be of a kind that C2PA allows: EC P-256, P-384, P-521, or RSA.",
    )


def as_private_key(key: ExternalKey) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """The key in the form in which a certificate request can be signed with it; nothing else works with it."""
    public = key.public_key
    return _Ec(key, public) if isinstance(public, ec.EllipticCurvePublicKey) else _Rsa(key, public)


class _Unreadable:
    """What a key that is elsewhere refuses."""

    def _refuse(self, *_: object) -> Any:
        raise NotImplementedError("the key is in a token or service and does not leave it")

    private_numbers = private_bytes = exchange = decrypt = _refuse

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


class _Ec(_Unreadable, ec.EllipticCurvePrivateKey):
    def __init__(self, key: ExternalKey, public: ec.EllipticCurvePublicKey) -> None:
        self._key, self._public = key, public

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.curve.key_size

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        return to_der(self._key.sign(bytes(data)), self._public.curve)


class _Rsa(_Unreadable, rsa.RSAPrivateKey):
    def __init__(self, key: ExternalKey, public: rsa.RSAPublicKey) -> None:
        self._key, self._public = key, public

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        return self._key.sign(bytes(data))
