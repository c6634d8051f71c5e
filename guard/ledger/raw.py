"""Values as they lie in the database, for an audit that must survive whatever somebody put there.

SQLite keeps a value of any type in any column, and the usual conversions then raise, or take a number for a length to
allocate. Here nothing is converted on the way, and what is not of its column's type becomes a value that fits nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, type_coerce
from sqlalchemy.types import NullType

from guard.ledger.entries import timestamp


def raw(column: Any) -> ColumnElement[Any]:
    """The column without conversion."""
    return type_coerce(column, NullType())


def as_bytes(value: object) -> bytes:
    """Bytes as they are; anything else as the bytes of its text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def as_text(value: object) -> str:
    """Text as it is; anything else as what it looks like."""
    return value if isinstance(value, str) else repr(value)


def as_time(value: object) -> str:
    """A time as leaves write it, in UTC; anything else as what it looks like."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(as_text(value))
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return as_text(value)
