"""Reviews: a video is held until a person approves it; a rejection or the end of its time fails it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from guard import ledger
from guard.store.errors import StoreError
from guard.store.ids import new_id
from guard.store.models import Review
from guard.store.videos import QUEUE_GRACE, fail_video, get_video, start_video

_MESSAGES = {
    "rejected": "A reviewer rejected this {kind}.",
    "expired": "The {kind} was held and not approved in time.",
}


def open_review(
    session: Session,
    video_id: str,
    *,
    stage: str,
    decision_id: str,
    reason: str,
    expires_at: datetime,
    now: datetime,
    sealed: bool = False,
) -> Review:
    """Hold a video for review; a video is held once a stage, so doing it again gives the same review.

    One that is ``sealed`` is no general reviewer's to see.

    Raises:
        StoreError: ``not_found``; ``status_invalid`` if the video is over.
    """
    found = session.scalars(
        select(Review).where(Review.video_id == video_id, Review.stage == stage)
    ).one_or_none()
    if found is not None:
        return found
    video = start_video(session, video_id)
    video.hold = stage
    review = Review(
        id=new_id("review", now),
        video_id=video_id,
        tenant_id=video.tenant_id,
        decision_id=decision_id,
        stage=stage,
        state="open",
        reason=reason,
        sealed=sealed,
        created=now,
        expires_at=expires_at,
    )
    session.add(review)
    session.flush()
    return review


def get_review(session: Session, review_id: str, *, lock: bool = False) -> Review:
    """A review by id.

    Raises:
        StoreError: ``not_found``.
    """
    review = session.get(Review, review_id, with_for_update=lock, populate_existing=lock)
    if review is None:
        raise StoreError("not_found", f"There is no review {review_id}.")
    return review


def list_reviews(
    session: Session,
    *,
    state: str | None = "open",
    tenant_id: str | None = None,
    after: str | None = None,
    limit: int = 20,
    sealed: bool = False,
) -> tuple[Sequence[Review], bool]:
    """A page of reviews, oldest first; by default of those that wait. Sealed ones are a queue of their own.

    Returns:
        The reviews, and whether there are more behind them.
    """
    query = select(Review).where(Review.sealed.is_(sealed)).order_by(Review.id).limit(limit + 1)
    if state is not None:
        query = query.where(Review.state == state)
    if tenant_id is not None:
        query = query.where(Review.tenant_id == tenant_id)
    if after is not None:
        query = query.where(Review.id > after)
    found = session.scalars(query).all()
    return found[:limit], len(found) > limit


def review_of(session: Session, video_id: str, stage: str) -> Review | None:
    """The review of a video at a stage."""
    return session.scalars(
        select(Review).where(Review.video_id == video_id, Review.stage == stage)
    ).one_or_none()


def approved(session: Session, video_id: str, stage: str) -> bool:
    """Whether a person approved the video at that stage."""
    review = review_of(session, video_id, stage)
    return review is not None and review.state == "approved"


def decide_review(
    session: Session,
    review_id: str,
    outcome: Literal["approved", "rejected"],
    *,
    reviewer: str,
    note: str | None = None,
    now: datetime,
) -> Review:
    """Approve or reject, and log it; the reviewer's name goes into the log as a commitment only.

    An approval ends the hold; a rejection fails the video as ``moderation_blocked``.

    Raises:
        StoreError: ``not_found``; ``review_decided`` if it is no longer open or its time is over.
    """
    review = get_review(session, review_id, lock=True)
    if review.state != "open" or review.expires_at <= now:
        state = review.state if review.state != "open" else "expired"
        raise StoreError("review_decided", f"The review {review_id} is {state} already.")
    review.reviewer, review.note = reviewer, note
    _close(session, review, outcome, now=now)
    return review


def expire_reviews(session: Session, *, now: datetime) -> list[str]:
    """Close every review whose time is over and fail its video; returns the videos' ids."""
    due = session.scalars(
        select(Review)
        .where(Review.state == "open", Review.expires_at <= now)
        .order_by(Review.id)
        .with_for_update(skip_locked=True)
    ).all()
    for review in due:
        _close(session, review, "expired", now=now)
    return [review.video_id for review in due]


def _close(
    session: Session, review: Review, outcome: Literal["approved", "rejected", "expired"], *, now: datetime
) -> None:
    # Everything that locks both a video and the log takes the video first.
    video = get_video(session, review.video_id, lock=True)
    conn = session.connection()
    named = None if review.reviewer is None else ledger.commit(conn, review.id, review.reviewer.encode())
    entry = ledger.ReviewEntry(
        review_id=review.id,
        tenant_commitment=ledger.commit(conn, review.id, review.tenant_id.encode()),
        video_id=review.video_id,
        stage=cast("ledger.Stage", review.stage),
        outcome=outcome,
        reviewer_commitment=named,
    )
    review.state, review.decided_at = outcome, now
    review.ledger_index = ledger.append(conn, entry, now=now)
    if outcome == "approved":
        video.hold, video.retry_at = None, now + QUEUE_GRACE
    elif video.status in ("queued", "in_progress"):
        kind = "picture" if video.still else "video"
        fail_video(session, review.video_id, "moderation_blocked", _MESSAGES[outcome].format(kind=kind))
    session.flush()
