"""Videos: jobs, their states, and the one place where a state may change.

    queued -> in_progress -> completed | failed,   queued -> failed,   completed | failed -> deleted

``completed`` needs a release; nothing that is not ``completed`` is ever served.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from guard.store.errors import StoreError
from guard.store.ids import new_id
from guard.store.models import CLIP, PICTURE_ID, Release, Video

Status = Literal["queued", "in_progress", "completed", "failed", "deleted"]

QUEUE_GRACE = timedelta(seconds=60)
"""How long whoever made a job, approved it or counted its next run has to queue that run; until then nobody else
does."""

_ALLOWED: dict[str, frozenset[str]] = {
    "queued": frozenset({"in_progress", "failed"}),
    "in_progress": frozenset({"completed", "failed"}),
    "completed": frozenset({"deleted"}),
    "failed": frozenset({"deleted"}),
    "deleted": frozenset(),
}


def create_video(
    session: Session,
    *,
    tenant_id: str,
    model: str,
    seconds: int,
    size: str,
    seed: int,
    now: datetime,
    prompt_id: str | None = None,
    decision_id: str | None = None,
    remixed_from: str | None = None,
    has_reference: bool = False,
    file_format: str = CLIP,
    compression: int | None = None,
    video_id: str | None = None,
) -> Video:
    """Queue a video or a picture; ``video_id`` may have been made before, for the decision that precedes it."""
    video = Video(
        id=video_id or new_job_id(file_format, now),
        tenant_id=tenant_id,
        model=model,
        status="queued",
        progress=0,
        created=now,
        prompt_id=prompt_id,
        decision_id=decision_id,
        seconds=seconds,
        size=size,
        seed=seed,
        remixed_from=remixed_from,
        has_reference=has_reference,
        format=file_format,
        compression=compression,
        attempts=0,
        retry_at=now + QUEUE_GRACE,
    )
    session.add(video)
    session.flush()
    return video


def new_job_id(file_format: str, now: datetime) -> str:
    """An id whose prefix says whether the job makes a clip or a picture."""
    return new_id("video" if file_format == CLIP else PICTURE_ID, now)


def get_video(session: Session, video_id: str, *, tenant_id: str | None = None, lock: bool = False) -> Video:
    """A video by id, deleted ones included.

    Args:
        session: any transaction.
        video_id: which.
        tenant_id: whose it must be; another's is ``not_found``.
        lock: hold the row until the transaction ends.

    Raises:
        StoreError: ``not_found``.
    """
    video = session.get(Video, video_id, with_for_update=lock, populate_existing=lock)
    if video is None or tenant_id not in (None, video.tenant_id):
        raise StoreError("not_found", f"There is no video {video_id}.")
    return video


def list_videos(
    session: Session,
    tenant_id: str | None,
    *,
    after: str | None = None,
    limit: int = 20,
    order: Literal["asc", "desc"] = "desc",
    clips_only: bool = False,
) -> tuple[Sequence[Video], bool]:
    """A page of a tenant's videos (None: everybody's) that are not deleted, and of pictures unless `clips_only`.

    Returns:
        The videos by time of creation, and whether there are more behind them.
    """
    query = select(Video).where(Video.status != "deleted")
    if tenant_id is not None:
        query = query.where(Video.tenant_id == tenant_id)
    if clips_only:
        query = query.where(Video.format == CLIP)
    if after is not None:
        query = query.where(Video.id > after if order == "asc" else Video.id < after)
    # By time first: ids of clips and of pictures begin differently.
    columns = (Video.created, Video.id)
    query = query.order_by(*(column.asc() if order == "asc" else column.desc() for column in columns))
    found = session.scalars(query.limit(limit + 1)).all()
    return found[:limit], len(found) > limit


def _move(session: Session, video_id: str, status: Status) -> tuple[Video, bool]:
    """Change the state if that is allowed; returns the video and whether it changed."""
    video = get_video(session, video_id, lock=True)
    if video.status == status:
        return video, False
    if status not in _ALLOWED[video.status]:
        raise StoreError(
            "status_invalid", f"The video {video_id} is {video.status} and cannot become {status}."
        )
    video.status = status
    return video, True


def start_video(session: Session, video_id: str) -> Video:
    """Work begins, or goes on after a stall; doing it again changes nothing.

    Raises:
        StoreError: ``not_found``, ``status_invalid``.
    """
    video, _ = _move(session, video_id, "in_progress")
    video.stalled_code = video.stalled_message = video.retry_at = None
    return video


def set_progress(session: Session, video_id: str, progress: int) -> None:
    """Per cent done, 0 to 99; never goes back, and says nothing of a video that is not in progress."""
    session.execute(
        update(Video)
        .where(Video.id == video_id, Video.status == "in_progress", Video.progress < progress)
        .values(progress=min(progress, 99))
    )


def complete_video(session: Session, video_id: str, *, now: datetime) -> Video:
    """The video is released; doing it again changes nothing.

    Raises:
        StoreError: ``release_missing`` if the registry has no release of it;
            ``not_found``, ``status_invalid``.
    """
    if session.scalars(select(Release.id).where(Release.video_id == video_id)).one_or_none() is None:
        raise StoreError("release_missing", f"The video {video_id} has no release and cannot be completed.")
    video, changed = _move(session, video_id, "completed")
    if changed:
        video.progress, video.completed_at = 100, now
        video.hold = video.stalled_code = video.stalled_message = video.retry_at = None
    return video


def fail_video(session: Session, video_id: str, code: str, message: str) -> Video:
    """The video is over; the first reason stays.

    Raises:
        StoreError: ``not_found``, ``status_invalid``.
    """
    video, changed = _move(session, video_id, "failed")
    if changed:
        video.error_code, video.error_message = code, message
        video.hold = video.stalled_code = video.stalled_message = video.retry_at = None
    return video


def stall_video(session: Session, video_id: str, code: str, message: str, *, retry_at: datetime) -> Video:
    """The video waits for a cause to pass, and is due again at ``retry_at``.

    Raises:
        StoreError: ``not_found``; ``status_invalid`` unless it is queued or in progress.
    """
    video = get_video(session, video_id, lock=True)
    if video.status not in ("queued", "in_progress"):
        raise StoreError("status_invalid", f"The video {video_id} is {video.status} and cannot wait.")
    video.stalled_code, video.stalled_message, video.retry_at = code, message, retry_at
    return video


def delete_video(session: Session, video_id: str, *, now: datetime) -> Video:
    """The tenant no longer wants it; its row and its release stay for verification.

    Raises:
        StoreError: ``not_found``; ``status_invalid`` while it is being worked on.
    """
    video, changed = _move(session, video_id, "deleted")
    if changed:
        video.deleted_at = now
    return video


def next_attempt(session: Session, video_id: str, *, now: datetime) -> int:
    """Count and return the number of the video's next run, the first being 1; it is due again after `QUEUE_GRACE`.

    Raises:
        StoreError: ``not_found``.
    """
    video = get_video(session, video_id, lock=True)
    video.attempts += 1
    video.workflow_id = f"{video_id}.{video.attempts}"
    video.retry_at = now + QUEUE_GRACE
    return video.attempts


def due_videos(session: Session, *, now: datetime) -> list[tuple[str, int]]:
    """Videos neither finished nor held nor waiting: id and number of the latest run, oldest first."""
    rows = session.execute(
        select(Video.id, Video.attempts)
        .where(
            Video.status.in_(("queued", "in_progress")),
            Video.hold.is_(None),
            or_(Video.retry_at.is_(None), Video.retry_at <= now),
        )
        .order_by(Video.created, Video.id)
    )
    return [(video_id, attempts) for video_id, attempts in rows]


def allocate_payload(session: Session, video_id: str) -> bytes:
    """The video's watermark payload: 8 random bytes, never all zero, unique; the same each time.

    Raises:
        StoreError: ``not_found``.
    """
    video = get_video(session, video_id, lock=True)
    while video.payload is None:
        payload = secrets.token_bytes(8)
        taken = session.scalar(select(func.count()).where(Video.payload == payload))
        if any(payload) and not taken:
            video.payload = payload
    session.flush()
    return video.payload
