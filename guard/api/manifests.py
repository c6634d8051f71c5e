"""The Soft Binding Resolution API's repository: manifests by their identifier, what tenants bring, and receipts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from guard import ledger, manifests
from guard.api import description, fields
from guard.api.auth import Anyone, Caller, requires
from guard.api.discovery import address_of_api
from guard.api.errors import ApiError
from guard.api.forms import media_type_of, raw_file, read_json
from guard.api.matches import check_fetch
from guard.api.state import Guard, State
from guard.ledger import LedgerError, ManifestEntry, ReleaseEntry
from guard.pipeline.jobs import utc_now
from guard.store import Release, StoreError, sign_log
from guard.store import manifests as manifest_rows
from guard.store.models import StoredManifest, manifest_key

router = APIRouter(prefix="/v1")
MEDIA_TYPE = "application/c2pa"
RECEIPT = "org.c2pa.manifest-receipt"
_LONGEST_ID = 255
_LONGEST_VALUE = 1024
_MOST_JSON = 64 * 1024
Manifests = Annotated[Caller, Depends(requires("store:manifests"))]
Bindings = Annotated[Caller, Depends(requires("store:bindings"))]
Wanted = Annotated[bool, Query(alias="returnActiveManifest")]
WithReceipt = Annotated[bool, Query(alias="returnReceipt")]


@router.post("/manifests", openapi_extra=description.MANIFEST)
async def store(
    request: Request, guard: Guard, caller: Manifests, with_receipt: WithReceipt = False
) -> dict[str, Any]:
    """Keep a manifest store, so that it can be found again; its signature has to hold."""
    if media_type_of(request) != MEDIA_TYPE:
        raise ApiError(415, "content_type_unsupported", f"Send the manifest store as {MEDIA_TYPE}.")
    with guard.upload_slot(address=None):
        async with raw_file(
            request, guard.installation.paths.uploads, max_bytes=manifests.MOST_BYTES
        ) as file:
            async with guard.examination(anonymous=False):
                limits = manifests.reading_limits(guard.services.inspector.limits)
                name = await run_in_threadpool(manifests.manifest_id, file.path, limits)
            kept = await run_in_threadpool(_kept, guard, caller, name, file.path)
    stored: dict[str, Any] = {"manifestId": kept.id}
    if with_receipt:
        stored["receipt"] = await run_in_threadpool(_receipt, guard, request, kept)
    return stored


@router.get("/manifests/{manifest_id:path}/receipts", openapi_extra=description.OPEN)
def receipt(manifest_id: str, request: Request, guard: Guard, caller: Anyone) -> dict[str, Any]:
    """The proof that the log holds a manifest, of a release or of a tenant; it can be checked offline."""
    check_fetch(caller)
    found = _found(guard, manifest_id)
    given = _receipt(guard, request, found)
    return given | _verified(guard, found, given)


@router.post("/manifests/{manifest_id:path}/receipts", openapi_extra=description.RECEIPT)
async def verify_receipt(manifest_id: str, request: Request, guard: Guard, caller: Anyone) -> dict[str, Any]:
    """Whether a receipt that somebody holds is one of this log and of this manifest."""
    check_fetch(caller)
    given = await read_json(request, _MOST_JSON)
    if given.get("@type") != RECEIPT:
        raise ApiError(400, "invalid_value", f"A receipt is of the type {RECEIPT}.", param="@type")
    found = await run_in_threadpool(_found, guard, manifest_id)
    return given | _verified(guard, found, given)


@router.get(
    "/manifests/{manifest_id:path}",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {}}}},
    openapi_extra=description.OPEN,
)
def show(manifest_id: str, guard: Guard, caller: Anyone, only_active: Wanted = False) -> Response:
    """A manifest store as it was signed, or its active manifest alone."""
    check_fetch(caller)
    found = _found(guard, manifest_id)
    if isinstance(found, Release) and found.revoked_at is not None:
        raise ApiError(
            410,
            "manifest_revoked",
            "The release of this manifest was revoked.",
            extra={"release": found.id, "revoked_at": int(found.revoked_at.timestamp())},
        )
    digest = _digest(found)
    content = guard.services.objects.read(manifest_key(digest), digest)
    return Response(
        manifests.only_active(content) if only_active else content,
        media_type=MEDIA_TYPE,
        headers={"cache-control": "no-cache"},
    )


@router.delete("/manifests/{manifest_id:path}", status_code=204, response_class=Response)
def remove(manifest_id: str, guard: Guard, caller: Manifests) -> Response:
    """Take one's own manifest and its bindings out again; those of releases are revoked instead."""
    _checked(manifest_id)
    services = guard.services
    with services.database.write() as session:
        removed = manifest_rows.remove_manifest(session, manifest_id, caller.tenant_id)
        if not manifest_rows.digest_used(session, removed.digest):
            # Within the transaction: who stores the same again waits for it, and then puts it back.
            services.objects.delete(manifest_key(removed.digest))
    return Response(status_code=204)


