"""Objects as the wire shows them; extensions are further keys, which clients of the wire keep."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from guard.ledger import timestamp
from guard.store import Release, StoreError, Vault, Video
from guard.store import releases as release_rows
from guard.store import reviews as review_rows
from guard.store import seals as seal_rows

MOST_LISTED = 100
"""Entries of a page."""


def seconds(moment: datetime | None) -> int | None:
    """Unix seconds."""
    return None if moment is None else int(moment.timestamp())


def rfc3339(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, whole seconds."""
    return None if moment is None else timestamp(moment.astimezone(UTC))


def page(data: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """A page of a list; ``more`` says whether there are entries behind it."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": more and bool(data),
    }


def video_object(session: Session, vault: Vault, video: Video) -> dict[str, Any]:
    """A video with the wire's thirteen keys, and what else there is to say; see `_job`."""
    return {
        **_job(session, vault, video),
        "object": "video",
        "expires_at": None,  # a key of the wire; files here stay until they are deleted or revoked
        "seconds": str(video.seconds),
        "remixed_from_video_id": video.remixed_from,
    }


def image_object(session: Session, vault: Vault, video: Video) -> dict[str, Any]:
    """A picture as a job; the wire has none, so it follows the video's. See `_job`."""
    return {**_job(session, vault, video), "object": "image", "output_format": video.format}


def _job(session: Session, vault: Vault, video: Video) -> dict[str, Any]:
    """What clips and pictures have in common.

    Beyond the wire's keys: ``seed``; ``moderation`` while a person has to look at it; ``stalled`` while it waits for a
    cause to pass; ``release`` once it is released.
    """
    error = None
    if video.error_code is not None:
        error = {"code": video.error_code, "message": video.error_message or ""}
    found: dict[str, Any] = {
        "id": video.id,
        "model": video.model,
        "status": video.status,
        "progress": video.progress,
        "created_at": seconds(video.created),
        "completed_at": seconds(video.completed_at),
        "prompt": prompt_of(session, vault, video),
        "size": video.size,
        "error": error,
        "seed": video.seed,
    }
    if video.hold is not None:
        found["moderation"] = moderation_of(session, video)
    if video.stalled_code is not None:
        found["stalled"] = {"code": video.stalled_code, "message": video.stalled_message or ""}
    release = release_rows.find_release(session, video_id=video.id) if video.status == "completed" else None
    if release is not None:
        found["release"] = release_note(release)
    return found


def moderation_of(session: Session, video: Video) -> dict[str, Any]:
    """What a held job waits for."""
    review = review_rows.review_of(session, video.id, video.hold or "")
    return {
        "state": "pending_review",
        "stage": video.hold,
        "expires_at": None if review is None else seconds(review.expires_at),
    }


def release_note(release: Release) -> dict[str, Any]:
    """What a job's owner is told of its release."""
    return {
        "id": release.id,
        "asset_digest": release.asset_digest,
        "proof_url": proof_url(release),
        "revoked_at": seconds(release.revoked_at),
    }


def release_object(release: Release) -> dict[str, Any]:
    """The public record of a release: what anybody needs to check a copy, and nothing of who asked for what."""
    return {
        "id": release.id,
        "object": "release",
        "created_at": seconds(release.created),
        "video_id": release.video_id,
        "asset_digest": release.asset_digest,
        "size": release.size,
        "manifest_id": release.manifest_id,
        "manifest_digest": release.manifest_digest,
        "model": {
            "name": release.model_name,
            "revision": release.model_revision,
            "digest": release.model_digest,
        },
        "policy_digest": release.policy_digest,
        "watermark": {"algorithm": release.mark_algorithm, "key_id": release.mark_key_id},
        "revoked_at": seconds(release.revoked_at),
        "log": {
            "index": release.ledger_index,
            "revocation_index": release.revocation_index,
            "proof_url": proof_url(release),
        },
    }


def proof_url(release: Release) -> str:
    """Where the release's log proof is, relative to this service."""
    return f"/v1/releases/{release.id}/proof"


def prompt_of(session: Session, vault: Vault, video: Video) -> str | None:
    """The prompt, for its owner; None once it is erased or sealed, or where the vault's key is another one."""
    if video.prompt_id is None or seal_rows.keeps_prompt(session, video.prompt_id):
        return None
    return readable_prompt(session, vault, video.prompt_id)


def readable_prompt(session: Session, vault: Vault, prompt_id: str) -> str | None:
    """A prompt, sealed or not; None where nothing can be read any more."""
    try:
        return vault.read(session, prompt_id)
    except StoreError as error:
        if error.code in ("prompt_erased", "prompt_unreadable"):
            return None
        raise
