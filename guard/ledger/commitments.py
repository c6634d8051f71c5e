"""Salted commitments: a leaf can bind to a prompt or a name without ever revealing it.

A commitment is HMAC-SHA256 with a random 32-byte salt as key. While the salt exists, whoever holds the data
can show that a leaf speaks of it; once the salt is destroyed, nobody can, not even by guessing the data.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from guard.ledger.tables import salts

SALT_SIZE = 32


def commitment(salt: bytes, data: bytes) -> str:
    """``hmac-sha256:<hex>`` of ``data`` under ``salt``."""
    return "hmac-sha256:" + hmac.new(salt, data, hashlib.sha256).hexdigest()


def commit(conn: Connection, subject: str, data: bytes) -> str:
    """Commit to ``data`` under the salt of ``subject``, which is made on first use.

    Args:
        conn: connection with an open write transaction.
        subject: identifier of what is committed to, at most 64 characters; what shares a subject is
            unlinked together.
        data: the bytes to bind to.
    """
    salt = conn.execute(select(salts.c.salt).where(salts.c.subject == subject)).scalar_one_or_none()
    if salt is None:
        salt = secrets.token_bytes(SALT_SIZE)
        conn.execute(insert(salts).values(subject=subject, salt=salt))
    return commitment(salt, data)


def destroy_salt(conn: Connection, subject: str) -> bool:
    """Destroy the salt of a subject for good; returns whether there was one."""
    return conn.execute(delete(salts).where(salts.c.subject == subject)).rowcount > 0
