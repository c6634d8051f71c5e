"""Identifiers: a prefix, then 26 characters that sort by time and cannot be guessed."""

from __future__ import annotations

import secrets
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_BITS, _RANDOM_BITS = 48, 80


def new_id(prefix: str, now: datetime) -> str:
    """A new identifier such as ``video_01jx3y…``.

    48 bits of milliseconds since 1970, then 80 random bits, in lower-case Crockford base 32. Identifiers of
    different milliseconds sort by time.

    Args:
        prefix: kind of thing, for instance ``video``.
        now: when, with a time zone.
    """
    milliseconds = int(now.timestamp() * 1000) & ((1 << _TIME_BITS) - 1)
    number = (milliseconds << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    digits = ""
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits = _ALPHABET[digit] + digits
    return f"{prefix}_{digits}"