@router.post("/bindings", status_code=204, response_class=Response, openapi_extra=description.BINDING)
async def bind(request: Request, guard: Guard, caller: Bindings) -> Response:
    """Let a soft binding's value lead to one's own manifest, beside others."""
    return await _bound(request, guard, caller, replace=False)


@router.put("/bindings", status_code=204, response_class=Response, openapi_extra=description.BINDING)
async def rebind(request: Request, guard: Guard, caller: Bindings) -> Response:
    """Let a value that is bound already lead to this manifest alone."""
    return await _bound(request, guard, caller, replace=True)


async def _bound(request: Request, guard: State, caller: Caller, *, replace: bool) -> Response:
    values = await read_json(request, _MOST_JSON)
    fields.only_known(values, ("bindingValue", "manifestId"))
    value = fields.required_text(values, "bindingValue", most=_LONGEST_VALUE)
    name = fields.required_text(values, "manifestId", most=_LONGEST_ID)
    if not value:
        raise ApiError(400, "invalid_value", "A value has at least one character.", param="bindingValue")

    def change() -> None:
        with guard.services.database.write() as session:
            apply = manifest_rows.rebind if replace else manifest_rows.bind
            apply(session, value, name, caller.tenant_id, now=utc_now())

    await run_in_threadpool(change)
    return Response(status_code=204)


def _kept(guard: State, caller: Caller, name: str, path: Path) -> StoredManifest:
    services = guard.services
    content = path.read_bytes()
    digest = manifests.digest(content)
    services.objects.put(manifest_key(digest), path)
    try:
        with services.database.write() as session:
            row = manifest_rows.store_manifest(
                session, name, tenant_id=caller.tenant_id, digest=digest, now=utc_now()
            )
            sign_log(session, services.log, now=utc_now())
    except StoreError as error:
        if error.code == "manifest_exists":
            with services.database.write() as session:
                if not manifest_rows.digest_used(session, digest):
                    services.objects.delete(manifest_key(digest))
        raise
    services.objects.put(manifest_key(digest), path)
    return row


def _receipt(guard: State, request: Request, found: Release | StoredManifest) -> dict[str, Any]:
    with guard.services.database.read() as session:
        proof = guard.services.log.proof(session.connection(), found.ledger_index)
    api = address_of_api(guard, request)
    return {
        "@context": "https://c2pa.org/specifications/specifications/2.4/softbinding/Decoupled.html",
        "@type": RECEIPT,
        "repository": {"uri": api, "manifestId": _id(found)},
        "anchor": {
            "uri": f"{api}/log/checkpoint",
            "proof": proof,
            "parameters": {
                "format": "https://c2sp.org/tlog-proof",
                "origin": guard.services.log.origin,
                "publicKey": str(guard.services.log.public_key),
                "manifestDigest": _digest(found),
            },
        },
    }


def _verified(guard: State, found: Release | StoredManifest, given: dict[str, Any]) -> dict[str, Any]:
    """Whether a receipt's proof is of our log, and its leaf of this manifest; ``revoked`` is ours."""
    anchor, repository = given.get("anchor"), given.get("repository")
    proof = anchor.get("proof") if isinstance(anchor, dict) else None
    named = repository.get("manifestId") if isinstance(repository, dict) else None
    if not isinstance(proof, str) or named != _id(found):
        return {"verified": False, "error": "The receipt is not of this manifest, or carries no proof."}
    try:
        proven = ledger.verify_proof(proof, None, guard.services.log.public_key)
        entry, _ = ledger.from_leaf(proven.leaf)
    except LedgerError as error:
        return {"verified": False, "error": str(error)}
    if not isinstance(entry, ReleaseEntry | ManifestEntry) or (
        (entry.manifest_id, entry.manifest_digest) != (_id(found), _digest(found))
    ):
        return {"verified": False, "error": "The proof is of another entry of the log."}
    return {"verified": True, "revoked": isinstance(found, Release) and found.revoked_at is not None}


def _found(guard: State, manifest_id: str) -> Release | StoredManifest:
    _checked(manifest_id)
    with guard.services.database.read() as session:
        found = manifest_rows.find_manifest(session, manifest_id)
    if found is None:
        raise _unknown()
    return found


def _checked(manifest_id: str) -> None:
    """What cannot be an identifier never reaches the database."""
    if not (manifest_id.isascii() and manifest_id.isprintable() and len(manifest_id) <= _LONGEST_ID):
        raise _unknown()


def _unknown() -> StoreError:
    return StoreError("not_found", "There is no manifest of this identifier.")


def _id(found: Release | StoredManifest) -> str:
    return found.manifest_id if isinstance(found, Release) else found.id


def _digest(found: Release | StoredManifest) -> str:
    return found.manifest_digest if isinstance(found, Release) else found.digest
