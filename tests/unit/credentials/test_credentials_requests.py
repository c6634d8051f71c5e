"""Certificate requests, their import, and changing keys while others sign."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guard.credentials import (
    Algorithm,
    CredentialsError,
    ManifestSpec,
    Subject,
    Trust,
    create_development_ca,
    import_pem,
    load_identity,
    read,
    request_certificate,
    rotate,
    sign,
    status,
)
from guard.credentials.profile import CLAIM_SIGNING
from tests.authority import Authority

SUBJECT = Subject("Studio video", "Studio GmbH", "DE")


def test_a_request_asks_for_what_the_profile_wants(tmp_path: Path) -> None:
    made = request_certificate(tmp_path, SUBJECT)
    request = x509.load_pem_x509_csr(made.pem.encode())
    assert request.is_signature_valid
    names = {attribute.oid: attribute.value for attribute in request.subject}
    assert names == {
        NameOID.COUNTRY_NAME: "DE",
        NameOID.ORGANIZATION_NAME: "Studio GmbH",
        NameOID.COMMON_NAME: "Studio video",
    }
    usage = request.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert list(request.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        CLAIM_SIGNING,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ]
    assert "PRIVATE" not in made.pem
    home = made.path.parent
    assert stat.S_IMODE(home.stat().st_mode) == stat.S_IMODE(home.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "key.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_the_certificate_finds_its_key_and_signs(
    algorithm: Any, clip: Path, spec: ManifestSpec, tmp_path: Path
) -> None:
    folder, authority = tmp_path / "keys", Authority()
    create_development_ca(folder)
    before = status(folder).id
    made = request_certificate(folder, SUBJECT, algorithm=algorithm)
    assert (status(folder).id, status(folder).requests) == (before, (made.id,))
    import_pem(folder, authority.certify(made.pem), anchor_pem=authority.anchor)
    current = status(folder)
    assert (current.organisation, current.alg, current.requests) == ("Studio GmbH", algorithm, ())
    assert not list((folder / "requests").rglob("key*"))
    sign(clip, tmp_path / "out.mp4", spec, load_identity(folder))
    assert read(tmp_path / "out.mp4", Trust.from_folder(folder)).state == "trusted"


def test_a_certificate_for_a_key_that_is_not_here_is_refused(tmp_path: Path) -> None:
    authority = Authority()
    elsewhere = request_certificate(tmp_path / "elsewhere", SUBJECT)
    with pytest.raises(CredentialsError) as error:
        import_pem(tmp_path / "keys", authority.certify(elsewhere.pem), anchor_pem=authority.anchor)
    assert error.value.code == "key_missing"


def test_a_subject_that_no_certificate_can_name_is_refused(tmp_path: Path) -> None:
    for subject in (Subject("n", "o", "Germany"), Subject("n" * 65, "o")):
        with pytest.raises(CredentialsError) as error:
            request_certificate(tmp_path, subject)
        assert error.value.code == "subject_invalid"
    assert not (tmp_path / "requests").exists()


def test_keys_change_while_others_sign_and_every_file_stays_trusted(
    clip: Path, spec: ManifestSpec, tmp_path: Path
) -> None:
    folder, authority = tmp_path / "keys", Authority()
    create_development_ca(folder)
    failures: list[Exception] = []
    signed: list[tuple[Path, str]] = []
    over = threading.Event()

    def work(name: str) -> None:
        number = 0
        while not over.is_set() or number < 3:
            out = tmp_path / f"{name}-{number}.mp4"
            try:
                identity = load_identity(folder)  # as the pipeline does, for each file
                sign(clip, out, spec, identity)
            except Exception as error:  # noqa: BLE001 - the test says which
                failures.append(error)
                return
            signed.append((out, identity.chain_pem.decode()))
            number += 1

    workers = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for _ in range(10):
        rotate(folder)
        threading.Event().wait(0.05)
    made = request_certificate(folder, SUBJECT)
    import_pem(folder, authority.certify(made.pem), anchor_pem=authority.anchor)
    threading.Event().wait(0.3)
    over.set()
    for worker in workers:
        worker.join(60)
    assert failures == []
    assert len({chain for _, chain in signed}) > 2  # several identities did sign
    trust = Trust.from_folder(folder)
    assert {read(path, trust).state for path, _ in signed} == {"trusted"}
