"""Signing with a key in a PKCS#11 token: a hardware security module, a smart card, SoftHSM."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from guard.credentials.errors import CredentialsError
from guard.credentials.external import PublicKey, missing, unusable
from guard.credentials.signatures import digest_of

PIN = "GUARD_PKCS11_PIN"
"""Environment variable of the PIN."""

_PATH = frozenset({"token", "serial", "object", "id", "type", "model", "manufacturer"})
_AWAY = frozenset(
    {"DeviceError", "DeviceRemoved", "FunctionFailed", "GeneralError", "NoSuchToken", "TokenNotPresent"}
)
"""What the library says of a token that may come back; of the rest, no waiting helps."""
_lock = threading.Lock()  # a process logs in to a token once, for all its sessions


@dataclass(frozen=True)
class _Place:
    """Where a key is, out of its URI."""

    module: str
    token: str
    object: str | None
    id: bytes | None
    pin: str | None = field(repr=False)


@dataclass(frozen=True)
class TokenKey:
    """A key pair of a token; implements `guard.credentials.external.ExternalKey`."""

    place: _Place
    public_key: PublicKey

    @classmethod
    def open(cls, uri: str) -> TokenKey:
        """The key pair of an RFC 7512 URI.

        Raises:
            CredentialsError: `key_uri_invalid`, `extra_missing`, `signer_failed`, `signer_unavailable`.
        """
        place = _parse(uri)
        with _session(place) as (library, session):
            found = _one(session, place, library.ObjectClass.PUBLIC_KEY)
            if found.key_type == library.KeyType.EC:
                from pkcs11.util.ec import encode_ec_public_key as encode
            elif found.key_type == library.KeyType.RSA:
                from pkcs11.util.rsa import encode_rsa_public_key as encode_pkcs1

                encode = _spki_of(encode_pkcs1)
            else:
                raise unusable()
            public = load_der_public_key(encode(found))
        return cls(place, public)  # type: ignore[arg-type]

    def sign(self, data: bytes) -> bytes:
        """r||s for an EC key, PSS with SHA-256 for an RSA key.

        Raises:
            CredentialsError: `signer_failed`, `signer_unavailable`.
        """
        with _session(self.place) as (library, session):
            private = _one(session, self.place, library.ObjectClass.PRIVATE_KEY)
            if isinstance(self.public_key, ec.EllipticCurvePublicKey):
                digest = digest_of(data, self.public_key.curve)
                return bytes(private.sign(digest, mechanism=library.Mechanism.ECDSA))
            parameters = (library.Mechanism.SHA256, library.MGF.SHA256, 32)
            mechanism = library.Mechanism.SHA256_RSA_PKCS_PSS
            return bytes(private.sign(data, mechanism=mechanism, mechanism_param=parameters))


def _parse(uri: str) -> _Place:
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    parts = dict(part.split("=", 1) for part in path.split(";") if "=" in part)
    asked = {name: values[0] for name, values in parse_qs(query.replace("+", "%2B")).items()}
    if "pin-value" in asked:
        raise CredentialsError(
            "key_uri_invalid",
            f"A PIN does not belong into the URI: set {PIN}, or name a file with pin-source=file:/….",
        )
    if unknown := set(parts) - _PATH:
        raise CredentialsError("key_uri_invalid", f"The URI has unknown parts: {', '.join(sorted(unknown))}.")
    module = asked.get("module-path")
    if not module or "token" not in parts or not ("object" in parts or "id" in parts):
        raise CredentialsError(
            "key_uri_invalid",
            "Name the token, the key and the module: pkcs11:token=T;object=K?module-path=/path/to/module.so",
        )
    return _Place(
        module=module,
        token=unquote(parts["token"]),
        object=unquote(parts["object"]) if "object" in parts else None,
        id=unquote_to_bytes(parts["id"]) if "id" in parts else None,
        pin=_pin(asked.get("pin-source")),
    )


def _pin(source: str | None) -> str | None:
    if source is None:
        return os.environ.get(PIN)
    try:
        return Path(source.removeprefix("file:").removeprefix("//")).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise CredentialsError(
            "key_uri_invalid", "The file that pin-source names cannot be read; check its path and mode."
        ) from None


@contextmanager
def _session(place: _Place) -> Iterator[tuple[Any, Any]]:
    """The library and a session that is logged in."""
    try:
        import pkcs11
    except ImportError:
        raise missing("pkcs11") from None
    with _lock:
        try:
            token = pkcs11.lib(place.module).get_token(token_label=place.token)
            with token.open(user_pin=place.pin) as session:
                yield pkcs11, session
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
            raise CredentialsError(
                "signer_unavailable" if type(error).__name__ in _AWAY else "signer_failed",
                f"The token {place.token!r} failed with {type(error).__name__}; check that it is there, that "
                f"{place.module} is its module, and the PIN in {PIN} or in the file of pin-source.",
            ) from None


def _one(session: Any, place: _Place, kind: Any) -> Any:
    return session.get_key(object_class=kind, label=place.object, id=place.id)


def _spki_of(encode_pkcs1: Any) -> Any:
    """RSA public keys come as PKCS#1; a certificate has them inside a SubjectPublicKeyInfo."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return lambda key: load_der_public_key(encode_pkcs1(key)).public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
