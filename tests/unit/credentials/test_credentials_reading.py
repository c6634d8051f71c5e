"""Reading: every state, every attack, and whom we believe."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import sleep

import c2pa
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from guard.credentials import (
    AnchorList,
    CredentialsError,
    CredentialsReport,
    Identity,
    Ingredient,
    ManifestSpec,
    Trust,
    create_development_ca,
    development,
    read,
    sign,
)
from guard.credentials.context import context_for
from tests.credentials_actor import sign_with_actor
from tests.credentials_forge import (
    ISSUER,
    altered,
    box,
    created,
    definition,
    flipped,
    manifest_box,
    offset_of,
    retyped,
    sign_as_is,
)


def remove_manifest(data: bytearray, path: Path) -> None:
    manifest = manifest_box(path)
    data[manifest.start + 4 : manifest.start + 8] = b"free"


def into_mdat(path: Path) -> int:
    return box(path, "/mdat").payload + 900


TAMPERING: dict[str, tuple[Callable[[Path], int], str, str]] = {
    "picture": (into_mdat, "invalid", "assertion.bmffHash.mismatch"),
    "header": (lambda p: box(p, "/moov/mvhd").payload + 30, "invalid", "assertion.bmffHash.mismatch"),
    "claim": (lambda p: offset_of(p, b"claim_generator_info") + 30, "invalid", "claimSignature.mismatch"),
    "source type": (lambda p: offset_of(p, b"trainedAlgo") + 3, "invalid", "assertion.hashedURI.mismatch"),
    "soft binding": (lambda p: offset_of(p, b"ASNFZ4") + 2, "invalid", "assertion.hashedURI.mismatch"),
    "agent": (lambda p: offset_of(p, b"scenes") + 1, "invalid", "assertion.hashedURI.mismatch"),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_one_flipped_bit_is_found(what: str, signed: Path, trust: Trust, tmp_path: Path) -> None:
    place, state, code = TAMPERING[what]
    report = read(flipped(signed, tmp_path / "out.mp4", place(signed)), trust)
    assert report.state == state
    assert code in report.failures
    assert report.trust_list is None


def test_an_intact_file_is_trusted_by_the_public_anchor_alone(
    signed: Path, keys: Path, tmp_path: Path
) -> None:
    anchor, file = tmp_path / "ca.pem", tmp_path / "video"
    anchor.write_bytes((keys / "ca.pem").read_bytes())
    file.write_bytes(signed.read_bytes())  # without its extension, too
    report = read(file, Trust.from_files([anchor]))
    assert (report.state, report.reason, report.failures) == ("trusted", None, ())
    assert report.trust_list == "ca"
    assert report.trust_list_date == datetime.fromtimestamp(anchor.stat().st_mtime, UTC).date().isoformat()
    assert CredentialsReport.model_validate_json(report.model_dump_json()) == report


def test_a_manifest_that_was_removed_is_absent(signed: Path, trust: Trust, tmp_path: Path) -> None:
    without = altered(signed, tmp_path / "out.mp4", lambda data: remove_manifest(data, signed))
    report = read(without, trust)
    assert (report.state, report.reason, report.claims) == ("absent", "no_manifest", None)


def test_a_manifest_moved_to_another_file_is_invalid(
    signed: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    """The manifest of one clip over the manifest of another: same length, other pictures."""
    other = altered(signed, tmp_path / "other.mp4", lambda data: data.__setitem__(into_mdat(signed), 7))
    assert read(other, trust).failures == ("assertion.bmffHash.mismatch",)


def test_unreadable_credentials_are_malformed(signed: Path, trust: Trust, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(signed.read_bytes() + b"garbage!" * 3)
    header = flipped(signed, tmp_path / "header.mp4", offset_of(signed, b"jumb") + 1)
    for path, reason in ((garbage, "asset_unreadable"), (header, "unreadable")):
        assert (read(path, trust).state, read(path, trust).reason) == ("malformed", reason)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 40, b"just text", b"<?xml version='1.0'?><svg", b"\xff\xd8\xff"]
)
def test_any_content_has_a_state(content: bytes, trust: Trust, tmp_path: Path) -> None:
    path = tmp_path / "upload.mp4"
    path.write_bytes(content)
    assert read(path, trust).state in ("absent", "malformed")


def test_a_file_that_cannot_be_opened_is_an_error(trust: Trust, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError) as error:
        read(tmp_path / "none.mp4", trust)
    assert error.value.code == "file_unreadable"


def test_a_remote_manifest_is_never_fetched(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.5)
    reached: list[object] = []

    def accept() -> None:
        try:
            reached.append(listener.accept())
        except TimeoutError:
            return

    waiting = threading.Thread(target=accept)
    waiting.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/manifest.c2pa"
    out = tmp_path / "remote.mp4"
    sign_as_is(clip, out, definition(created("digitalCapture")), identity, remote_url=url, embed=False)
    report = read(out, trust)
    waiting.join()
    listener.close()
    assert (report.state, report.reason, report.remote_url) == ("remote", "remote_manifest", url)
    assert reached == []


def test_a_stranger_is_valid_and_not_trusted(signed: Path, tmp_path: Path) -> None:
    create_development_ca(tmp_path / "theirs")
    for trust in (Trust(), Trust.from_folder(tmp_path / "theirs")):
        report = read(signed, trust)
        assert (report.state, report.reason) == ("valid", "signer_unknown")
        assert report.failures == ("signingCredential.untrusted",)
        assert report.trust_list is None


def test_a_time_stamp_list_vouches_for_no_signer(signed: Path, keys: Path) -> None:
    """The library calls this file Trusted: it does not keep kinds of lists apart."""
    pem = (keys / "ca.pem").read_text()
    stamps = AnchorList(name="stamps", pem=pem, kind="tsa", dated=date(2026, 1, 1))
    other = AnchorList(
        name="others", pem=ISSUER.certificate_pem.decode(), kind="manifest", dated=date(2026, 1, 1)
    )
    with c2pa.Reader(signed, context=context_for(Trust.of(stamps, other))) as reader:
        assert reader.get_validation_state() == "Trusted"
    assert read(signed, Trust.of(stamps, other)).state == "valid"
    ours = AnchorList(name="ours", pem=pem, kind="manifest", dated=date(2026, 1, 1))
    report = read(signed, Trust.of(stamps, ours))
    assert (report.state, report.trust_list, report.trust_list_date) == ("trusted", "ours", "2026-01-01")


@pytest.mark.parametrize("swapped", [False, True])
def test_chains_that_end_in_lists_of_both_kinds_do_not_read_at_random(
    swapped: bool, signed: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library goes through its lists in an order that changes with every context."""
    pems = [(keys / name).read_text() for name in ("ca.pem", "authority/certificate.pem")]
    signers, stamps = reversed(pems) if swapped else pems
    trust = Trust.of(
        AnchorList(name="stamps", pem=stamps, kind="tsa", dated=date(2026, 1, 1)),
        AnchorList(name="signers", pem=signers, dated=date(2026, 1, 1)),
    )
    for _ in range(12):
        monkeypatch.setattr("guard.credentials.context._contexts", {})
        report = read(signed, trust)
        assert (report.state, report.trust_list) == ("trusted", "signers")


