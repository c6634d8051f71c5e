"""How a client says that it sends a request again."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from guard.api.errors import ApiError

_MOST_KEY = 255


@dataclass(frozen=True)
class Repeat:
    """What the headers say.

    Attributes:
        key: the caller's idempotency key, or None.
        retried: whether the official clients' retry counter is above 0.
    """

    key: str | None
    retried: bool


def repeat_of(request: Request) -> Repeat:
    """Read it off a request.

    Raises:
        ApiError: ``invalid_value``.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= _MOST_KEY:
        raise ApiError(400, "invalid_value", f"An Idempotency-Key has 1 to {_MOST_KEY} characters.")
    retries = request.headers.get("x-stainless-retry-count", "0")
    return Repeat(key, retries.isascii() and retries.isdigit() and retries.strip("0") != "")
