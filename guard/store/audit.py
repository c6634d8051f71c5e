"""What the store's rows say about the log, for :func:`guard.ledger.verify_database`."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from guard.ledger import Expected, Report, VerifyKey, verify_database
from guard.store.models import Decision, Release, Review

T = TypeVar("T", Decision, Review, Release)

_DECISION = (
    "tenant_id", "video_id", "stage", "action", "reason", "categories", "policy_id", "policy_version",
    "policy_digest", "model_digest",
)  # fmt: skip
_RELEASE = (
    "tenant_id", "video_id", "asset_digest", "manifest_digest", "model_digest", "policy_digest",
    "mark_algorithm", "mark_key_id",
)  # fmt: skip


def logged_rows(session: Session) -> Iterator[Expected]:
    """Every decision, review, release and revocation with the leaf that it claims to be, by index."""
    streams = (_decisions(session), _reviews(session), _releases(session), _revocations(session))
    return heapq.merge(*streams, key=lambda row: row.index)


def _place(index: int | None) -> int:
    return -1 if index is None else index


def _decisions(session: Session) -> Iterator[Expected]:
    for row in session.scalars(_stream(select(Decision), Decision.ledger_index)):
        values = {name: getattr(row, name) for name in _DECISION}
        yield Expected(row.ledger_index, "decision", {"decision_id": row.id, **values})


def _reviews(session: Session) -> Iterator[Expected]:
    for row in session.scalars(_stream(select(Review).where(Review.state != "open"), Review.ledger_index)):
        values = {"video_id": row.video_id, "stage": row.stage, "outcome": row.state}
        yield Expected(_place(row.ledger_index), "review", {"review_id": row.id, **values})


def _releases(session: Session) -> Iterator[Expected]:
    for row in session.scalars(_stream(select(Release), Release.ledger_index)):
        values = {name: getattr(row, name) for name in _RELEASE}
        yield Expected(row.ledger_index, "release", {"release_id": row.id, **values})


def _revocations(session: Session) -> Iterator[Expected]:
    revoked = select(Release).where(Release.revoked_at.is_not(None))
    for row in session.scalars(_stream(revoked, Release.revocation_index)):
        yield Expected(
            _place(row.revocation_index), "revocation", {"release_id": row.id, "video_id": row.video_id}
        )


def _stream(query: Select[T], index: InstrumentedAttribute[Any]) -> Select[T]:
    # Databases disagree on where NULL sorts, and a log may be longer than memory.
    return query.order_by(func.coalesce(index, -1)).execution_options(yield_per=500)


def audit(session: Session, public_key: VerifyKey | str, *, previous_checkpoint: str | None = None) -> Report:
    """Audit log and rows together; see :func:`guard.ledger.verify_database`."""
    return verify_database(
        session.connection(),
        public_key,
        expected=partial(logged_rows, session),
        previous_checkpoint=previous_checkpoint,
    )
