"""An authority that certifies what a certificate request asks for, as an operator's would."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from guard.credentials.development import Issued, make_authority


class Authority:
    """Root, and an intermediate that issues."""

    def __init__(self) -> None:
        root, self._issuer = make_authority()
        self.anchor = root.public_bytes(serialization.Encoding.PEM)

    @property
    def issuer(self) -> Issued:
        """The intermediate."""
        return self._issuer

    def certify(self, request_pem: str, *, days: int = 90) -> bytes:
        """The chain for a request: its leaf, with the request's subject and extensions, and the intermediate."""
        request = x509.load_pem_x509_csr(request_pem.encode())
        assert request.is_signature_valid
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self._issuer.certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=days))
        )
        for extension in request.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._issuer.key.public_key())
        leaf = builder.add_extension(key, critical=False).sign(self._issuer.key, hashes.SHA256())
        return leaf.public_bytes(serialization.Encoding.PEM) + self._issuer.certificate_pem


@contextmanager
def placed(folder: Path, chain_pem: bytes, key_pem: bytes) -> Iterator[None]:
    """For a while, an identity in the key folder that no import would take."""
    home = folder / "identities" / ("f" * 16)
    home.mkdir(mode=0o700)
    (home / "chain.pem").write_bytes(chain_pem)
    (home / "key.pem").write_bytes(key_pem)
    before = (folder / "current").read_text()
    (folder / "current").write_text(home.name + "\n")
    try:
        yield
    finally:
        (folder / "current").write_text(before)
        shutil.rmtree(home)
