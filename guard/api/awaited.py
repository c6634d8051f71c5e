"""Waiting for pictures: the wire answers a request for one when it is there, or says why it is not."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from guard.api.content import released
from guard.api.errors import ApiError, refusal
from guard.api.state import State
from guard.api.wire import moderation_of
from guard.store import Release, Video
from guard.store import decisions as decision_rows
from guard.store import videos as video_rows

USER_ERROR = "image_generation_user_error"
"""The wire's type of an error that is about what a picture shows."""
WAIT_SECONDS = 240.0
"""Three times this is less than the window within which a client's retry finds the jobs that it asked for first."""
_LOOK_FIRST, _LOOK_SELDOM = 0.1, 2.0
_STALLED_SECONDS = 30
_CALLERS = frozenset({"moderation_blocked", "revoked_content"})
"""Failures that are about what the picture shows, and not about this service."""


async def awaited(guard: State, ids: list[str], *, request_id: str) -> list[tuple[Video, Release]]:
    """The pictures and their releases, once every one is released.

    Raises:
        ApiError: ``moderation_blocked``, ``pending_review``, the code of what failed or stalled, or
            ``image_not_ready`` after `WAIT_SECONDS`; the jobs go on, and ``images`` in the error names them.
    """
    start = time.monotonic()
    while True:
        found = await run_in_threadpool(_look, guard, ids, request_id)
        if found is not None:
            return found
        if time.monotonic() - start >= WAIT_SECONDS:
            raise ApiError(
                503,
                "image_not_ready",
                "The picture is still being made; send the same request again, or ask /v1/images/{id}.",
                headers={"retry-after": "1"},
                extra={"images": ids},
            )
        # Seldom where it takes long: many may be waiting.
        await asyncio.sleep(min(max(_LOOK_FIRST, (time.monotonic() - start) / 10), _LOOK_SELDOM))


def _look(guard: State, ids: list[str], request_id: str) -> list[tuple[Video, Release]] | None:
    with guard.services.database.read() as session:
        videos = [video_rows.get_video(session, image_id) for image_id in ids]
        for video in videos:
            if (error := _obstacle(session, video, request_id)) is not None:
                error.extra["images"] = ids
                raise error
        if any(video.status in ("queued", "in_progress") for video in videos):
            return None
        return [(video, released(session, video)) for video in videos]


def _obstacle(session: Session, video: Video, request_id: str) -> ApiError | None:
    """Why nobody need wait any longer, if there is a reason."""
    if video.hold is not None:
        return ApiError(
            400,
            "pending_review",
            "A person has to look at this request before it goes on; nothing is handed out until then. Once it is"
            f" approved, the same request under the same Idempotency-Key, or /v1/images/{video.id}, has the picture.",
            param="prompt" if video.hold == "prompt" else None,
            headers={"x-should-retry": "false"},
            extra={"moderation": moderation_of(session, video)},
        )
    if video.stalled_code is not None:
        return ApiError(
            503,
            video.stalled_code,
            f"{video.stalled_message} The picture is made when that has passed; send the same request again.",
            headers={"retry-after": str(_STALLED_SECONDS)},
        )
    if video.status != "failed":
        return None
    code, message = video.error_code or "internal_error", video.error_message or "The job failed."
    if code == "moderation_blocked":
        return refusal(request_id, _moderation(session, video), kind=USER_ERROR)
    return ApiError(400 if code in _CALLERS else 500, code, message, headers={"x-should-retry": "false"})


def _moderation(session: Session, video: Video) -> dict[str, Any]:
    """The last decision that stood in the way: the policy's block, or the hold that a person did not lift."""
    decided = [row for row in decision_rows.decisions_of(session, video.id) if row.action != "allow"]
    row = decided[-1]
    return {
        "decision_id": row.id,
        "stage": row.stage,
        "policy": f"{row.policy_id}@{row.policy_version}",
        "reason": row.reason,
        "categories": row.categories,
    }
