"""What tests look up in the log's tables that the software itself never hands out."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from guard.ledger.tables import salts


def salt_of(session: Session, subject: str) -> bytes:
    """The salt of a subject's commitments; empty if there is none."""
    return session.execute(select(salts.c.salt).where(salts.c.subject == subject)).scalar_one_or_none() or b""
