"""What was verified: the verdict and a salted commitment to the file's digest, never the file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from guard import ledger
from guard.store.ids import new_id
from guard.store.models import Verification


def record_verification(
    session: Session, *, tenant_id: str | None, sha256: str, verdict: str, basis: Sequence[str], now: datetime
) -> Verification:
    """Record a verification.

    Args:
        session: a write transaction.
        tenant_id: who asked; None for an anonymous caller.
        sha256: of the file, 64 hex digits; only a commitment to it is kept.
        verdict: name of the verdict.
        basis: kinds of evidence that it rests on.
        now: when.
    """
    verification_id = new_id("verification", now)
    row = Verification(
        id=verification_id,
        tenant_id=tenant_id,
        commitment=ledger.commit(session.connection(), verification_id, bytes.fromhex(sha256)),
        verdict=str(verdict),
        basis=[str(part) for part in basis],
        created=now,
    )
    session.add(row)
    session.flush()
    return row
