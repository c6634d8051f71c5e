"""Links to pictures that open for whoever has them, for a while: the wire hands pictures out by URL, without a key."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from urllib.parse import urlencode

LASTS = timedelta(hours=1)
"""As long as on the wire."""
_MOST_DIGITS = 12


def link(base: str, image_id: str, key: bytes, *, now: datetime) -> str:
    """A link to a picture's file.

    Args:
        base: address of the service, ending with a slash.
        image_id: which picture.
        key: signs links.
        now: when it begins to count.
    """
    expires = str(int((now + LASTS).timestamp()))
    query = urlencode({"expires": expires, "signature": _signature(image_id, expires, key)})
    return f"{base}v1/images/{image_id}/content?{query}"


def opens(image_id: str, expires: str, signature: str, key: bytes, *, now: datetime) -> bool:
    """Whether a link's parameters are of our making, for this picture, and still count."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= _MOST_DIGITS and signature.isascii()):
        return False
    ours = hmac.compare_digest(signature, _signature(image_id, expires, key))
    return ours and now.timestamp() < int(expires)


def _signature(image_id: str, expires: str, key: bytes) -> str:
    return hmac.digest(key, f"picture link 1\n{image_id}\n{expires}".encode(), "sha256").hex()
