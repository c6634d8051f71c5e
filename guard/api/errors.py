"""Every error leaves in the wire's shape: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from detectors import DetectorError
from generator import GeneratorError
from guard.credentials import CredentialsError
from guard.fetching import FetchError
from guard.ledger import LedgerError
from guard.manifests import ManifestError
from guard.media import MediaError
from guard.models import ModelError
from guard.pipeline.errors import PipelineError
from guard.pipeline.submit import RefusedError
from guard.resolution import ResolutionError
from guard.store import StoreError
from policies import PolicyError, PromptError

_log = structlog.get_logger(__name__)

_STATUS_OF_CODE = {
    "binding_taken": 403,
    "manifest_not_yours": 403,
    "reference_refused": 403,
    "not_found": 404,
    "object_missing": 404,
    "video_in_progress": 409,
    "conflict": 409,
    "manifest_exists": 409,
    "status_invalid": 409,
    "review_decided": 409,
    "idempotency_mismatch": 409,
    "prompt_erased": 410,
    "video_revoked": 410,
    "media_too_large": 413,
    "upload_too_large": 413,
    "database_unavailable": 503,
    "object_store_unavailable": 503,
    "signer_failed": 503,
    "signer_unavailable": 503,
    "work_folder_unwritable": 503,
    "media_write_failed": 503,
    "media_crashed": 400,
    "media_timeout": 400,
}
_OUR_FAULT = (
    "backend_invalid",
    "generation_failed",
    "leaf_too_large",
    "model_altered",
    "model_missing",
    "kept_invalid",
    "log_inconsistent",
    "object_altered",
    "out_of_memory",
    "sealed_unreadable",
    "weights_altered",
    "weights_missing",
)
_RETRY_HEADERS = {503: {"retry-after": "5"}, 409: {"x-should-retry": "false"}}

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
_ROOM_ERRORS: tuple[type[Exception], ...] = (
    CredentialsError,
    DetectorError,
    FetchError,
    GeneratorError,
    LedgerError,
    ManifestError,
    MediaError,
    ModelError,
    PipelineError,
    PolicyError,
    PromptError,
    ResolutionError,
    StoreError,
)


class ApiError(Exception):
    """An error of the interface itself.

    Attributes:
        status: HTTP status.
        code: stable, snake_case.
        param: the field at fault.
        headers: to send along.
        extra: further keys inside ``error``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


def body(
    status: int, code: str, message: str, param: str | None = None, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The wire's error object."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code, **(extra or {})}}


def status_of(code: str) -> int:
    """The HTTP status that goes with a code of the rooms' errors."""
    return 500 if code in _OUR_FAULT else _STATUS_OF_CODE.get(code, 400)


def refused(request_id: str, error: RefusedError, *, kind: str | None = None) -> ApiError:
    """A block of the prompt; see `refusal`."""
    decision = error.decision
    moderation = {
        "decision_id": error.decision_id,
        "stage": decision.stage,
        "policy": f"{decision.policy_id}@{decision.policy_version}",
        "reason": decision.reason,
        "categories": list(decision.categories),
        "matches": [match.model_dump(mode="json") for match in decision.matches],
        "user_text": decision.user_text,
    }
    return refusal(request_id, moderation, kind=kind)


def refusal(request_id: str, moderation: Mapping[str, Any], *, kind: str | None = None) -> ApiError:
    """A block by the policy, as clients of the wire know it; it is never worth a retry.

    Args:
        request_id: of the request.
        moderation: what was decided; stage and categories among it.
        kind: the error's type where it is not the status's own.
    """
    return ApiError(
        400,
        "moderation_blocked",
        "Your request was blocked by our moderation system."
        f" Request ID {request_id}. safety_violations=[{', '.join(moderation['categories'])}]",
        param="prompt" if moderation["stage"] == "prompt" else None,
        headers={"x-should-retry": "false"},
        extra={**({} if kind is None else {"type": kind}), "moderation": dict(moderation)},
    )


def install(app: FastAPI) -> None:
    """Answer every error of ours and of the framework in the same shape."""

    @app.exception_handler(ApiError)
    async def api_error(request: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(
            body(error.status, error.code, str(error), error.param, error.extra),
            status_code=error.status,
            headers=error.headers,
        )

    @app.exception_handler(RefusedError)
    async def refused_error(request: Request, error: RefusedError) -> JSONResponse:
        return await api_error(request, refused(request.state.request_id, error))

    async def room_error(request: Request, error: Exception) -> JSONResponse:
        code = str(getattr(error, "code", "internal_error"))
        status = status_of(code)
        headers = _RETRY_HEADERS.get(status, {})
        if status >= 500:
            _log.warning("request_failed", code=code, error=type(error).__name__)
        param = getattr(error, "param", None) or ("prompt" if isinstance(error, PromptError) else None)
        return JSONResponse(body(status, code, str(error), param), status_code=status, headers=headers)

    for kind in _ROOM_ERRORS:
        app.add_exception_handler(kind, room_error)

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"][1:]) or None
        # The framework's messages name the rule; the value that broke it stays out.
        return JSONResponse(body(400, "invalid_value", str(first["msg"]), param), status_code=400)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        codes = {404: "not_found", 405: "method_not_allowed"}
        code = codes.get(error.status_code, "invalid_request")
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status_code == 405:
            headers["allow"] = ", ".join(_allowed(request))
        return JSONResponse(
            body(error.status_code, code, str(error.detail)), status_code=error.status_code, headers=headers
        )


def _allowed(request: Request) -> list[str]:
    """Methods that the address of a request has; the framework names those of the first of its routes alone."""
    return [
        method
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
