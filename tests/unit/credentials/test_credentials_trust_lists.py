"""Trust lists: fetched by command, dated in every report, and each vouching for what it is for."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from guard.credentials import AnchorList, CredentialsError, Identity, Trust, development, read, trust_of
from guard.credentials.trust_store import KNOWN, refresh, remove, stored
from tests.credentials_forge import ISSUER

STRANGER = ISSUER.certificate_pem.decode()


def pem(identity: Identity, index: int) -> str:
    return identity.chain[index].public_bytes(Encoding.PEM).decode()


def listed(name: str, kind: str, text: str) -> AnchorList:
    return AnchorList.model_validate({"name": name, "kind": kind, "pem": text, "dated": date(2026, 1, 1)})


@pytest.mark.parametrize("order", [1, -1])
def test_a_retired_list_is_shown_and_trusts_nobody(signed: Path, identity: Identity, order: int) -> None:
    lists = [listed("interim", "retired", pem(identity, 1)), listed("c2pa", "manifest", STRANGER)][::order]
    report = read(signed, Trust.of(*lists))
    assert (report.state, report.reason, report.trust_list) == ("valid", "signer_on_retired_list", None)
    assert (report.retired_list, report.retired_list_date) == ("interim", "2026-01-01")
    both = read(signed, Trust.of(*lists, listed("ours", "manifest", pem(identity, 1))))
    assert (both.state, both.trust_list, both.retired_list) == ("trusted", "ours", None)


@pytest.mark.parametrize(("kind", "state"), [("manifest", "trusted"), ("retired", "valid"), ("tsa", "valid")])
def test_a_list_may_hold_a_signer_itself(signed: Path, identity: Identity, kind: str, state: str) -> None:
    mine = listed("signers", kind, pem(identity, 0))
    report = read(signed, Trust.of(listed("others", "manifest", STRANGER), mine))
    assert report.state == state
    assert report.trust_list == ("signers" if kind == "manifest" else None)
    assert report.retired_list == ("signers" if kind == "retired" else None)


def test_every_report_names_the_lists_that_were_asked_with_their_days(
    signed: Path, clip: Path, tmp_path: Path
) -> None:
    trust = Trust.of(listed("c2pa", "manifest", STRANGER), listed("clock", "tsa", STRANGER))
    (tmp_path / "garbage").write_bytes(b"garbage")
    for path in (signed, clip, tmp_path / "garbage"):
        found = read(path, trust).trust_lists
        assert [(entry.name, entry.kind, entry.dated) for entry in found] == [
            ("c2pa", "manifest", "2026-01-01"),
            ("clock", "tsa", "2026-01-01"),
        ]


def test_a_list_is_fetched_from_a_file_and_replaced_whole(tmp_path: Path) -> None:
    folder, file = tmp_path / "trust", tmp_path / "anchors.pem"
    file.write_text(STRANGER)
    os.utime(file, (1_780_000_000,) * 2)
    first, before = refresh(folder, "partners", sources=[str(file)])
    assert before is None
    assert (first.kind, first.dated) == ("manifest", datetime.fromtimestamp(1_780_000_000, UTC).date())
    other = development.make_authority()[0].public_bytes(Encoding.PEM).decode()
    file.write_text(other)
    second, before = refresh(folder, "partners", dated=date(2026, 11, 1))
    assert before == first
    assert [(entry.name, entry.pem, entry.dated) for entry in trust_of(folder).lists] == [
        ("partners", other, date(2026, 11, 1))
    ]
    file.write_text("a page that says: not found")
    with pytest.raises(CredentialsError) as error:
        refresh(folder, "partners")
    assert error.value.code == "anchors_unreadable"
    file.unlink()
    with pytest.raises(CredentialsError) as error:
        refresh(folder, "partners")
    assert error.value.code == "trust_list_unavailable"
    assert stored(folder) == (second,)
    remove(folder, "partners")
    assert trust_of(folder).lists == ()


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, Any]]]:
    """Serves one answer."""
    answer: dict[str, Any] = {"status": 200, "body": STRANGER.encode()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer["status"])
            self.send_header("last-modified", "Thu, 20 Aug 2026 10:00:00 GMT")
            self.send_header("location", "http://127.0.0.1:9/")
            self.send_header("content-length", str(len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"][: answer.get("cut")])

        def log_message(self, *_: object) -> None:
            """Quiet."""

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/list.pem", answer
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_a_list_is_fetched_from_an_address(server: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    url, answer = server
    found, _ = refresh(tmp_path, "c2pa-tsa", sources=[url])
    assert (found.kind, found.dated, found.sources) == ("tsa", date(2026, 8, 20), (url,))
    for change in (
        {"status": 404},
        {"status": 302},
        {"cut": 300},
        {"body": b"x" * (5 << 20)},
        {"body": b"<html>"},
    ):
        answer.update({"status": 200, "body": STRANGER.encode(), "cut": None, **change})
        with pytest.raises(CredentialsError) as error:
            refresh(tmp_path, "c2pa-tsa")
        assert error.value.code in ("trust_list_unavailable", "anchors_unreadable"), change
        assert stored(tmp_path) == (found,)


def test_what_decides_on_trust_does_not_come_over_plain_http(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="https") as error:
        refresh(tmp_path, "c2pa", sources=["http://lists.example/anchors.pem"])
    assert error.value.code == "trust_list_unavailable"
    assert all(place.startswith("https://") for entry in KNOWN.values() for place in entry.sources)


def test_unknown_lists_and_damaged_files_are_said(tmp_path: Path) -> None:
    for name in ("nobodys", "../c2pa", ""):
        with pytest.raises(CredentialsError) as error:
            refresh(tmp_path, name)
        assert error.value.code == "trust_list_unknown"
    (tmp_path / "c2pa.json").write_text("{}")
    with pytest.raises(CredentialsError, match=r"c2pa\.json") as error:
        trust_of(tmp_path)
    assert error.value.code == "anchors_unreadable"
