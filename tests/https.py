"""A real HTTPS server on loopback, under an authority of its own, whose answers a test decides."""

from __future__ import annotations

import http.server
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Site:
    """A running server.

    Attributes:
        port: on 127.0.0.1.
        authority: PEM file of who vouches for it.
        asked: paths that were asked for, with the host that was named.
    """

    port: int
    authority: Path
    asked: list[tuple[str, str]]

    @property
    def url(self) -> str:
        """Root of the server, by its name."""
        return f"https://localhost:{self.port}"


@contextmanager
def site(folder: Path, answer: Answer) -> Iterator[Site]:
    """Serve until the block ends.

    Args:
        folder: for certificate and key.
        answer: gives each answer, with the handler's own means.
    """
    asked: list[tuple[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.headers.get("host", ""), self.path))
            answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    authority, chain = _certificates(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Site(server.server_address[1], authority, asked)
    finally:
        server.shutdown()
        server.server_close()


def send(content: bytes, *, declared: int | None = None) -> Answer:
    """An answer of these bytes, of a declared length where that is another."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(len(content) if declared is None else declared))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def _certificates(folder: Path) -> tuple[Path, Path]:
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    now = datetime.now(UTC)

    def certificate(name: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False
            )
            .sign(root, hashes.SHA256())
        )

    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    authority, chain = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(certificate(issuer, root, ca=True).public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(
        leaf.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate(server, leaf, ca=False).public_bytes(serialization.Encoding.PEM)
    )
    return authority, chain
