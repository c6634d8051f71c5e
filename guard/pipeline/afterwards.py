"""What people do with a job after it was taken: review it, delete it, revoke what came of it."""

from __future__ import annotations

import shutil
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from guard.pipeline import sealing
from guard.pipeline.engine import Engine
from guard.pipeline.errors import PipelineError
from guard.pipeline.jobs import utc_now
from guard.services import Services
from guard.store import Release, Review, StoreError, Video
from guard.store import decisions as decision_rows
from guard.store import idempotency as idempotency_rows
from guard.store import releases as release_rows
from guard.store import reviews as review_rows
from guard.store import seals as seal_rows
from guard.store import videos as video_rows
from guard.store.signing import sign_log

_log = structlog.get_logger(__name__)


def approve(
    services: Services,
    engine: Engine,
    review_id: str,
    *,
    reviewer: str,
    note: str | None = None,
    sealed: bool = False,
) -> Review:
    """Let a held video go on; what was sealed of it is restored.

    Args:
        services: of this installation.
        engine: of the workflow.
        review_id: the review.
        reviewer: who decides.
        note: a word for the record.
        sealed: whether the reviewer is one of the few who decide on sealed material, and on that alone.

    Raises:
        StoreError: ``not_found``, ``review_decided``, ``sealed_unreadable``.
    """
    review = _of_queue(services, review_id, sealed=sealed)
    seals = sealing.restore(services, review.video_id) if sealed else []
    try:
        with services.database.write() as session:
            review = review_rows.decide_review(
                session, review_id, "approved", reviewer=reviewer, note=note, now=utc_now()
            )
            sealing.lift(services, session, seals)
    except StoreError:
        sealing.remove([services.work / review.video_id / name for found in seals for name in found.material])
        raise
    engine.submit(review.video_id)
    return review


def reject(
    services: Services, review_id: str, *, reviewer: str, note: str | None = None, sealed: bool = False
) -> Review:
    """End a held video; what was sealed of it stays sealed.

    Raises:
        StoreError: ``not_found``, ``review_decided``.
    """
    _of_queue(services, review_id, sealed=sealed)
    with services.database.write() as session:
        review = review_rows.decide_review(
            session, review_id, "rejected", reviewer=reviewer, note=note, now=utc_now()
        )
    shutil.rmtree(services.work / review.video_id, ignore_errors=True)
    return review


def _of_queue(services: Services, review_id: str, *, sealed: bool) -> Review:
    """The review, if it is of the queue that the caller may see."""
    with services.database.read() as session:
        review = review_rows.get_review(session, review_id)
    if review.sealed != sealed:
        raise StoreError("not_found", f"There is no review {review_id} in this queue.")
    return review


def revoke(services: Services, release_id: str, reason: str) -> Release:
    """Withdraw a release: no longer served, its bindings answer "revoked", its pictures are not released again.

    Args:
        services: of this installation.
        release_id: a release's id, or its video's.
        reason: kept in the registry; the log holds a commitment.

    Raises:
        StoreError: ``not_found``, ``object_store_unavailable``.
    """
    now = utc_now()
    with services.database.write() as session:
        named = release_rows.named_release(session, release_id)
        release = release_rows.revoke_release(session, named.id, reason, now=now)
        sign_log(session, services.log, now=now)
    services.objects.delete(release.object_key)
    return release


def delete(services: Services, video_id: str, *, tenant_id: str) -> Video:
    """Remove a finished video and its prompt; log, registry and fingerprint stay, so that copies are still recognised.

    Raises:
        PipelineError: ``video_in_progress`` while it is being worked on.
        StoreError: ``not_found``, ``object_store_unavailable``.
    """
    with services.database.read() as session:
        video = video_rows.get_video(session, video_id, tenant_id=tenant_id)
        release = release_rows.find_release(session, video_id=video_id)
    if video.status in ("queued", "in_progress"):
        raise PipelineError(
            "video_in_progress", "This video is still being made; delete it when it has finished."
        )
    # The file first: a video that is called deleted is never looked at again, and its file would stay for ever.
    if release is not None:
        services.objects.delete(release.object_key)
    with services.database.write() as session:
        video = video_rows.delete_video(session, video_id, now=utc_now())
        _erase(services, session, video.prompt_id, video_id)
    _scrub(services)
    return video


def erase_prompt(services: Services, decision_id: str) -> None:
    """Destroy the prompt that a decision is about, blocked ones included; the decision stays, and so does its leaf.

    Raises:
        PipelineError: ``video_in_progress`` while it is needed to make the video.
        StoreError: ``not_found``, ``prompt_sealed``.
    """
    with services.database.write() as session:
        decision = decision_rows.get_decision(session, decision_id)
        if decision.prompt_id is None:
            raise StoreError(
                "not_found", f"The decision {decision_id} is not about a prompt, so it has none."
            )
        if decision.video_id is not None:
            video = video_rows.get_video(session, decision.video_id)
            if video.status in ("queued", "in_progress"):
                raise PipelineError(
                    "video_in_progress",
                    "The video of this prompt is still being made; erase the prompt when it has finished.",
                )
        if seal_rows.keeps_prompt(session, decision.prompt_id):
            raise StoreError(
                "prompt_sealed", "This prompt is sealed; guard sealed destroy ends that, and erases it."
            )
        _erase(services, session, decision.prompt_id, decision.video_id)
    _scrub(services)


def expire_prompts(services: Services, *, before: datetime) -> int:
    """Destroy the prompts of requests that were blocked before a time; how many."""
    with services.database.write() as session:
        blocked = decision_rows.blocked_prompts(session, before=before)
        for prompt_id in blocked:
            _erase(services, session, prompt_id, None)
    _scrub(services)
    return len(blocked)


def _erase(services: Services, session: Session, prompt_id: str | None, video_id: str | None) -> None:
    if prompt_id is not None and not seal_rows.keeps_prompt(session, prompt_id):
        services.vault.erase(session, prompt_id, now=utc_now())
    if video_id is not None:
        # Their digests are of the prompt too, and whoever guesses it could tell.
        idempotency_rows.forget_video(session, video_id)


def _scrub(services: Services) -> None:
    try:
        services.database.scrub()
    except StoreError as error:
        # A long reader is in the way; the worker scrubs again at its next start.
        _log.warning("scrub_postponed", code=error.code)
