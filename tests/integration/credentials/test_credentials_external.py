"""Keys that are elsewhere: in a PKCS#11 token (SoftHSM) and in a key service (an emulator of AWS KMS)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from cryptography import x509
from moto.server import ThreadedMotoServer

from guard.credentials import (
    CredentialsError,
    ManifestSpec,
    Subject,
    Trust,
    aws_kms,
    create_development_ca,
    import_pem,
    load_identity,
    read,
    request_certificate,
    sign,
    status,
)
from guard.credentials.external import open_key
from tests.authority import Authority
from tests.pkcs11 import PIN, Token, make_token
from tests.server import Server, free_port

ACCESS = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "a secret of tests",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
SUBJECT = Subject("Studio video", "Studio GmbH", "DE")


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """The module is loaded once a process, so there is one token for all of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        yield make_token(tmp_path_factory.mktemp("softhsm"), patch)


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Host and port of a key service."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ACCESS.items():
            patch.setenv(name, value)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"{host}:{port}"
        server.stop()


def kms_key(service: str, spec: str) -> str:
    client = boto3.client("kms", endpoint_url=f"http://{service}")
    key = client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    return f"awskms://{service}/{key}"


def signs_with(uri: str, alg: str, folder: Path, clip: Path, spec: ManifestSpec) -> None:
    """Request, certificate, import and signature with the key of this URI."""
    authority, keys = Authority(), folder / "keys"
    create_development_ca(keys)
    made = request_certificate(keys, SUBJECT, key_uri=uri)
    assert x509.load_pem_x509_csr(made.pem.encode()).is_signature_valid
    import_pem(keys, authority.certify(made.pem), anchor_pem=authority.anchor)
    assert (status(keys).key, status(keys).alg) == (uri, alg)
    assert not list((keys / "identities" / status(keys).id).glob("key.pem"))
    sign(clip, folder / "out.mp4", spec, load_identity(keys))
    report = read(folder / "out.mp4", Trust.from_folder(keys))
    assert report.state == "trusted"
    assert report.claims is not None
    assert report.claims.issuer == "Studio GmbH"


@pytest.mark.parametrize(
    ("curve", "alg"), [("secp256r1", "ES256"), ("secp384r1", "ES384"), ("secp521r1", "ES512")]
)
def test_a_token_signs_with_an_ec_key(
    curve: str, alg: str, token: Token, clip: Path, spec: ManifestSpec, tmp_path: Path
) -> None:
    signs_with(token.make_ec(f"signer {curve}", curve), alg, tmp_path, clip, spec)


def test_a_token_signs_with_an_rsa_key(token: Token, clip: Path, spec: ManifestSpec, tmp_path: Path) -> None:
    signs_with(token.make_rsa("signer rsa"), "PS256", tmp_path, clip, spec)


def test_a_token_that_fails_is_said_without_its_pin(
    token: Token, clip: Path, spec: ManifestSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = token.make_ec("failing", "secp256r1")
    authority, keys = Authority(), tmp_path / "keys"
    made = request_certificate(keys, SUBJECT, key_uri=uri)
    import_pem(keys, authority.certify(made.pem), anchor_pem=authority.anchor)
    monkeypatch.setenv("GUARD_PKCS11_PIN", "not the pin")
    with pytest.raises(CredentialsError, match="PinIncorrect") as error:
        sign(clip, tmp_path / "out.mp4", spec, load_identity(keys))
    assert error.value.code == "signer_failed"
    assert "not the pin" not in str(error.value)
    assert not (tmp_path / "out.mp4").exists()
    file = tmp_path / "pin"
    file.write_text(PIN + "\n")
    assert open_key(f"{uri}&pin-source=file:{file}").sign(b"x")
    monkeypatch.setenv("GUARD_PKCS11_PIN", PIN)
    with pytest.raises(CredentialsError, match="NoSuchKey") as error:
        open_key(token.uri("nobody's"))
    assert error.value.code == "signer_failed"
    with pytest.raises(CredentialsError, match="NoSuchToken") as error:
        open_key(replace(token, name="pulled out").uri("failing"))
    assert error.value.code == "signer_unavailable"


@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:token=t;object=o",
        "pkcs11:token=t?module-path=/x.so",
        "pkcs11:token=t;object=o?module-path=/x.so&pin-value=1234",
        "pkcs11:token=t;object=o;slot=3?module-path=/x.so",
        "awskms://",
        "awskms:key",
        "file:key.pem",
    ],
)
def test_a_uri_that_names_no_key_is_refused(uri: str) -> None:
    with pytest.raises(CredentialsError) as error:
        open_key(uri)
    assert error.value.code == "key_uri_invalid"
    assert "1234" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "alg"), [("ECC_NIST_P256", "ES256"), ("ECC_NIST_P384", "ES384"), ("ECC_NIST_P521", "ES512")]
)
def test_a_key_service_signs(
    kind: str, alg: str, service: str, clip: Path, spec: ManifestSpec, tmp_path: Path
) -> None:
    signs_with(kms_key(service, kind), alg, tmp_path, clip, spec)