def test_anchors_must_be_certificates(tmp_path: Path) -> None:
    path = tmp_path / "list.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(CredentialsError, match="list") as error:
        Trust.from_files([path])
    assert error.value.code == "anchors_unreadable"


def test_trust_crosses_to_another_process_as_json(trust: Trust) -> None:
    assert Trust.model_validate(json.loads(trust.model_dump_json())) == trust


def test_a_broken_ingredient_shows_under_a_trusted_file(
    signed: Path, clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    broken = flipped(signed, tmp_path / "broken.mp4", into_mdat(signed))
    parent = Ingredient(broken, "broken.mp4", "parentOf")
    out = tmp_path / "out.mp4"
    sign(clip, out, replace(spec, kind="edit", ingredients=(parent,)), identity)
    report = read(out, trust)
    assert (report.state, report.failures) == ("trusted", ())
    assert report.ingredient_failures == ("assertion.bmffHash.mismatch",)
    (node,) = report.ingredients
    assert (node.state, node.relationship, node.title) == ("invalid", "parentOf", "broken.mp4")


def test_a_break_further_down_shows_at_the_top(
    signed: Path, clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    path = flipped(signed, tmp_path / "0.mp4", into_mdat(signed))
    for level in range(1, 4):
        out = tmp_path / f"{level}.mp4"
        parent = Ingredient(path, path.name, "parentOf")
        sign(clip, out, replace(spec, kind="edit", ingredients=(parent,)), identity)
        path = out
    report = read(path, trust)
    assert report.state == "trusted"
    assert report.ingredient_failures == ("assertion.bmffHash.mismatch",)
    assert [n.state for n in report.ingredients] == ["trusted"]
    assert report.ingredients[0].ingredients[0].ingredients[0].state == "invalid"


def test_an_intact_ingredient_is_shown_with_its_claims(edited: Path, signed: Path, trust: Trust) -> None:
    report = read(edited, trust)
    (node,) = report.ingredients
    assert node.state == "trusted"
    assert node.claims is not None
    assert node.claims.manifest_id == read(signed, trust).manifest_id
    assert report.claims is not None
    kinds = (*report.claims.digital_source_types, *node.claims.digital_source_types)
    assert [kind.rsplit("/", 1)[1] for kind in kinds] == [
        "compositeWithTrainedAlgorithmicMedia",
        "trainedAlgorithmicMedia",
    ]


def test_an_unknown_source_type_is_flagged(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    out = sign_as_is(clip, tmp_path / "out.mp4", definition(created("http://foo/bar")), identity)
    report = read(out, trust)
    assert report.state == "trusted"  # the library lets any text pass
    assert report.claims is not None
    assert report.claims.unknown_source_types == ("http://foo/bar",)


def test_bindings_are_read_as_text_and_as_bytes(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    raw = list(b"\x01\x02mark")
    blocks = [
        {"scope": {}, "value": raw},
        {"scope": {}, "value": "AQI="},
        {"scope": {}, "value": "no base64!"},
    ]
    assertion = {
        "label": "c2pa.soft-binding",
        "created": True,
        "data": {"alg": "io.example.mark", "blocks": blocks},
    }
    theirs = definition(created("digitalCapture"), assertions=(assertion,))
    report = read(sign_as_is(clip, tmp_path / "out.mp4", theirs, identity), trust)
    assert [binding.payload for binding in report.soft_bindings] == [
        b"\x01\x02mark",
        b"\x01\x02",
        b"no base64!",
    ]


def test_a_binding_of_cbor_bytes_is_understood(signed: Path, trust: Trust, tmp_path: Path) -> None:
    """Our library writes text; turning its CBOR major type 3 into 2 makes what others write."""
    place = offset_of(signed, b"evaluelASNF") + 6
    assert signed.read_bytes()[place] == 0x60 + 12

    def to_bytes(data: bytearray) -> None:
        data[place] = 0x40 + 12

    report = read(altered(signed, tmp_path / "out.mp4", to_bytes), trust)
    assert report.state == "invalid"  # its hash no longer fits, and it can still be read
    assert report.soft_bindings[0].payload == b"ASNFZ4mrze8="


def test_texts_of_strangers_are_tamed(clip: Path, identity: Identity, trust: Trust, tmp_path: Path) -> None:
    theirs = definition(
        {**created("digitalCapture"), "softwareAgent": {"name": "a\x1b[31m\nb\u202e" + "c" * 900}}
    )
    report = read(sign_as_is(clip, tmp_path / "out.mp4", theirs, identity), trust)
    assert report.claims is not None
    agent = report.claims.actions[0].software_agent
    assert agent is not None
    assert agent.startswith("a [31m b c")
    assert len(agent) <= 500


def test_thousands_of_actions_make_a_report_of_bounded_size(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    many = [
        {"action": "c2pa.edited", "softwareAgent": {"name": "x" * 100}, "when": "2026-01-01T00:00:00Z"}
    ] * 3000
    theirs = definition(created("digitalCapture"), *many)
    report = read(sign_as_is(clip, tmp_path / "out.mp4", theirs, identity), trust)
    assert report.state == "trusted"
    assert len(report.model_dump_json()) < 100_000


def test_a_certificate_that_has_expired_since_is_not_trusted(
    clip: Path, spec: ManifestSpec, tmp_path: Path
) -> None:
    root, issuer = development.make_authority()
    start = datetime.now(UTC) + timedelta(minutes=5)  # the five minutes that issuing sets back
    leaf = development.issue_leaf(issuer, now=start, lifetime=timedelta(seconds=3))
    sleep(1)
    identity = Identity.from_pem(leaf.certificate_pem + issuer.certificate_pem, leaf.key_pem)
    out = tmp_path / "out.mp4"
    sign(clip, out, spec, identity)
    anchor = AnchorList(
        name="root",
        pem=root.public_bytes(Encoding.PEM).decode(),
        dated=date(2026, 1, 1),
    )
    assert read(out, Trust.of(anchor)).state == "trusted"
    sleep(3)
    report = read(out, Trust.of(anchor))
    assert report.state == "invalid"
    assert "signingCredential.expired" in report.failures


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (b"c2pa", "claim.missing"),
        (b"c2as", "assertion.missing"),
        (b"c2cl", "claim.missing"),
        (b"c2cs", "claimSignature.missing"),
    ],
)
def test_a_box_of_the_manifest_under_another_name_is_found_although_the_library_trusts_it(
    kind: bytes, code: str, signed: Path, trust: Trust, tmp_path: Path
) -> None:
    label = offset_of(signed, b"jumd" + kind) + 21
    path = flipped(signed, tmp_path / "out.mp4", label)
    with c2pa.Reader(path, context=context_for(trust)) as reader:
        assert reader.get_validation_state() == "Trusted"
    report = read(path, trust)
    assert (report.state, report.failures) == ("invalid", (code,))


def test_a_renamed_media_box_of_a_signed_file_is_invalid(signed: Path, trust: Trust, tmp_path: Path) -> None:
    assert read(retyped(signed, tmp_path / "out.mp4", "/mdat", b"free"), trust).state == "invalid"


def test_an_identity_that_only_the_network_could_confirm_leaves_the_rest_standing(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    """The library calls the file Invalid, since it may not look up where the actor's key is."""
    named = sign_with_actor(clip, tmp_path / "out.mp4", identity)
    for believed, state in ((trust, "trusted"), (Trust(), "valid")):
        report = read(named, believed)
        assert report.state == state
        assert set(report.failures) <= {"signingCredential.untrusted"}
        assert "identity_not_examined" in report.warnings
    changed = read(flipped(named, tmp_path / "changed.mp4", into_mdat(named)), trust)
    assert (changed.state, "assertion.bmffHash.mismatch" in changed.failures) == ("invalid", True)


def test_an_identity_found_to_be_wrong_is_invalid(
    clip: Path, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    report = read(sign_with_actor(clip, tmp_path / "out.mp4", identity, did="nobody"), trust)
    assert report.state == "invalid"
    assert report.failures == ("cawg.ica.invalid_verifiable_credential",)


def test_what_was_made_from_such_a_file_keeps_it_as_its_source(
    clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    named = sign_with_actor(clip, tmp_path / "named.mp4", identity)
    out = tmp_path / "out.mp4"
    sign(
        clip, out, replace(spec, kind="edit", ingredients=(Ingredient(named, "p.mp4", "parentOf"),)), identity
    )
    report = read(out, trust)
    assert report.state == "trusted"
    assert report.ingredient_failures == ()
    assert [node.state for node in report.ingredients] == ["trusted"]
