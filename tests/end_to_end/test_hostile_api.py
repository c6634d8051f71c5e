"""Hostile uploads and prompts over the socket: a clear error each, in bounded memory, and the service goes on."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import hostile
from tests.server import Server

MIB = 2**20
GIB = 2**30
LARGEST = 16 * MIB
BOUNDARY = b"boundary-of-the-test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(
        tmp_path_factory.mktemp("hostile") / "data",
        changes={"uploads": {"max_bytes": LARGEST, "max_seconds": 60}},
    )
    yield running
    running.stop()


def resident(pid: int) -> int:
    """Memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def left(server: Server) -> list[str]:
    return [path.name for path in (server.data / "uploads").iterdir()]


@pytest.mark.parametrize("name", ["empty", "text", "huge png", "nested boxes", "truncated", "long"])
def test_a_hostile_upload_is_refused_with_its_code(server: Server, tmp_path: Path, name: str) -> None:
    before = resident(server.pid)
    with hostile.make(tmp_path, name).open("rb") as file:
        answer = server.request("POST", "/verifications", files={"file": ("clip.mp4", file)})
    assert 400 <= answer.status_code < 500
    error = answer.json()["error"]
    assert error["code"] in hostile.FILES[name][2]
    assert len(error["message"]) > 20
    assert left(server) == []
    assert resident(server.pid) - before < 96 * MIB


@pytest.mark.parametrize("announced", [True, False])
def test_a_stream_of_three_gigabytes_is_cut_off(server: Server, announced: bool) -> None:
    head = (
        b"--" + BOUNDARY + b'\r\ncontent-disposition: form-data; name="file"; filename="clip.mp4"\r\n'
        b"content-type: video/mp4\r\n\r\n"
    )
    length = b"content-length: %d" % (3 * GIB) if announced else b"transfer-encoding: chunked"
    request = (
        b"POST /v1/verifications HTTP/1.1\r\nhost: test\r\ncontent-type: multipart/form-data; boundary="
        + BOUNDARY
        + b"\r\nauthorization: Bearer "
        + server.api_key.encode()
        + b"\r\n"
        + length
        + b"\r\n\r\n"
    )
    before, sent, start = resident(server.pid), 0, time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(request)
        piece = bytes(MIB)
        first = True
        try:
            while sent < 3 * GIB and not select.select([connection], [], [], 0)[0]:
                data = head + piece if first else piece
                first = False
                connection.sendall(data if announced else b"%x\r\n%s\r\n" % (len(data), data))
                sent += len(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the answer is there all the same, and was sent before
        answer = connection.recv(65536)
    assert sent < 256 * MIB
    assert time.monotonic() - start < 120
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert resident(server.pid) - before < 96 * MIB
    end = time.monotonic() + 30
    while left(server) and time.monotonic() < end:
        time.sleep(0.1)
    assert left(server) == []


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("", "prompt_empty"),
        ("\u200b\u200d\u2060", "prompt_empty"),
        ("a" * 40_000, "prompt_too_long"),
        ("a red\x00ball", "prompt_unreadable"),
    ],
)
def test_an_unusable_prompt_is_refused_with_its_code(server: Server, prompt: str, code: str) -> None:
    answer = server.request("POST", "/videos", json={"prompt": prompt, "size": "640x360", "seconds": "2"})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "prompt")
    assert error["code"] == code
    assert "aaaa" not in error["message"]


def test_only_what_is_completed_is_served(server: Server) -> None:
    """From the first moment to the last, no answer but "not yet" until the job is completed."""
    fields = {"prompt": "a paper kite over a hill", "size": "640x360", "seconds": "2"}
    video_id = server.request("POST", "/videos", json=fields).json()["id"]
    seen: list[tuple[int, str]] = []
    end = time.monotonic() + 180
    while time.monotonic() < end:
        content = server.request("GET", f"/videos/{video_id}/content")
        status = server.request("GET", f"/videos/{video_id}").json()["status"]
        seen.append((content.status_code, status))
        if content.status_code == 200 or status == "failed":
            break
        assert content.json()["error"]["code"] == "video_not_ready"
        time.sleep(0.1)
    assert len(seen) > 2
    assert {code for code, _ in seen[:-1]} == {404}
    assert seen[-1] == (200, "completed")


def test_the_service_still_answers(server: Server) -> None:
    assert server.request("GET", "/videos").status_code == 200
