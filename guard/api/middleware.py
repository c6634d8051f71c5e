"""Around every request: an id, timing, headers, one line in the log, and a last net under crashes."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guard.api.errors import body
from guard.api.metrics import Metrics

_log = structlog.get_logger(__name__)

API_VERSION = "2020-10-01"
"""Of the wire, as its clients know it."""
_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_SECONDS = 2.0


class RequestEnvelope:
    """ASGI middleware; streams pass through untouched.

    Args:
        app: what answers.
        metrics: counts what was answered.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - the last net: nothing of the error's text may get out
            _log.error(
                "request_crashed",
                error=type(error).__name__,
                where=_places(error),
                request_id=exchange.request_id,
            )
            await exchange.crash()
        finally:
            self._account(scope, exchange)

    def _account(self, scope: Scope, exchange: _Exchange) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        seconds = time.perf_counter() - exchange.started
        self._metrics.observe(scope["method"], route, exchange.status, seconds)
        _log.info(
            "request",
            method=scope["method"],
            route=route,
            status=exchange.status,
            duration_ms=round(seconds * 1000),
            request_id=exchange.request_id,
        )


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.request_id = f"req_{secrets.token_hex(16)}"
        self.started = time.perf_counter()
        self.status = 499  # as the field calls a client that left before the answer
        self._state: dict[str, Any] = scope.setdefault("state", {})
        self._state["request_id"] = self.request_id
        self._receive, self._send = receive, send
        self._unread = not _without_body(Headers(scope=scope))
        self._answered = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] >= 400:
                await self._drain()
            self.status, self._answered = message["status"], True
            headers = MutableHeaders(scope=message)
            if self._unread:
                headers["connection"] = "close"  # or the server would read the rest, however long it is
            for name, value in self._headers().items():
                headers.setdefault(name, value)
        await self._send(message)

    async def crash(self) -> None:
        """Answer 500 in the wire's shape, unless an answer has begun."""
        if self._answered:
            return
        content = json.dumps(body(500, "internal_error", "The service failed; try again later.")).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": content})

    def _headers(self) -> Mapping[str, str]:
        allowance: Mapping[str, str] = self._state.get("allowance", {})
        return {
            "x-request-id": self.request_id,
            "openai-processing-ms": str(round((time.perf_counter() - self.started) * 1000)),
            "openai-version": API_VERSION,
            "x-content-type-options": "nosniff",
            **allowance,
        }

    async def _drain(self) -> None:
        """Read on for a moment after a refusal: closing on a client that still sends would cost it the answer."""
        left = _DRAIN_BYTES
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._unread and left > 0:
                    left -= max(1, len((await self.receive()).get("body", b"")))
        except TimeoutError:
            return


def _without_body(headers: Headers) -> bool:
    """Whether nothing needs draining; a client that waits for a go-ahead has not begun to send."""
    return "expect" in headers or (
        headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    )


def _places(error: Exception) -> str:
    """Where it happened, innermost last: files and lines, nothing of the values."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return " ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
