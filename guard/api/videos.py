"""Videos on the wire: asking for one, watching it, listing, deleting, varying."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from guard.api import description, fields
from guard.api.auth import Caller, requires
from guard.api.errors import ApiError
from guard.api.forms import Body, read_body
from guard.api.multipart import MOST_FIELD_BYTES, in_base64
from guard.api.references import MOST_REFERENCE, reference_of
from guard.api.repeats import repeat_of
from guard.api.state import Guard, State
from guard.api.wire import MOST_LISTED, page, video_object
from guard.pipeline import afterwards
from guard.pipeline.references import Reference, Source
from guard.pipeline.submit import Submission, submit
from guard.store import Release, StoreError, Video
from guard.store import releases as release_rows
from guard.store import videos as video_rows

T = TypeVar("T")
router = APIRouter(prefix="/v1")
Owner = Annotated[Caller, Depends(requires("videos"))]

DEFAULT_SIZE = "1280x720"
DEFAULT_SECONDS = 4
POLL_AFTER_MS = 2000

_WITHOUT_EFFECT = ("metadata", "safety_identifier", "user")
_CREATE = (
    "input_reference",
    "model",
    "prompt",
    "reference_is_person",
    "seconds",
    "seed",
    "size",
    *_WITHOUT_EFFECT,
)
_REMIX = ("prompt", "seed", *_WITHOUT_EFFECT)


# Before the routes with an id, or "edits" would be taken for one.
@router.post("/videos/edits")
@router.post("/videos/extensions")
@router.post("/videos/characters")
async def not_offered(caller: Owner) -> None:
    """What the wire knows and no generator here can do."""
    raise ApiError(400, "not_supported", "Edits, extensions and characters are not offered by this service.")


@router.get("/videos/characters/{character_id}")
async def no_character(character_id: str, caller: Owner) -> None:
    """As above."""
    await not_offered(caller)


@router.post("/videos", openapi_extra=description.VIDEO)
async def create(request: Request, guard: Guard, caller: Owner) -> dict[str, Any]:
    """Ask for a video; a prompt that the policy blocks is refused at once."""
    uploads = guard.installation.paths.uploads
    async with read_body(
        request,
        uploads,
        file_field="input_reference",
        large_field="input_reference[image_url]",
        max_file_bytes=MOST_REFERENCE,
        max_json_bytes=in_base64(MOST_REFERENCE) + 4 * MOST_FIELD_BYTES,
    ) as body:
        values = body.values
        fields.only_known(values, _CREATE)
        prompt = fields.required_text(values, "prompt")
        model = fields.text(values, "model", most=200) or guard.settings.generators[0].model
        info = (await run_in_threadpool(guard.services.generator, model)).info
        sizes = [f"{width}x{height}" for width, height in info.sizes]
        seconds = fields.whole(values, "seconds")
        is_person = fields.yes_or_no(values, "reference_is_person")
        async with reference_of(body, info, uploads) as (reference, named):
            submission = _submission(
                request,
                caller,
                named,
                prompt=prompt,
                model=model,
                seconds=_default(DEFAULT_SECONDS, info.seconds) if seconds is None else seconds,
                size=fields.text(values, "size", most=20) or _default(DEFAULT_SIZE, sizes),
                seed=fields.whole(values, "seed"),
                reference=reference,
                reference_is_person=is_person,
            )
            if reference is None:
                return await run_in_threadpool(_submitted, guard, submission)
            async with guard.examination(anonymous=False):  # a child process reads the picture
                return await run_in_threadpool(_submitted, guard, submission)


@router.post("/videos/{video_id}/remix", openapi_extra=description.REMIX)
async def remix(video_id: str, request: Request, guard: Guard, caller: Owner) -> dict[str, Any]:
    """A new clip from a new prompt, with the model, size, length and seed of a finished one.

    A model that takes pictures begins from its first. Either way its file goes into the new one's credentials.
    """
    uploads = guard.installation.paths.uploads
    async with read_body(request, uploads) as body:
        fields.only_known(body.values, _REMIX)
        prompt = fields.required_text(body.values, "prompt")
        video, release = await run_in_threadpool(_finished, guard, caller, video_id)
        seed = fields.whole(body.values, "seed")
        remixed = Body({**body.values, "remixed_from": video.id}, None)
        path = uploads / f"source-{secrets.token_hex(16)}"
        try:
            objects, digest = guard.services.objects, release.asset_digest
            await run_in_threadpool(objects.fetch, release.object_key, path, digest)
            submission = _submission(
                request,
                caller,
                remixed,
                prompt=prompt,
                model=video.model,
                seconds=video.seconds,
                size=video.size,
                seed=video.seed if seed is None else seed,
                source=Source(path, digest.removeprefix("sha256:"), video.id),
            )
            async with guard.examination(anonymous=False):  # a child process may read the clip
                return await run_in_threadpool(_submitted, guard, submission)
        finally:
            path.unlink(missing_ok=True)


@router.get("/videos")
def list_all(
    guard: Guard,
    caller: Owner,
    after: str | None = None,
    limit: Annotated[int, Query(ge=0, le=MOST_LISTED)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> dict[str, Any]:
    """The tenant's videos, newest first."""
    if after is not None:
        fields.identifier(after, "video", param="after")
    with guard.services.database.read() as session:
        found, more = video_rows.list_videos(
            session, caller.tenant_id, after=after, limit=limit, order=order, clips_only=True
        )
        data = [video_object(session, guard.services.vault, video) for video in found]
    return page(data, more=more)


