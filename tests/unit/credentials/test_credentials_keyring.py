"""The key folder: modes, rotation, import, and what an operator is told."""

from __future__ import annotations

import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from guard.credentials import (
    CredentialsError,
    ManifestSpec,
    Trust,
    create_development_ca,
    development,
    import_pem,
    initialise,
    load_identity,
    read,
    rotate,
    sign,
    status,
)
from tests.credentials_forge import ISSUER, certificate, pem


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_private_and_the_anchor_is_public(keys: Path) -> None:
    paths = initialise(keys)
    assert (
        mode(keys) == mode(paths.key.parent) == mode(keys / "authority") == mode(keys / "identities") == 0o700
    )
    assert mode(paths.key) == mode(keys / "authority" / "key.pem") == 0o600
    assert mode(paths.anchor) == 0o644
    assert not list(keys.rglob("*.tmp"))
    assert b"PRIVATE" not in paths.anchor.read_bytes() + paths.chain.read_bytes()


def test_the_authority_says_that_it_is_for_development_and_issues_a_conforming_leaf(keys: Path) -> None:
    chain = x509.load_pem_x509_certificates(initialise(keys).chain.read_bytes())
    leaf = chain[0]
    assert all("not for production" in c.subject.rfc4514_string() for c in chain)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=366)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    purposes = [
        oid.dotted_string for oid in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    ]
    assert purposes == ["1.3.6.1.5.5.7.3.4", "1.3.6.1.4.1.62558.2.1"]
    current = status(keys)
    assert current.development
    assert current.profile == ()
    assert current.days_left in (364, 365)
    assert not current.due


def test_the_roots_private_key_is_nowhere(keys: Path) -> None:
    root = x509.load_pem_x509_certificate((keys / "ca.pem").read_bytes())
    for path in keys.rglob("key.pem"):
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        assert key.public_key() != root.public_key()


def test_making_an_authority_twice_is_refused_and_initialising_twice_changes_nothing(keys: Path) -> None:
    with pytest.raises(CredentialsError) as error:
        create_development_ca(keys)
    assert error.value.code == "keys_exist"
    assert initialise(keys) == initialise(keys)


def test_rotation_keeps_what_was_signed_before_trusted(
    tmp_path: Path, clip: Path, spec: ManifestSpec
) -> None:
    folder = tmp_path / "keys"
    before = create_development_ca(folder)
    sign(clip, tmp_path / "before.mp4", spec, load_identity(folder))
    after = rotate(folder)
    assert before.key != after.key
    assert before.anchor == after.anchor
    sign(clip, tmp_path / "after.mp4", spec, load_identity(folder))
    trust = Trust.from_folder(folder)
    assert {read(tmp_path / name, trust).state for name in ("before.mp4", "after.mp4")} == {"trusted"}


def test_an_expiring_identity_is_due_and_an_expired_one_does_not_sign(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    create_development_ca(folder)
    soon = datetime.now(UTC) + timedelta(days=340)
    assert status(folder, now=soon).due
    late = datetime.now(UTC) + timedelta(days=400)
    assert status(folder, now=late).days_left < 0
    with pytest.raises(CredentialsError, match="rotate") as error:
        load_identity(folder, now=late)
    assert error.value.code == "certificate_expired"
    rotate(folder, now=late)
    assert load_identity(folder, now=late).expires > late


def test_an_imported_key_becomes_current_with_its_own_anchor(
    tmp_path: Path, clip: Path, spec: ManifestSpec
) -> None:
    root, issuer = development.make_authority()
    leaf = development.issue_leaf(issuer)
    encrypted = leaf.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open sesame"),
    )
    folder = tmp_path / "keys"
    create_development_ca(folder)
    anchor = root.public_bytes(serialization.Encoding.PEM)
    chain = leaf.certificate_pem + issuer.certificate_pem
    paths = import_pem(folder, chain, encrypted, anchor_pem=anchor, password=b"open sesame")
    assert paths.anchor.read_bytes() == anchor
    assert mode(paths.key) == 0o600
    sign(clip, tmp_path / "out.mp4", spec, load_identity(folder))
    report = read(tmp_path / "out.mp4", Trust.from_folder(folder))
    assert report.state == "trusted"
    assert report.trust_list is not None
    assert report.trust_list.startswith("operator-")


def test_a_key_of_the_operators_cannot_be_rotated_here(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    folder = tmp_path / "keys"
    create_development_ca(folder)
    issuer = ISSUER.certificate_pem
    import_pem(folder, certificate(key) + issuer, pem(key), anchor_pem=issuer)
    assert not status(folder).development
    with pytest.raises(CredentialsError) as error:
        rotate(folder)
    assert error.value.code == "no_authority"


def test_an_import_that_nothing_vouches_for_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    before = create_development_ca(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = certificate(key)
    for anchor, code in ((None, "anchor_missing"), (before.anchor.read_bytes(), "anchor_mismatch")):
        with pytest.raises(CredentialsError) as error:
            import_pem(folder, leaf, pem(key), anchor_pem=anchor)
        assert error.value.code == code
    assert initialise(folder) == before
    import_pem(folder, leaf, pem(key), anchor_pem=ISSUER.certificate_pem)
    renewed = ec.generate_private_key(ec.SECP256R1())
    import_pem(folder, certificate(renewed), pem(renewed))  # the anchor kept before vouches for it


@pytest.mark.parametrize("content", [None, "../../etc\n", "0" * 16 + "\n"])
def test_a_folder_without_a_usable_identity_says_so(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "current").write_text(content)
    with pytest.raises(CredentialsError) as error:
        load_identity(tmp_path)
    assert error.value.code == "no_keys"


def test_no_key_shows_in_any_text(keys: Path) -> None:
    secret = re.sub(r"-----[^-]+-----|\s", "", initialise(keys).key.read_text())
    identity = load_identity(keys)
    shown = f"{identity!r} {identity} {status(keys)!r} {ISSUER!r}"
    assert secret[10:40] not in shown
    assert "PRIVATE" not in shown
    assert "function" not in shown
