"""Time stamps of an authority made here with openssl: who may vouch for a time."""

from __future__ import annotations

import shutil
import subprocess
import threading
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guard.credentials import AnchorList, Identity, Trust, development, read
from guard.credentials.context import context_for
from tests.credentials_forge import created, definition, pem

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


@pytest.fixture
def stamped(clip: Path, identity: Identity, tmp_path: Path) -> tuple[Path, str]:
    """A stamped file and the root of its authority, whose name pretends to be a list of ours."""
    folder = tmp_path / "tsa"
    folder.mkdir()
    root = write_authority(folder, name="Clock, trust list: urn:x-guard:trust-list:tsa:0")
    program = shutil.which("openssl")
    assert program is not None, "openssl is needed: tools/prepare-tests installs it"

    class Authority(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query, reply = folder / "query", folder / "reply"
            query.write_bytes(self.rfile.read(int(self.headers["content-length"])))
            command = [program, "ts", "-reply", "-config", str(folder / "tsa.cnf")]
            subprocess.run(
                [*command, "-queryfile", str(query), "-out", str(reply)], check=True, capture_output=True
            )
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(reply.read_bytes())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Authority)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    out = tmp_path / "stamped.mp4"
    address = f"http://127.0.0.1:{server.server_port}/"
    chain = identity.chain_pem.decode()
    try:
        with (
            c2pa.Signer.from_callback(
                identity.cose_signature, c2pa.C2paSigningAlg.ES256, chain, address
            ) as signer,
            c2pa.Builder(definition(created("digitalCapture")), context=context_for(Trust())) as builder,
            clip.open("rb") as source,
            out.open("w+b") as destination,
        ):
            builder.sign(signer, "video/mp4", source, destination)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    return out, root


def test_only_a_time_stamp_list_vouches_for_a_time(stamped: tuple[Path, str], trust: Trust) -> None:
    path, root = stamped

    def time_with(*lists: AnchorList) -> str | None:
        report = read(path, trust + Trust.of(*lists))
        assert report.state == "trusted"
        assert report.claims is not None
        return report.claims.signed_at

    def anchors(kind: str) -> AnchorList:
        return AnchorList.model_validate(
            {"name": "clock", "pem": root, "kind": kind, "dated": date(2026, 1, 1)}
        )

    assert time_with() is None
    assert time_with(anchors("manifest")) is None  # the library calls it trusted
    assert time_with(anchors("tsa")) is not None
