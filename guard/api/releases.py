"""What anybody needs to check a release: its record, its log proof, the log's checkpoint and key, our anchor."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

from guard.api import description, fields
from guard.api.auth import ADMIN, Anyone, Caller, requires
from guard.api.errors import ApiError
from guard.api.forms import read_json
from guard.api.state import Guard, State
from guard.api.wire import release_object
from guard.credentials import Trust
from guard.pipeline import afterwards
from guard.store import Release
from guard.store import releases as release_rows
from guard.store.models import PICTURE_ID

router = APIRouter(prefix="/v1")
_MOST_REASON = 2000


@router.get("/releases/{release_id}", openapi_extra=description.OPEN)
def show(release_id: str, guard: Guard, caller: Anyone) -> dict[str, Any]:
    """The public record, by the release's id, its video's or its picture's; a revoked release says so."""
    return release_object(_release(guard, release_id))


@router.get("/releases/{release_id}/proof", response_class=PlainTextResponse, openapi_extra=description.OPEN)
def proof(release_id: str, guard: Guard, caller: Anyone) -> Response:
    """The proof that the log has this release, to be checked offline with the log's key."""
    release = _release(guard, release_id)
    with guard.services.database.read() as session:
        text = guard.services.log.proof(session.connection(), release.ledger_index)
    return PlainTextResponse(
        text, headers={"content-disposition": f'attachment; filename="{release.id}.tlog-proof"'}
    )


@router.get("/log/checkpoint", response_class=PlainTextResponse, openapi_extra=description.OPEN)
def checkpoint(guard: Guard, caller: Anyone) -> Response:
    """The log's newest signed checkpoint."""
    with guard.services.database.read() as session:
        note = guard.services.log.latest(session.connection())
    if note is None:
        raise ApiError(404, "checkpoint_missing", "The log has no checkpoint yet.")
    return PlainTextResponse(note)


@router.get("/log/key", response_class=PlainTextResponse, openapi_extra=description.OPEN)
def log_key(guard: Guard, caller: Anyone) -> Response:
    """The log's public key; keep a copy of your own, since a proof is worth what its key is."""
    return PlainTextResponse(f"{guard.services.log.public_key}\n")


@router.get(
    "/ca.pem",
    response_class=Response,
    responses={200: {"content": {"application/x-pem-file": {}}}},
    openapi_extra=description.OPEN,
)
def anchor(guard: Guard, caller: Anyone) -> Response:
    """The public anchors that vouch for what is signed here."""
    trust = Trust.from_folder(guard.installation.paths.signing)
    return Response(
        "".join(anchors.pem for anchors in trust.lists),
        media_type="application/x-pem-file",
        headers={"content-disposition": 'attachment; filename="ca.pem"'},
    )


@router.post("/releases/{release_id}/revoke", openapi_extra=description.REVOCATION)
async def revoke(
    release_id: str, request: Request, guard: Guard, caller: Annotated[Caller, Depends(requires(ADMIN))]
) -> dict[str, Any]:
    """Withdraw a release for good."""
    values = await read_json(request, 16 * 1024)
    fields.only_known(values, ("reason",))
    reason = fields.required_text(values, "reason", most=_MOST_REASON).strip()
    if not reason:
        raise ApiError(400, "invalid_value", "Say why the release is revoked.", param="reason")
    return await run_in_threadpool(_revoked, guard, release_id, reason)


def _revoked(guard: State, release_id: str, reason: str) -> dict[str, Any]:
    release = _release(guard, release_id)
    return release_object(afterwards.revoke(guard.services, release.id, reason))


def _release(guard: State, release_id: str) -> Release:
    fields.identifier(release_id, "release", also=("video", PICTURE_ID))
    with guard.services.database.read() as session:
        return release_rows.named_release(session, release_id)