@router.get("/videos/{video_id}")
def retrieve(video_id: str, guard: Guard, caller: Owner, response: Response) -> dict[str, Any]:
    """One video and its state."""
    with guard.services.database.read() as session:
        video = owned(session, video_id, caller)
        found = video_object(session, guard.services.vault, video)
    response.headers["openai-poll-after-ms"] = str(POLL_AFTER_MS)
    return found


@router.delete("/videos/{video_id}")
def delete(video_id: str, guard: Guard, caller: Owner) -> dict[str, Any]:
    """Destroy a finished video's file and prompt; its record stays, so that copies are still recognised."""
    with guard.services.database.read() as session:
        owned(session, video_id, caller)
    afterwards.delete(guard.services, video_id, tenant_id=caller.tenant_id)
    return {"id": video_id, "object": "video.deleted", "deleted": True}


def owned(session: Session, video_id: str, caller: Caller | None, *, kind: str = "video") -> Video:
    """A video or, by its kind, picture of the caller (None: of whomever) that is not deleted.

    Raises:
        ApiError, StoreError: ``not_found``.
    """
    tenant_id = None if caller is None else caller.tenant_id
    video = video_rows.get_video(session, fields.identifier(video_id, kind), tenant_id=tenant_id)
    if video.status == "deleted":
        raise StoreError("not_found", f"There is no {kind} {video_id}.")
    return video


def _finished(guard: State, caller: Caller, video_id: str) -> tuple[Video, Release]:
    with guard.services.database.read() as session:
        video = owned(session, video_id, caller)
        release = release_rows.find_release(session, video_id=video.id)
    if video.status != "completed" or release is None:
        raise ApiError(400, "video_not_ready", "Only a completed video can be remixed.")
    if release.revoked_at is not None:
        raise ApiError(410, "video_revoked", "This video was revoked and cannot be remixed.")
    return video, release


def _submission(
    request: Request,
    caller: Caller,
    body: Body,
    *,
    prompt: str,
    model: str,
    seconds: int,
    size: str,
    seed: int | None,
    source: Source | None = None,
    reference: Reference | None = None,
    reference_is_person: bool = False,
) -> Submission:
    repeat = repeat_of(request)
    return Submission(
        tenant_id=caller.tenant_id,
        prompt=prompt,
        model=model,
        seconds=seconds,
        size=size,
        seed=seed,
        source=source,
        reference=reference,
        reference_is_person=reference_is_person,
        idempotency_key=repeat.key,
        body_hash=body.digest(),
        retried=repeat.retried,
    )


def _submitted(guard: State, submission: Submission) -> dict[str, Any]:
    video = submit(guard.services, guard.installation.engine, submission)
    with guard.services.database.read() as session:
        current = video_rows.get_video(session, video.id)
        return video_object(session, guard.services.vault, current)


def _default(wanted: T, offered: Sequence[T]) -> T:
    return wanted if wanted in offered or not offered else offered[0]
