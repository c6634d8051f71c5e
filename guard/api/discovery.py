"""The Soft Binding Resolution API's description of itself, and the exchange of an API key for an access token."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from guard.api import description, tokens
from guard.api.auth import Anyone, charge_address, identify
from guard.api.errors import ApiError
from guard.api.forms import media_type_of, raw_bytes
from guard.api.matches import resolver
from guard.api.state import Guard, State
from guard.pipeline.jobs import utc_now
from guard.store import StoreError

router = APIRouter()
SPECIFICATION = "2.4.0"
WELL_KNOWN = "/.well-known/c2pa-soft-binding-resolution"
TOKEN = "/v1/oauth2/token"  # noqa: S105 - an address
_MOST_FORM = 8 * 1024


def address_of_api(guard: State, request: Request) -> str:
    """Where this API is, without a slash at the end."""
    root = guard.settings.resolution.public_url or str(request.base_url)
    return f"{root.rstrip('/')}/v1"


@router.get(WELL_KNOWN, openapi_extra=description.OPEN)
def well_known(request: Request, guard: Guard, caller: Anyone) -> dict[str, str]:
    """Where the API is; for clients that know a host and nothing else."""
    api = address_of_api(guard, request)
    return {
        "apiEndpoint": api,
        "c2paSpecificationVersion": SPECIFICATION,
        "capabilitiesEndpoint": f"{api}/services/capabilities",
        "statusEndpoint": f"{api}/services/status",
    }


@router.get("/v1/services/supportedAlgorithms", openapi_extra=description.OPEN)
def algorithms(guard: Guard, caller: Anyone) -> dict[str, list[dict[str, str]]]:
    """What this service reads off files; bindings of any other algorithm are found by their value."""
    known = resolver(guard)
    return {
        "watermarks": [{"alg": name} for name in known.watermarks],
        "fingerprints": [{"alg": name} for name in known.fingerprints],
    }


@router.get("/v1/services/status", openapi_extra=description.OPEN)
def status(guard: Guard, caller: Anyone) -> dict[str, str]:
    """Whether queries are answered: ``down`` without the database, ``degraded`` without the stored manifests."""
    state = "ok"
    try:
        guard.services.objects.check()
    except StoreError:
        state = "degraded"
    try:
        guard.services.database.check()
    except StoreError:
        state = "down"
    return {"status": state, "timestamp": utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")}


@router.get("/v1/services/capabilities", openapi_extra=description.OPEN)
def capabilities(guard: Guard, caller: Anyone) -> dict[str, Any]:
    """Which of the API's optional parts there are."""
    queries = ["queryByContent", *(["queryByReference"] if guard.settings.resolution.by_reference else [])]
    return {
        "c2paSpecificationVersion": SPECIFICATION,
        "supportedCapabilities": [*queries, "storeManifests", "storeBindings"],
    }


@router.post(TOKEN, openapi_extra=description.TOKEN)
async def token(request: Request, guard: Guard) -> JSONResponse:
    """An access token for an hour (RFC 6749, client credentials); the client's secret is an API key, its id the key's.

    Errors are those of the RFC: ``error`` is a word, as clients of OAuth expect it.
    """
    try:
        charge_address(request, guard)  # guessing is not free
    except ApiError as error:
        return _refused(error.status, "temporarily_unavailable", str(error))
    if media_type_of(request) != "application/x-www-form-urlencoded":
        return _refused(400, "invalid_request", "Send a form: application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl((await raw_bytes(request, _MOST_FORM)).decode(), strict_parsing=True)
    except ValueError:
        return _refused(400, "invalid_request", "The form cannot be read.")
    form = dict(pairs)
    if len(form) < len(pairs):
        return _refused(400, "invalid_request", "A field is given twice.")
    if form.get("grant_type") != "client_credentials":
        return _refused(400, "unsupported_grant_type", "The grant type is client_credentials.")
    client_id, secret = _client(request, form)
    client = await run_in_threadpool(identify, guard, secret) if secret else None
    # A token is no secret to make further ones of, or it would never end.
    if client is None or client.key_id != client_id or secret.startswith(tokens.PREFIX):
        return _refused(401, "invalid_client", "The client's id is an API key's id, its secret the key.")
    wanted = frozenset(form.get("scope", "").split()) or client.scopes
    if not wanted <= client.scopes:
        return _refused(400, "invalid_scope", "The API key lacks one of these scopes.")
    now = utc_now()
    return JSONResponse(
        {
            "access_token": tokens.issue(client.key_id, wanted, guard.services.link_key, now=now),
            "token_type": "Bearer",
            "expires_in": int(tokens.LASTS.total_seconds()),
            "scope": " ".join(sorted(wanted)),
        },
        headers={"cache-control": "no-store"},
    )


def _client(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Id and secret, from the form or from the header, as the RFC has both; empty where there are none."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


def _refused(status_code: int, error: str, text: str) -> JSONResponse:
    headers = {"cache-control": "no-store"}
    if status_code == 401:
        headers["www-authenticate"] = "Basic"
    return JSONResponse({"error": error, "error_description": text}, status_code, headers=headers)
