"""A time-stamp authority of a test's own: certificates made here, answers made by openssl."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guard.credentials import development
from tests.credentials_forge import pem

CONFIGURATION = """[tsa]
default_tsa=here
[here]
serial={0}/serial
signer_cert={0}/tsa.pem
certs={0}/chain.pem
signer_key={0}/tsa.key
signer_digest=sha256
default_policy=1.2.3.4.1
digests=sha256,sha384,sha512
ess_cert_id_alg=sha256
"""


def write_authority(folder: Path, *, name: str) -> str:
    """Keys and configuration of a time-stamp authority; returns its root as PEM."""
    root, issuer = development.make_authority()
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
        .sign(issuer.key, hashes.SHA256())
    )
    (folder / "tsa.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "tsa.key").write_bytes(pem(key))
    (folder / "chain.pem").write_bytes(issuer.certificate_pem)
    (folder / "serial").write_text("01")
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder))
    return root.public_bytes(Encoding.PEM).decode()


@dataclass
class Clock:
    """The authority, answering on this machine.

    Attributes:
        root: its root certificate, PEM.
        url: where to ask.
        mood: what to do with the next requests, in order, before it answers rightly: an HTTP status, "silent",
            "garbage", or "stale", which is the answer to an earlier request.
        asked: requests so far.
    """

    root: str
    url: str = ""
    mood: list[int | str] = field(default_factory=list)
    asked: int = 0


@contextmanager
def time_stamp_authority(folder: Path, *, name: str = "Clock") -> Iterator[Clock]:
    """An authority, until the end of the block."""
    program = shutil.which("openssl")
    assert program is not None, "openssl is needed: tools/prepare-tests installs it"
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock(write_authority(folder, name=name))
    over = threading.Event()

    class Authority(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            clock.asked += 1
            query, reply = folder / "query", folder / "reply"
            mood = clock.mood.pop(0) if clock.mood else None
            body = self.rfile.read(int(self.headers["content-length"]))
            if mood == "silent":
                over.wait(30)
                return
            if isinstance(mood, int):
                self.send_error(mood)
                return
            if mood != "stale":
                query.write_bytes(body)
            command = [program, "ts", "-reply", "-config", str(folder / "tsa.cnf")]
            subprocess.run(
                [*command, "-queryfile", str(query), "-out", str(reply)], check=True, capture_output=True
            )
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(b"garbage" if mood == "garbage" else reply.read_bytes())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Authority)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    clock.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield clock
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