def test_a_key_service_gets_the_hash_of_long_messages(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = aws_kms.KmsKey.open(kms_key(service, "ECC_NIST_P384"))
    asked: dict[str, Any] = {}
    monkeypatch.setattr(key.client, "sign", lambda **given: asked.update(given) or {"Signature": b"s"})
    key.sign(b"x" * 4096)
    assert (asked["MessageType"], len(asked["Message"])) == ("RAW", 4096)
    key.sign(b"x" * 4097)
    assert (asked["MessageType"], len(asked["Message"])) == ("DIGEST", 48)
    assert asked["SigningAlgorithm"] == "ECDSA_SHA_384"


def test_a_key_service_that_fails_is_said_without_its_text(service: str, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="NotFoundException") as error:
        open_key(f"awskms://{service}/alias/nobody")
    assert error.value.code == "signer_failed"
    with pytest.raises(CredentialsError, match="EndpointConnectionError") as error:
        open_key("awskms://127.0.0.1:9/alias/nobody")
    assert error.value.code == "signer_unavailable"


def test_another_key_than_the_certificates_is_refused(token: Token, tmp_path: Path) -> None:
    authority = Authority()
    made = request_certificate(tmp_path / "keys", SUBJECT, key_uri=token.make_ec("one", "secp256r1"))
    other = token.make_ec("another", "secp256r1")
    with pytest.raises(CredentialsError) as error:
        import_pem(tmp_path / "keys", authority.certify(made.pem), key=other, anchor_pem=authority.anchor)
    assert error.value.code == "key_mismatch"


def guard(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, on the data folder `data` of this one."""
    return subprocess.run(
        [sys.executable, "-m", "guard", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "GUARD_DATA": "data", "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        check=False,
        cwd=folder,
    )


def installed(folder: Path, uri: str) -> dict[str, Any]:
    """Make an installation that signs with this key, as docs/content-credentials.md shows it; its `keys status`."""

    def done(*arguments: str) -> Any:
        ran = guard(folder, *arguments, "--json")
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    names = ("--common-name", "Studio video", "--organisation", "Studio GmbH")
    request = done("keys", "csr", *names, "--key", uri)["request"]
    authority = Authority()
    (folder / "chain.pem").write_bytes(authority.certify(request))
    (folder / "ca.pem").write_bytes(authority.anchor)
    found: dict[str, Any] = done("keys", "import", "--chain", "chain.pem", "--anchor", "ca.pem")
    return found


def test_the_commands_of_the_guide(token: Token, tmp_path: Path) -> None:
    uri = token.make_ec("guide", "secp256r1")
    found = installed(tmp_path, uri)
    assert (found["key"], found["development"]) == (uri, False)


def test_the_service_does_not_start_with_a_key_that_does_not_sign(token: Token, tmp_path: Path) -> None:
    uri, other = token.make_ec("served", "secp256r1"), token.make_ec("not served", "secp256r1")
    installed(tmp_path, uri)
    [kept] = (tmp_path / "data" / "keys" / "signing" / "identities").glob("*/key.uri")

    def refused(**environment: str) -> str:
        ran = guard(tmp_path, "serve", "--port", "0", **environment)
        assert ran.returncode == 1, ran.stderr
        assert "Serving" not in ran.stdout + ran.stderr
        return " ".join(ran.stderr[ran.stderr.index("error [") :].split())

    said = refused(GUARD_PKCS11_PIN="not the pin")
    assert said.startswith("error [signer_failed]")
    assert "PinIncorrect" in said
    assert "the PIN in GUARD_PKCS11_PIN" in said
    for key, code, hint in (
        (other, "signer_mismatch", "check which key it uses"),
        (token.uri("nobody's"), "signer_failed", "check that it is there"),
    ):
        kept.write_text(key + "\n")
        said = refused()
        assert said.startswith(f"error [{code}]"), said
        assert hint in said


def test_a_key_service_that_comes_back_needs_no_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ACCESS.items():
        monkeypatch.setenv(name, value)
    keys = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    keys.start()
    host, port = keys.get_host_and_port()
    installed(tmp_path, kms_key(f"{host}:{port}", "ECC_NIST_P256"))
    keys.stop()
    data = tmp_path / "data"
    server = Server(
        data,
        command=[sys.executable, "-m", "guard", "serve", "--port", "{port}"],
        environment={"GUARD_DATA": str(data), "GUARD_ENCODER__PRESET": "veryfast"},
    )
    try:
        assert "warning [signer_unavailable]" in server.log.read_text()
        response = httpx.get(f"{server.url}/readyz")
        assert response.status_code == 503
        assert response.json()["checks"]["signer"] == {"status": "failed", "code": "signer_unavailable"}
        asked = {"prompt": "A ball on a meadow", "size": "640x360", "seconds": "4"}
        made = server.request("POST", "/videos", json=asked)
        assert made.status_code == 200, made.text
        video = made.json()["id"]
        until(lambda: "step_failed" in server.log.read_text())
        assert server.log.read_text().count("signer_unavailable") == 2  # at the start, and of this job
        assert server.request("GET", f"/videos/{video}/content").json()["error"]["code"] == "video_not_ready"
        keys = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        keys.start()  # in this process, so it holds the key it held before
        until(lambda: httpx.get(f"{server.url}/readyz").status_code == 200)
        assert server.await_video(video)["status"] == "completed"
        clip = tmp_path / "clip.mp4"
        clip.write_bytes(server.request("GET", f"/videos/{video}/content").content)
        assert read(clip, Trust.from_folder(data / "keys" / "signing")).state == "trusted"
    finally:
        server.stop()
        keys.stop()


def until(found: Callable[[], bool]) -> None:
    """Wait for it, two minutes at most."""
    deadline = time.monotonic() + 120
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def test_a_key_that_signs_is_proven_by_a_signature(token: Token, service: str, tmp_path: Path) -> None:
    for number, uri in enumerate((token.make_ec("proven", "secp384r1"), kms_key(service, "ECC_NIST_P256"))):
        authority, keys = Authority(), tmp_path / str(number)
        made = request_certificate(keys, SUBJECT, key_uri=uri)
        import_pem(keys, authority.certify(made.pem), anchor_pem=authority.anchor)
        load_identity(keys).prove()
