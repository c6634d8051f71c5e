"""Forms of signatures: DER as most signers answer, r||s as COSE wants it, PSS as C2PA asks of RSA."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from guard.credentials.errors import CredentialsError

EC_HASHES: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
"""The hash that goes with each curve that C2PA allows."""

PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
"""RSA padding of PS256."""


def digest_of(data: bytes, curve: ec.EllipticCurve) -> bytes:
    """The hash that an EC key of this curve signs."""
    context = hashes.Hash(EC_HASHES[curve.name])
    context.update(data)
    return context.finalize()


def to_der(signature: bytes, curve: ec.EllipticCurve) -> bytes:
    """An EC signature in DER, whichever of the two forms it came in."""
    size = (curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        return signature
    return encode_dss_signature(int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))


def to_cose(signature: bytes, data: bytes, leaf: x509.Certificate) -> bytes:
    """The signature in COSE form, once it is known to be the leaf's.

    Raises:
        CredentialsError: `signer_mismatch`.
    """
    key = leaf.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            der = to_der(signature, key.curve)
            key.verify(der, data, ec.ECDSA(EC_HASHES[key.curve.name]))
            size = (key.curve.key_size + 7) // 8
            return b"".join(part.to_bytes(size) for part in decode_dss_signature(der))
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, PSS, hashes.SHA256())
            return signature
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
            return signature
    except (InvalidSignature, ValueError, OverflowError):
        pass
    raise CredentialsError(
        "signer_mismatch",
        "The signer's answer is not a signature by the certificate's key; check which key it uses.",
    )
