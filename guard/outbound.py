"""Requests to services that the operator configured: bounded in time and size, and never redirected elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

from policies.judges import JudgeError

_LARGEST = 4 * 1024 * 1024


class BoundedPost:
    """Posts within a time that counts from the first byte sent to the last one read.

    Args:
        seconds: for the whole exchange.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._client = httpx.Client(timeout=seconds, follow_redirects=False)

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The body of a successful answer.

        Raises:
            JudgeError: ``timeout``, ``unreachable``, ``refused`` or ``unreadable``.
        """
        until = time.monotonic() + self._seconds
        try:
            with self._client.stream("POST", url, content=body, headers=dict(headers)) as response:
                if response.status_code != httpx.codes.OK:
                    raise JudgeError("refused")
                return self._read(response, until)
        except httpx.TimeoutException:
            raise JudgeError("timeout") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise JudgeError("unreachable") from None

    @staticmethod
    def _read(response: httpx.Response, until: float) -> bytes:
        read = bytearray()
        for part in response.iter_bytes():
            read += part
            if len(read) > _LARGEST:
                raise JudgeError("unreadable")
            if time.monotonic() > until:
                raise JudgeError("timeout")
        return bytes(read)
