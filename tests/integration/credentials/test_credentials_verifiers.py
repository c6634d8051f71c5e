"""What others say of our files: openssl of the chain, an independent C2PA implementation of the manifest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks import credentials_agreement as agreement
from benchmarks.credentials_attacks import Maker
from benchmarks.credentials_surgery import FORMATS, OTHERS
from guard.credentials import Trust, initialise
from tests.credentials_forge import ISSUER


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


@pytest.mark.parametrize("kind", [*FORMATS, *OTHERS])
def test_an_independent_verifier_agrees_on_every_change(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCYPHER_C2PA_CONFIG_DIR", str(tmp_path))  # it saves its settings in the home folder
    maker = Maker(tmp_path)
    trust = Trust.from_folder(tmp_path / "keys")
    cases = list(maker.cases(kind) if kind in FORMATS else maker.other_cases(kind))
    assert len(cases) >= (35 if kind in FORMATS else 5)
    mine = [agreement.ours(case.path, trust) for case in cases]
    assert [(case.name, answer.verdict) for case, answer in zip(cases, mine, strict=True)] == [
        (case.name, case.expected) for case in cases
    ]
    theirs = [agreement.encypher(case.path, kind, maker.anchor) for case in cases]
    found = agreement.compare(cases, {"ours": mine, "encypher-c2pa": theirs})["encypher-c2pa"]
    assert [row for row in found["disagreements"] if row["explained"] is None] == []


def test_an_independent_verifier_agrees_on_a_strangers_anchor(
    signed: Path, edited: Path, trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCYPHER_C2PA_CONFIG_DIR", str(tmp_path))
    for path in (signed, edited):
        assert agreement.encypher(path, "mp4", trust.lists[0].pem).verdict == "trusted"
        assert agreement.encypher(path, "mp4", ISSUER.certificate_pem.decode()).verdict == "untrusted"
