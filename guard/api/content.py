"""A released video's bytes: the clip with ranges, one picture of it, or many on a sheet."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from guard.api.auth import Caller
from guard.api.errors import ApiError
from guard.api.state import Guard, State
from guard.api.videos import Owner, owned
from guard.media import VideoFile
from guard.media.previews import spritesheet, thumbnail
from guard.store import Release, Video
from guard.store import releases as release_rows
from guard.store import seals as seal_rows
from guard.store.models import CLIP, STILLS

router = APIRouter(prefix="/v1")
Variant = Literal["video", "thumbnail", "spritesheet"]
_PREVIEWS: dict[str, tuple[str, Callable[[VideoFile], bytes]]] = {
    "thumbnail": ("image/webp", thumbnail),
    "spritesheet": ("image/jpeg", spritesheet),
}
MEDIA_TYPES = {CLIP: "video/mp4", **{kind: f"image/{kind}" for kind in STILLS}}
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


@router.get(
    "/videos/{video_id}/content",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in ("video/mp4", "image/webp", "image/jpeg")}}},
)
async def content(
    video_id: str, request: Request, guard: Guard, caller: Owner, variant: Variant = "video"
) -> Response:
    """The file of a completed video, and only of that."""
    release = await run_in_threadpool(_served, guard, caller, video_id)
    etag = f'"{release.asset_digest.removeprefix("sha256:")}-{variant}"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if known_version(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    if variant == "video":
        return await run_in_threadpool(serve, guard, request, release, headers, CLIP)
    await run_in_threadpool(_refuse_sealed, guard, release.video_id)
    media_type, draw = _PREVIEWS[variant]
    async with guard.examinations:
        picture = await run_in_threadpool(preview, guard, release, draw)
    return Response(picture, media_type=media_type, headers=headers)


def _served(guard: State, caller: Caller, video_id: str) -> Release:
    with guard.services.database.read() as session:
        return released(session, owned(session, video_id, caller))


def released(session: Session, video: Video) -> Release:
    """The release of a video or picture, if it may be served.

    Raises:
        ApiError: ``video_not_ready``, ``video_failed``, ``video_revoked``; of a picture ``image_…``.
    """
    kind = "image" if video.still else "video"
    release = release_rows.find_release(session, video_id=video.id)
    if video.status == "failed":
        raise ApiError(404, f"{kind}_failed", f"This {kind} failed and has no content; its error says why.")
    if video.status != "completed" or release is None:
        raise ApiError(404, f"{kind}_not_ready", f"This {kind} is not completed yet; ask again when it is.")
    if release.revoked_at is not None:
        raise ApiError(410, f"{kind}_revoked", f"This {kind} was revoked and is no longer served.")
    return release


def _refuse_sealed(guard: State, video_id: str) -> None:
    """What was ever under seal is not drawn small, whatever became of the seal.

    Raises:
        ApiError: ``preview_sealed``.
    """
    with guard.services.database.read() as session:
        sealed = bool(seal_rows.seals_of(session, video_id))
    if sealed:
        raise ApiError(403, "preview_sealed", "There are no previews of a video that was sealed.")


def serve(
    guard: State, request: Request, release: Release, headers: dict[str, str], file_format: str
) -> Response:
    """A released file, or the range of it that the request asks for.

    Args:
        guard: the service.
        request: whose headers say what is wanted.
        release: of the file; it may be served.
        headers: of the answer, an ``etag`` among them.
        file_format: the file's ending.
    """
    media_type = MEDIA_TYPES[file_format]
    size = guard.services.objects.require(release.object_key, release.asset_digest).size
    headers = {
        **headers,
        "accept-ranges": "bytes",
        "content-disposition": f'attachment; filename="{release.video_id}.{file_format}"',
    }
    asked = request.headers.get("range")
    if (
        asked is None
        or request.method == "HEAD"
        or request.headers.get("if-range", headers["etag"]) != headers["etag"]
    ):
        span = None
    else:
        span = parse_range(asked, size)
    status, (start, end) = (200, (0, size)) if span is None else (206, span)
    if span is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status_code=status, media_type=media_type, headers=headers)
    chunks = guard.services.objects.stream(release.object_key, start, end)
    return StreamingResponse(chunks, status, media_type=media_type, headers=headers)


def known_version(header: str, etag: str) -> bool:
    """Whether a client's ``if-none-match`` says that it has this version: a list of tags, strong or weak, or any."""
    return header.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in header.split(","))


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """The one range ``[start, end)`` that a header asks for; None for the whole (no range that we know, or several).

    Raises:
        ApiError: ``range_not_satisfiable``, with 416.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), size if last == "" else min(size, int(last) + 1)
        if last != "" and int(last) < start:
            return None
    if start >= end:
        raise ApiError(
            416,
            "range_not_satisfiable",
            f"The file has {size} bytes.",
            headers={"content-range": f"bytes */{size}"},
        )
    return start, end


def preview(guard: State, release: Release, draw: Callable[[VideoFile], bytes]) -> bytes:
    """Drawn from the released file; as the watermark may not survive that, the picture says itself what it is.

    Raises:
        StoreError: the file is gone, altered, or the object store fails.
        MediaError: it cannot be read.
    """
    path: Path = guard.installation.paths.uploads / f"preview-{secrets.token_hex(16)}.mp4"
    try:
        guard.services.objects.fetch(release.object_key, path, release.asset_digest)
        return draw(VideoFile(path))
    finally:
        path.unlink(missing_ok=True)
