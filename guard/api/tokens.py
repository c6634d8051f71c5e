"""Access tokens: an API key exchanged for something that ends by itself (OAuth 2, client credentials)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

LASTS = timedelta(hours=1)
PREFIX = "gt_"
_SEPARATOR = "."


@dataclass(frozen=True)
class Token:
    """What an access token says; the key that it came of still has to be valid.

    Attributes:
        key_id: of the API key.
        scopes: some of the key's, or all.
    """

    key_id: str
    scopes: frozenset[str]


def issue(key_id: str, scopes: Collection[str], secret: bytes, *, now: datetime) -> str:
    """A token for an hour.

    Args:
        key_id: of the API key that is exchanged.
        scopes: what it is for.
        secret: signs tokens.
        now: when it begins to count.
    """
    says = {"key": key_id, "scopes": sorted(scopes), "until": int((now + LASTS).timestamp())}
    body = base64.urlsafe_b64encode(json.dumps(says, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{PREFIX}{body}{_SEPARATOR}{_signature(body, secret)}"


def read(token: str, secret: bytes, *, now: datetime) -> Token | None:
    """What a token says, if it is of our making and still counts."""
    body, separator, signature = token.removeprefix(PREFIX).partition(_SEPARATOR)
    ours = token.isascii() and bool(separator) and hmac.compare_digest(signature, _signature(body, secret))
    if not ours or not token.startswith(PREFIX):
        return None
    try:
        says = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        return None
    if now.timestamp() >= says["until"]:
        return None
    return Token(says["key"], frozenset(says["scopes"]))


def _signature(body: str, secret: bytes) -> str:
    return hmac.digest(secret, f"access token 1\n{body}".encode(), "sha256").hex()
