"""The routes of the pages.

There are no cookies and no sessions, so a forged cross-site request can do nothing that its sender could not do
directly: forms carry no CSRF token.
"""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from guard.api.auth import caller_of
from guard.api.errors import ApiError, status_of
from guard.api.state import Guard, State
from guard.api.verifications import check_scope, examine_upload
from guard.media import MediaError
from guard.store import StoreError
from guard.web.language import Language, catalogue, choose
from guard.web.rendering import page, static_file

router = APIRouter(include_in_schema=False)
_log = structlog.get_logger(__name__)


@router.get("/")
def landing(request: Request) -> Response:
    """What this service is."""
    return page("landing.html", _language(request), path="/")


@router.get("/verify")
def verify_form(request: Request, guard: Guard) -> Response:
    """The form that takes a file."""
    return _verify_page(request, guard)


@router.post("/verify")
async def verify_file(request: Request, guard: Guard) -> Response:
    """The verdict on a file: a fragment for the page that sent it, or a whole page for browsers without scripts.

    Readers get what anonymous callers of the interface get: no figures that would tell how close an attempt to
    remove a mark came.
    """
    try:
        caller = await run_in_threadpool(caller_of, request)
        check_scope(caller)
        verified = await examine_upload(request, guard, caller, compare=True)
    except (ApiError, MediaError, StoreError) as error:
        status = error.status if isinstance(error, ApiError) else status_of(error.code)
        if status >= 500:
            _log.warning("request_failed", code=error.code, error=type(error).__name__)
        headers = error.headers if isinstance(error, ApiError) else {}
        known = f"error.{error.code}" in catalogue(_language(request))
        problem = {"code": error.code, "text": f"error.{error.code}" if known else "error.other"}
        return _verify_page(request, guard, status=status, headers=headers, problem=problem)
    return _verify_page(request, guard, verified=verified)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Style, script and icon."""
    found = static_file(name)
    if found is None:
        raise ApiError(404, "not_found", "There is no such file.")
    return found


def _verify_page(
    request: Request,
    guard: State,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **found: object,
) -> Response:
    fragment = request.headers.get("hx-request") == "true"
    return page(
        "_outcome.html" if fragment else "verify.html",
        _language(request),
        status=status,
        headers=headers,
        path="/verify",
        most_bytes=guard.settings.uploads.max_bytes,
        most_seconds=guard.settings.uploads.max_seconds,
        **{"verified": None, "problem": None, **found},
    )


def _language(request: Request) -> Language:
    return choose(request.query_params.get("lang"), request.headers.get("accept-language"))
