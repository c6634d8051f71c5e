"""Signing with a key in AWS KMS, or in anything that speaks its protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from guard.credentials.errors import CredentialsError
from guard.credentials.external import PublicKey, missing
from guard.credentials.signatures import digest_of

RAW_LIMIT = 4096
"""KMS hashes messages of up to this many bytes itself; of longer ones it gets the hash."""

_EC_ALGORITHMS = {"secp256r1": "ECDSA_SHA_256", "secp384r1": "ECDSA_SHA_384", "secp521r1": "ECDSA_SHA_512"}
_ATTEMPTS = {"total_max_attempts": 3, "mode": "standard"}


@dataclass(frozen=True)
class KmsKey:
    """An asymmetric key of KMS; implements `guard.credentials.external.ExternalKey`."""

    key_id: str
    public_key: PublicKey
    client: Any = field(repr=False)

    @classmethod
    def open(cls, uri: str) -> KmsKey:
        """The key of `awskms://[ENDPOINT]/KEY`, where KEY is an id, an ARN, or `alias/NAME`.

        Region and access are the SDK's: environment, profile, or the machine's role. An endpoint on this machine is
        asked over HTTP, any other over HTTPS.

        Raises:
            CredentialsError: `key_uri_invalid`, `extra_missing`, `signer_failed`, `signer_unavailable`.
        """
        endpoint, _, key_id = uri.removeprefix("awskms://").partition("/")
        if not uri.startswith("awskms://") or not key_id:
            raise CredentialsError("key_uri_invalid", "Name the key: awskms:///alias/NAME or awskms:///ARN")
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise missing("kms") from None
        scheme = "http" if endpoint.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]") else "https"
        with _Failing():
            client = boto3.client(
                "kms",
                endpoint_url=f"{scheme}://{endpoint}" if endpoint else None,
                config=Config(connect_timeout=5, read_timeout=10, retries=_ATTEMPTS),
            )
            public = load_der_public_key(client.get_public_key(KeyId=key_id)["PublicKey"])
        return cls(key_id, public, client)  # type: ignore[arg-type]

    def sign(self, data: bytes) -> bytes:
        """DER for an EC key, PSS with SHA-256 for an RSA key.

        Raises:
            CredentialsError: `signer_failed`, `signer_unavailable`.
        """
        message, kind = data, "RAW"
        if len(data) > RAW_LIMIT:
            message, kind = self._digest(data), "DIGEST"
        with _Failing():
            answer = self.client.sign(
                KeyId=self.key_id, Message=message, MessageType=kind, SigningAlgorithm=self._algorithm()
            )
        return bytes(answer["Signature"])

    def _algorithm(self) -> str:
        if isinstance(self.public_key, ec.EllipticCurvePublicKey):
            return _EC_ALGORITHMS[self.public_key.curve.name]
        return "RSASSA_PSS_SHA_256"

    def _digest(self, data: bytes) -> bytes:
        if isinstance(self.public_key, ec.EllipticCurvePublicKey):
            return digest_of(data, self.public_key.curve)
        context = hashes.Hash(hashes.SHA256())
        context.update(data)
        return context.finalize()


class _Failing:
    """Tells of a failing service by the kind of its failure; the SDK's text may hold requests and addresses."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from botocore.exceptions import ConnectionError as NotReached

        if not isinstance(error, BotoCoreError | ClientError):
            return
        name, away = type(error).__name__, isinstance(error, NotReached | HTTPClientError)
        if isinstance(error, ClientError):
            name = str(error.response.get("Error", {}).get("Code", name))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            away = status >= 500 or name == "ThrottlingException"
        raise CredentialsError(
            "signer_unavailable" if away else "signer_failed",
            f"The key service failed with {name}; check region, access and the key's id, then try again.",
        ) from None
