"""What others say of our files: openssl of the chain, an independent C2PA implementation of the manifest."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import encypher_c2pa
import pytest

from guard.credentials import AnchorList, Trust, initialise, read
from tests.credentials_forge import ISSUER, altered, box, flipped, manifest_box, offset_of


def openssl(*arguments: str) -> str:
    program = shutil.which("openssl")
    assert program is not None, "openssl is needed: tools/prepare-tests installs it"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def test_openssl_accepts_the_chain(keys: Path, tmp_path: Path) -> None:
    paths = initialise(keys)
    pems = paths.chain.read_text().split("-----END CERTIFICATE-----\n")
    leaf, issuer = (tmp_path / name for name in ("leaf.pem", "issuer.pem"))
    for path, pem in zip((leaf, issuer), pems, strict=False):
        path.write_text(pem + "-----END CERTIFICATE-----\n")
    chain = ["-CAfile", str(keys / "ca.pem"), "-untrusted", str(issuer)]
    assert (
        openssl("verify", "-x509_strict", "-purpose", "smimesign", *chain, str(leaf)).strip().endswith("OK")
    )
    text = openssl("x509", "-in", str(leaf), "-noout", "-text")
    assert "E-mail Protection, 1.3.6.1.4.1.62558.2.1" in text
    assert "X509v3 Key Usage: critical\n                Digital Signature" in text
    assert "Guard development (not for production)" in text


def trusted_by_another(path: Path, trust: Trust) -> bool:
    """The independent verifier's answer, offline, without its telemetry, and with our anchor alone."""
    try:
        report = encypher_c2pa.verify(
            path,
            "video/mp4",
            trust_pem="".join(entry.pem for entry in trust.lists),
            no_default_trust=True,
            validation_time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            telemetry=False,
            online=False,
        )
    except ValueError:
        return False
    return report["integrity"] == "valid" and report["trust"]["status"] == "valid_for_supplied_material"


def remove(path: Path) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        manifest = manifest_box(path)
        data[manifest.start + 4 : manifest.start + 8] = b"free"

    return change


CASES: dict[str, Callable[[Path, Path], Path]] = {
    "intact": lambda p, out: altered(p, out, lambda data: None),
    "picture": lambda p, out: flipped(p, out, box(p, "/mdat").payload + 900),
    "header": lambda p, out: flipped(p, out, box(p, "/moov/mvhd").payload + 30),
    "claim": lambda p, out: flipped(p, out, offset_of(p, b"claim_generator_info") + 30),
    "source type": lambda p, out: flipped(p, out, offset_of(p, b"trainedAlgo") + 3),
    "binding": lambda p, out: flipped(p, out, offset_of(p, b"ASNFZ4") + 2),
    "cut": lambda p, out: altered(p, out, lambda data: data.__delitem__(slice(-200, None))),
    "removed": lambda p, out: altered(p, out, remove(p)),
}


@pytest.mark.parametrize("case", CASES)
def test_an_independent_verifier_agrees(
    case: str, signed: Path, trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCYPHER_C2PA_CONFIG_DIR", str(tmp_path))  # it saves its settings in the home folder
    path = CASES[case](signed, tmp_path / "out.mp4")
    ours = read(path, trust).state == "trusted"
    assert ours == (case == "intact")
    assert trusted_by_another(path, trust) == ours


def test_an_independent_verifier_agrees_on_strangers_and_on_edits(
    signed: Path, edited: Path, trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCYPHER_C2PA_CONFIG_DIR", str(tmp_path))
    theirs = AnchorList(name="others", pem=ISSUER.certificate_pem.decode(), dated=date(2026, 1, 1))
    assert not trusted_by_another(signed, Trust.of(theirs))
    assert trusted_by_another(edited, trust)
