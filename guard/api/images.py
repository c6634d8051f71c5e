"""Pictures on the wire: jobs like videos, whose caller waits until they are released."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from guard.api import description, fields
from guard.api.asked import Asked, submissions
from guard.api.auth import Anyone, Caller
from guard.api.awaited import USER_ERROR, awaited
from guard.api.content import known_version, released, serve
from guard.api.errors import ApiError, refused
from guard.api.forms import read_json
from guard.api.links import link, opens
from guard.api.repeats import repeat_of
from guard.api.state import Guard, State
from guard.api.videos import Owner, owned
from guard.api.wire import image_object, release_note, seconds
from guard.pipeline import afterwards
from guard.pipeline.jobs import utc_now
from guard.pipeline.submit import RefusedError, Submission, submit
from guard.store import Release, Video

router = APIRouter(prefix="/v1")
_MOST_BODY = 1024 * 1024


# Before the route with an id, or "edits" would be taken for one.
@router.post("/images/edits")
@router.post("/images/variations")
async def not_offered(caller: Owner) -> None:
    """What the wire knows and no generator here can do."""
    raise ApiError(
        400,
        "not_supported",
        "Edits and variations are not offered by this service; describe a new picture to /v1/images/generations.",
    )


@router.post("/images/generations", openapi_extra=description.IMAGE)
async def generate(request: Request, guard: Guard, caller: Owner) -> dict[str, Any]:
    """Make pictures, and answer when every one of them is marked, signed, checked, logged and released."""
    values = await read_json(request, _MOST_BODY)
    asked = await run_in_threadpool(Asked.read, values, guard.services)
    wanted = submissions(asked, caller.tenant_id, repeat_of(request))
    try:
        ids = await run_in_threadpool(_submitted, guard, wanted)
    except RefusedError as error:
        raise refused(request.state.request_id, error, kind=USER_ERROR) from None
    made = await awaited(guard, ids, request_id=request.state.request_id)
    base = str(request.base_url)
    data = [await run_in_threadpool(_picture, guard, video, release, asked, base) for video, release in made]
    return {
        "created": max(seconds(release.created) or 0 for _, release in made),
        "data": data,
        "background": "opaque",
        "output_format": asked.format,
        "size": asked.size,
    }


def _submitted(guard: State, wanted: list[Submission]) -> list[str]:
    return [submit(guard.services, guard.installation.engine, one).id for one in wanted]


def _picture(guard: State, video: Video, release: Release, asked: Asked, base: str) -> dict[str, Any]:
    found = {"id": video.id, "seed": video.seed, "release": release_note(release)}
    if asked.by_url:
        return {"url": link(base, video.id, guard.services.link_key, now=utc_now()), **found}
    file = guard.services.objects.read(release.object_key, release.asset_digest)
    return {"b64_json": base64.b64encode(file).decode(), **found}


@router.get("/images/{image_id}")
def retrieve(image_id: str, guard: Guard, caller: Owner) -> dict[str, Any]:
    """One picture and its state, also of a request that was answered with an error."""
    with guard.services.database.read() as session:
        video = owned(session, image_id, caller, kind="image")
        return image_object(session, guard.services.vault, video)


@router.get(
    "/images/{image_id}/content",
    response_class=Response,
    responses={200: {"content": {f"image/{kind}": {} for kind in ("png", "jpeg", "webp")}}},
    openapi_extra=description.OPEN,
)
async def content(
    image_id: str,
    request: Request,
    guard: Guard,
    caller: Anyone,
    expires: Annotated[str, Query(max_length=20)] = "",
    signature: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """The file of a released picture: for its owner's key, or for whoever has a link that still counts."""
    fields.identifier(image_id, "image")
    if signature and opens(image_id, expires, signature, guard.services.link_key, now=utc_now()):
        caller = None
    elif caller is None or "videos" not in caller.scopes:
        raise _no_entry(caller, signature)
    video, release = await run_in_threadpool(_served, guard, caller, image_id)
    etag = f'"{release.asset_digest.removeprefix("sha256:")}"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if known_version(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return await run_in_threadpool(serve, guard, request, release, headers, video.format)


def _no_entry(caller: Caller | None, signature: str) -> ApiError:
    if signature:
        return ApiError(
            403,
            "link_expired",
            "This link no longer counts, or never did; the key that asked for the picture opens it.",
        )
    if caller is None:
        return ApiError(
            401, "missing_api_key", "Send an API key, or use the link that came with the picture."
        )
    return ApiError(403, "scope_missing", "This API key lacks the scope 'videos'.")


def _served(guard: State, caller: Caller | None, image_id: str) -> tuple[Video, Release]:
    with guard.services.database.read() as session:
        video = owned(session, image_id, caller, kind="image")
        return video, released(session, video)


@router.delete("/images/{image_id}")
def delete(image_id: str, guard: Guard, caller: Owner) -> dict[str, Any]:
    """Destroy a finished picture's file and prompt; its record stays, so that copies are still recognised."""
    with guard.services.database.read() as session:
        owned(session, image_id, caller, kind="image")
    afterwards.delete(guard.services, image_id, tenant_id=caller.tenant_id)
    return {"id": image_id, "object": "image.deleted", "deleted": True}
