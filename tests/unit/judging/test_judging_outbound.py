"""Over real sockets: a service that answers, one that does not, and several that answer nonsense."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from guard.outbound import BoundedPost
from policies.judges import JudgeError, ModerationEndpoint
from tests.server import free_port

Serve = Callable[[socket.socket], None]


@contextmanager
def serving(serve: Serve) -> Iterator[str]:
    """A server for one connection after another that does with each what it is told."""
    listening = socket.create_server(("127.0.0.1", 0))

    def loop() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65_536)
                    serve(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


def answer(body: bytes, status: str = "200 OK", more: str = "") -> Serve:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{more}connection: close\r\n\r\n".encode()
    return lambda connection: connection.sendall(head + body)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" " * 1_000_000)


def fails(url: str, seconds: float = 5.0) -> str:
    with pytest.raises(JudgeError) as caught:
        ModerationEndpoint(url, "m", "key", BoundedPost(seconds)).opinion("a quiet lake")
    return caught.value.code


@pytest.mark.parametrize(
    ("serve", "code"),
    [
        (answer(b"{}", "500 Internal Server Error"), "refused"),
        (answer(b"{}", "401 Unauthorized"), "refused"),
        (answer(b"{}", "429 Too Many Requests"), "refused"),
        (answer(b"", "302 Found", "location: http://127.0.0.1:1/\r\n"), "refused"),
        (answer(b"<html>welcome</html>"), "unreadable"),
        (answer(b"{}"), "unreadable"),
        (answer(b"\x1f\x8b garbage", more="content-encoding: gzip\r\n"), "unreachable"),
        (lambda connection: connection.sendall(b"garbage\r\n\r\n"), "unreachable"),
        (lambda connection: connection.close(), "unreachable"),
        (flood, "unreadable"),
    ],
    ids=["500", "401", "429", "302", "html", "empty", "gzip", "garbage", "closed", "flood"],
)
def test_what_a_service_can_do_wrong(serve: Serve, code: str) -> None:
    with serving(serve) as url:
        assert fails(url) == code


@pytest.mark.parametrize("serve", [lambda _: time.sleep(3), drip], ids=["silent", "drip"])
def test_time_is_up(serve: Serve) -> None:
    with serving(serve) as url:
        start = time.monotonic()
        assert fails(url, 0.5) == "timeout"
        assert time.monotonic() - start < 2.5


def test_nobody_listens() -> None:
    assert fails(f"http://127.0.0.1:{free_port()}/v1") == "unreachable"


def test_a_good_answer_is_read() -> None:
    body = b'{"results": [{"flagged": true, "categories": {"violence": true}, "category_scores": {"violence": 0.9}}]}'
    with serving(answer(body)) as url:
        opinion = ModerationEndpoint(url, "m", None, BoundedPost(5)).opinion("x")
    assert opinion.flagged == {"violence_gore"}
    assert opinion.scores == {"violence_gore": 0.9}
