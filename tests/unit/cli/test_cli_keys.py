"""`guard keys` and `guard api-keys`, each on an installation of its own."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from guard.cli.common import installation
from guard.credentials import create_development_ca
from guard.store import Database, authenticate
from tests.authority import Authority, placed
from tests.credentials_forge import ISSUER, certificate, pem

STATUS = {
    "id", "name", "organisation", "alg", "expires", "days_left", "development", "profile", "due", "anchor", "key",
    "requests",
}  # fmt: skip


def test_init_makes_an_identity_for_development_and_says_so(guard: Any, tmp_path: Path) -> None:
    first = guard("--data", tmp_path / "data", "keys", "init", "--json")
    assert first.code == 0
    assert "Made a new data folder" in first.err
    assert str(tmp_path / "data") in first.err
    assert first.json.keys() == STATUS
    assert first.json["development"] is True
    assert first.json["profile"] == []
    assert stat.S_IMODE((tmp_path / "data" / "keys").stat().st_mode) == 0o700
    again = guard("--data", tmp_path / "data", "keys", "status")
    assert again.err == ""
    assert "for development only: bring your own with guard keys import" in again.out
    assert first.json["name"] in again.out


def test_rotate_changes_the_certificate_and_keeps_the_authority(guard: Any, tmp_path: Path) -> None:
    before = guard("keys", "status", "--json").json
    anchor = (tmp_path / ".guard/keys/signing/ca.pem").read_bytes()
    after = guard("keys", "rotate", "--json").json
    assert after["id"] != before["id"]
    assert (tmp_path / ".guard/keys/signing/ca.pem").read_bytes() == anchor
    assert guard("keys", "status", "--json").json["id"] == after["id"]


def test_rotation_is_logged_at_once_and_a_look_is_not(guard: Any) -> None:
    guard("keys", "rotate")
    verified = guard("audit", "verify", "--json")
    assert verified.json["problems"] == []
    assert verified.json["size"] == 2  # signing key, watermark key; nothing was decided by any policy yet
    guard("keys", "rotate")
    guard("keys", "status")
    guard("videos", "list")
    assert guard("audit", "verify", "--json").json["size"] == 3


def test_a_new_watermark_key_marks_from_the_next_start_and_retires_none_unasked(guard: Any) -> None:
    first = guard("keys", "rotate-mark", "--json").json
    assert first == {"marks": "mark-2", "reads": ["mark-2", "mark-1"], "retired": []}
    assert guard("keys", "rotate-mark").code == 0
    refused = guard("keys", "rotate-mark")
    assert (refused.code, refused.err.split("]")[0]) == (1, "error [key_in_use")
    assert "mark-1 is not read any more" in guard("keys", "rotate-mark", "--retire-oldest").out
    with installation() as opened:
        assert [key.id for key in opened.services.mark_keys] == ["mark-4", "mark-3", "mark-2"]
        opened.announce()  # as whoever means to work does
    assert guard("audit", "verify", "--json").json["problems"] == []


def test_import_takes_a_chain_that_its_anchor_vouches_for(guard: Any, tmp_path: Path) -> None:
    paths = create_development_ca(tmp_path / "theirs")
    ran = guard(
        "keys", "import", "--chain", paths.chain, "--key", paths.key, "--anchor", paths.anchor, "--json"
    )
    assert ran.code == 0
    assert ran.json["id"] == guard("keys", "status", "--json").json["id"]
    keys = tmp_path / ".guard/keys"
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in keys.rglob("*key*.pem"))


def test_import_refuses_what_does_not_fit(guard: Any, tmp_path: Path) -> None:
    ours, other = (create_development_ca(tmp_path / name) for name in ("ours", "other"))
    before = guard("keys", "status", "--json").json["id"]
    mixed = guard("keys", "import", "--chain", ours.chain, "--key", other.key, "--anchor", ours.anchor)
    assert mixed.code == 1
    assert mixed.err.startswith("error [")
    unknown = guard("keys", "import", "--chain", ours.chain, "--key", ours.key, "--anchor", other.anchor)
    assert (unknown.code, unknown.err.split("]")[0]) == (1, "error [anchor_mismatch")
    assert "PRIVATE KEY" not in mixed.err + unknown.err
    assert guard("keys", "status", "--json").json["id"] == before


def test_a_certificate_is_requested_and_imported_without_its_key(guard: Any, tmp_path: Path) -> None:
    before = guard("keys", "status", "--json").json["id"]
    names = ("--common-name", "Studio video", "--organisation", "Studio GmbH", "--country", "DE")
    asked = guard("keys", "csr", *names, "--json")
    assert asked.code == 0
    waiting = guard("keys", "status", "--json").json
    assert (waiting["id"], waiting["requests"]) == (before, [asked.json["id"]])
    authority = Authority()
    (tmp_path / "chain.pem").write_bytes(authority.certify(asked.json["request"], days=20))
    (tmp_path / "ca.pem").write_bytes(authority.anchor)
    ran = guard("keys", "import", "--chain", tmp_path / "chain.pem", "--anchor", tmp_path / "ca.pem")
    assert ran.code == 0
    assert "Studio video (Studio GmbH), ES256" in ran.out
    assert "renew it now" in ran.out  # 20 days are left
    refused = guard("keys", "rotate")
    assert (refused.code, refused.err.split("]")[0]) == (1, "error [no_authority")
    assert "guard keys csr" in refused.err
    printed = guard("keys", "csr", "--common-name", "S", "--organisation", "S", "--algorithm", "ES384").out
    assert printed.startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert guard("keys", "csr", "--common-name", "S", "--organisation", "S", "--algorithm", "DSA").code == 2


def test_an_encrypted_key_is_imported_with_its_password(guard: Any, tmp_path: Path) -> None:
    paths = create_development_ca(tmp_path / "theirs")
    key = load_pem_private_key(paths.key.read_bytes(), None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))
    (tmp_path / "key.pem").write_bytes(encrypted)
    (tmp_path / "password").write_text("sesame\n")
    command = (
        "keys",
        "import",
        "--chain",
        paths.chain,
        "--anchor",
        paths.anchor,
        "--key",
        tmp_path / "key.pem",
    )
    refused = guard(*command)
    assert "error [key_unreadable]" in refused.err
    assert guard(*command, "--password-file", tmp_path / "password").code == 0


def test_the_service_does_not_start_with_a_certificate_that_cannot_sign(guard: Any, tmp_path: Path) -> None:
    guard("keys", "status")
    key = ec.generate_private_key(ec.SECP256R1())
    chain = certificate(key, usages=[], authority_key=False) + ISSUER.certificate_pem
    with placed(tmp_path / ".guard/keys/signing", chain, pem(key)):
        ran = guard("serve", "--port", "0")
    assert ran.code == 1
    assert ran.err.split("]")[0] == "error [certificate_profile"
    assert "extendedKeyUsage" in ran.err
    assert "authorityKeyIdentifier" in ran.err


def test_an_api_key_is_shown_once_works_and_can_be_revoked(guard: Any, tmp_path: Path) -> None:
    made = guard("api-keys", "create", "render-farm", "--scope", "videos", "--tenant", "studio", "--json")
    assert made.code == 0
    assert (made.json["scopes"], made.json["tenant"]) == (["videos"], "studio")
    database = Database(f"sqlite:///{tmp_path / '.guard' / 'guard.db'}")
    with database.read() as session:
        row = authenticate(session, made.json["key"])
    assert row is not None
    assert row.id == made.json["id"]
    listed = guard("api-keys", "list", "--json")
    assert [(entry["name"], entry["revoked"]) for entry in listed.json] == [("render-farm", False)]
    assert made.json["key"] not in listed.out
    assert guard("api-keys", "revoke", made.json["id"]).out == f"{made.json['id']} revoked\n"
    with database.read() as session:
        assert authenticate(session, made.json["key"]) is None
    database.close()
    table = guard("api-keys", "list").out
    assert "revoked" in table
    assert "never" in table


def test_a_key_has_a_clients_scopes_unless_told(guard: Any) -> None:
    made = guard("api-keys", "create", "all", "--json").json
    assert made["scopes"] == ["videos", "moderations", "verifications"]
    assert "Keep it: it is stored nowhere." in guard("api-keys", "create", "other").out


def test_wrong_scopes_and_unknown_keys_are_refused(guard: Any) -> None:
    wrong = guard("api-keys", "create", "x", "--scope", "everything")
    assert wrong.code == 2
    assert "unknown: everything" in wrong.err
    assert guard("api-keys", "create", "").code == 2
    assert guard("api-keys", "create", "x", "--tenant", " ").code == 2
    missing = guard("api-keys", "revoke", "key_none")
    assert (missing.code, missing.out) == (1, "")
    assert "error [not_found]" in missing.err
