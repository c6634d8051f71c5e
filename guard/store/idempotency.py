"""Idempotency keys: the same request twice makes one video."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from guard.store.errors import StoreError
from guard.store.models import IdempotencyKey


def find_request(session: Session, tenant_id: str, key: str, body_hash: str) -> str | None:
    """The video that an earlier request with this key made, or None.

    Args:
        session: any transaction.
        tenant_id: whose request.
        key: the caller's idempotency key, at most 255 characters.
        body_hash: hex sha256 of the request.

    Raises:
        StoreError: ``idempotency_mismatch`` if the key stood for another request.
    """
    row = session.get(IdempotencyKey, (tenant_id, key))
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise StoreError(
            "idempotency_mismatch", "This idempotency key was used for another request; choose a new one."
        )
    return row.video_id


def remember_request(
    session: Session, tenant_id: str, key: str, body_hash: str, video_id: str, *, now: datetime
) -> None:
    """Tie a key to a video; of two at once, one gets ``conflict`` and then finds the other's video."""
    row = IdempotencyKey(tenant_id=tenant_id, key=key, body_hash=body_hash, video_id=video_id, created=now)
    session.add(row)
    session.flush()


def recent_request(session: Session, tenant_id: str, body_hash: str, *, since: datetime) -> str | None:
    """The newest video made since then by a request with the same body, for retries without a key."""
    return session.scalars(
        select(IdempotencyKey.video_id)
        .where(
            IdempotencyKey.tenant_id == tenant_id,
            IdempotencyKey.body_hash == body_hash,
            IdempotencyKey.created >= since,
        )
        .order_by(IdempotencyKey.created.desc())
        .limit(1)
    ).one_or_none()


def forget_video(session: Session, video_id: str) -> None:
    """Forget the keys that stand for this video."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.video_id == video_id))


def forget_requests(session: Session, *, before: datetime) -> None:
    """Forget keys older than that."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created < before))
