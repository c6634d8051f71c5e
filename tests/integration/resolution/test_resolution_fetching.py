"""Fetching from a real HTTPS server, and from everywhere that must not be fetched from."""

from __future__ import annotations

import ipaddress
import socket
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from guard.fetching import FetchError, FetchLimits, fetch, public
from tests.https import Site, send, site

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
CONTENT = bytes(range(256)) * 400


def code_of(url: str, path: Path, limits: FetchLimits, length: int | None = None) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(url, path, limits, length=length)
    assert not path.exists()
    return caught.value.code


def allowing(found: Site, **more: float) -> FetchLimits:
    return FetchLimits(
        seconds=more.get("seconds", 10),
        max_bytes=int(more.get("max_bytes", 10**6)),
        allowed=LOOPBACK,
        authorities=found.authority,
    )


def test_a_file_is_fetched_by_name_from_an_allowed_network(tmp_path: Path) -> None:
    with site(tmp_path, send(CONTENT)) as found:
        path = tmp_path / "fetched"
        assert fetch(f"{found.url}/a/clip.mp4?v=2", path, allowing(found), length=len(CONTENT)) == len(
            CONTENT
        )
        assert path.read_bytes() == CONTENT
        assert path.stat().st_mode & 0o777 == 0o600
        assert found.asked == [(f"localhost:{found.port}", "/a/clip.mp4?v=2")]


def test_without_leave_our_own_network_is_never_asked(tmp_path: Path) -> None:
    with site(tmp_path, send(CONTENT)) as found:
        limits = FetchLimits(10, 10**6, authorities=found.authority)
        for host in ("localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "0"):
            code = code_of(f"https://{host}:{found.port}/", tmp_path / "no", limits)
            assert code in ("reference_refused", "reference_unreachable"), host
            assert code_of(f"https://{host}/", tmp_path / "no", limits) == code
        assert found.asked == []


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254",
        "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1",
        "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
        "2001:db8::1", "100::1",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused(text: str) -> None:
    assert not public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_what_is_public_is_not(text: str) -> None:
    assert public(ipaddress.ip_address(text))


def test_a_name_is_looked_up_once_and_all_its_addresses_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public for whoever checks it and private for whoever connects, or that is both at once."""
    real, lookups = socket.getaddrinfo, []

    def resolver(host: str, port: int, *more: object, **others: object) -> object:
        if host != "rebinding.test":
            return real(host, port, *more, **others)  # type: ignore[arg-type]
        lookups.append(host)
        addresses = answers[min(len(lookups), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    answers = [["93.184.215.14", "169.254.169.254"]]
    assert code_of("https://rebinding.test/", tmp_path / "no", FetchLimits(2, 10)) == "reference_refused"
    with site(tmp_path, send(CONTENT)) as found:
        answers, lookups[:] = [["127.0.0.1"], ["10.0.0.1"]], []
        # the certificate is for another name, which is noticed after connecting to the first answer, not the second
        code = code_of(f"https://rebinding.test:{found.port}/", tmp_path / "no", allowing(found))
        assert (code, lookups, found.asked) == ("reference_unreachable", ["rebinding.test"], [])


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "https:///path", "https://", "//example.com",
        "https://user@example.com/", "https://example.com@127.0.0.1/", "https://example.com/#part",
        "https://example.com:99999/", "https://example.com:port/", "https://exa mple.com/",
        "https://example.com/\r\nHost: x",        "https://example.com\\@127.0.0.1/", "https://[::1/", "https://exämple.com/",
        "https://example.com/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_such_address_is_refused(tmp_path: Path, url: str) -> None:
    assert code_of(url, tmp_path / "no", FetchLimits(1, 10)) == "reference_invalid"


def test_other_ports_are_for_allowed_networks(tmp_path: Path) -> None:
    assert code_of("https://1.1.1.1:8443/", tmp_path / "no", FetchLimits(1, 10)) == "reference_refused"


def test_redirects_are_not_followed(tmp_path: Path) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("location", "https://localhost/other")
        handler.end_headers()

    with site(tmp_path, elsewhere) as found:
        assert code_of(f"{found.url}/", tmp_path / "no", allowing(found)) == "reference_redirected"
        assert len(found.asked) == 1


def test_lengths_are_kept(tmp_path: Path) -> None:
    with site(tmp_path, send(CONTENT)) as found:
        limits = allowing(found, max_bytes=1000)
        assert code_of(f"{found.url}/", tmp_path / "no", limits) == "reference_too_large"
        assert code_of(f"{found.url}/", tmp_path / "no", limits, 2000) == "reference_too_large"
        assert code_of(f"{found.url}/", tmp_path / "no", allowing(found), 5) == "reference_mismatched"
    with site(tmp_path, send(CONTENT, declared=len(CONTENT) + 5)) as found:
        # the server breaks off before what it declared
        assert code_of(f"{found.url}/", tmp_path / "no", allowing(found)) in (
            "reference_mismatched",
            "reference_unreachable",
        )


def test_what_has_no_length_ends_at_the_limit(tmp_path: Path) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(CONTENT)

    with site(tmp_path, endless) as found:
        assert code_of(f"{found.url}/", tmp_path / "no", allowing(found)) == "reference_too_large"


@pytest.mark.parametrize("in_head", [True, False])
def test_a_trickle_is_cut_off(tmp_path: Path, in_head: bool) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        if not in_head:
            handler.send_response(200)
            handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    with site(tmp_path, trickle) as found:
        start = time.monotonic()
        assert code_of(f"{found.url}/", tmp_path / "no", allowing(found, seconds=1)) == "reference_timeout"
        assert time.monotonic() - start < 5


def test_a_handshake_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        start = time.monotonic()
        assert code_of(url, tmp_path / "no", FetchLimits(1, 10, LOOPBACK)) == "reference_timeout"
        assert time.monotonic() - start < 5


def test_an_unknown_certificate_and_no_server_are_refused(tmp_path: Path) -> None:
    with site(tmp_path, send(CONTENT)) as found:
        limits = FetchLimits(5, 10**6, LOOPBACK)
        assert code_of(f"{found.url}/", tmp_path / "no", limits) == "reference_unreachable"
        url = found.url
    assert code_of(f"{url}/", tmp_path / "no", limits) == "reference_unreachable"
    assert code_of("https://nowhere.invalid/", tmp_path / "no", limits) == "reference_unreachable"


def test_answers_that_are_no_file_are_refused(tmp_path: Path) -> None:
    def missing(handler: BaseHTTPRequestHandler) -> None:
        handler.send_error(404)

    def squeezed(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-encoding", "gzip")
        handler.end_headers()

    for answer in (missing, squeezed):
        with site(tmp_path, answer) as found:
            assert code_of(f"{found.url}/", tmp_path / "no", allowing(found)) == "reference_unreachable"
