"""RFC 3161 time stamps: who is asked for them, how often, and what happens if nobody answers.

The C2PA library makes the request, but waits thirty seconds, asks once, and tells nothing of the reason. So for one
signature it is pointed to a relay on this machine, which passes its request on to the authority with a limit of time
and size, asks again where that may help, and knows what went wrong.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

import httpx

from guard.credentials.errors import CredentialsError

WhenDown = Literal["hold", "sign"]

_PATIENCE = 25.0  # the library gives up after 30 seconds
_LARGEST = 256 * 1024
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


@dataclass(frozen=True)
class TimeStamping:
    """A time-stamp authority and how patient to be with it.

    Attributes:
        url: of the authority; many have http only, which is enough, since what they answer is signed.
        timeout: seconds for one attempt.
        attempts: at most, with pauses that double from half a second; all of them end within 25 seconds.
        when_down: "hold": nothing is signed without a stamp. "sign": sign without, and say so in the manifest.
    """

    url: str = field(repr=False)
    timeout: float = 10.0
    attempts: int = 3
    when_down: WhenDown = "hold"

    def __post_init__(self) -> None:
        """Refuse an address that cannot be asked.

        Raises:
            CredentialsError: `time_stamp_url_invalid`.
        """
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
            raise CredentialsError(
                "time_stamp_url_invalid", "A time-stamp authority's address begins with http:// or https://."
            )

    @property
    def host(self) -> str:
        """The authority's host; addresses may hold secrets elsewhere."""
        return urlsplit(self.url).hostname or ""


class Relay:
    """Where the library is to ask for one stamp.

    Attributes:
        url: on this machine.
        failure: why there was no answer, as a kind of failure and not in the authority's words; None so far.
        asked: whether the library asked at all.
    """

    def __init__(self, authority: TimeStamping) -> None:
        self._authority = authority
        self._path = "/" + secrets.token_urlsafe(16)  # other programs on this machine do not know it
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}{self._path}"
        self.failure: str | None = None
        self.asked = False

    def unavailable(self) -> CredentialsError:
        """The error of a signature that got no stamp, or none that the library takes."""
        reason = self.failure or "its answer is no time stamp of this signature"
        return CredentialsError(
            "time_stamp_unavailable",
            f"The time-stamp authority {self._authority.host} gave no usable stamp ({reason}); check its address, the "
            "network, and whether it answers, or let files be signed without: time_stamps.when_down.",
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                if self.path != relay._path or size > _LARGEST:
                    self.send_error(404)
                    return
                relay.asked = True
                answer = relay._ask(self.rfile.read(size))
                if answer is None:
                    self.send_error(502)
                    return
                self.send_response(200)
                self.send_header("content-type", _REPLY)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing: what fails is in `failure`."""

        return Handler

    def _ask(self, query: bytes) -> bytes | None:
        end = time.monotonic() + _PATIENCE
        for attempt in range(self._authority.attempts):
            if attempt:
                time.sleep(min(0.5 * 2 ** (attempt - 1), max(0.0, end - time.monotonic())))
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                return self._answer(query, min(self._authority.timeout, left))
            except httpx.HTTPError as error:
                self.failure = type(error).__name__
            except _RefusedError as error:
                self.failure = str(error)
                if not error.passing:
                    break
        return None

    def _answer(self, query: bytes, timeout: float) -> bytes:
        end, answer = time.monotonic() + timeout, bytearray()
        with httpx.stream(
            "POST",
            self._authority.url,
            content=query,
            headers={"content-type": _QUERY, "accept": _REPLY},
            timeout=timeout,
            follow_redirects=False,
        ) as response:
            if response.status_code != 200:
                status = response.status_code
                raise _RefusedError(f"HTTP {status}", passing=status >= 500 or status in (408, 425, 429))
            for chunk in response.iter_raw():
                answer += chunk
                if len(answer) > _LARGEST:
                    raise _RefusedError("its answer is too large", passing=False)
                if time.monotonic() > end:
                    raise _RefusedError("its answer came too slowly", passing=True)
        if not response.headers.get("content-type", "").startswith(_REPLY):
            raise _RefusedError("its answer is no time-stamp reply", passing=False)
        return bytes(answer)

    @contextmanager
    def running(self) -> Iterator[Relay]:
        """Answer the library meanwhile."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _RefusedError(Exception):
    def __init__(self, reason: str, *, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing
