"""Verifying an upload: the full verdict for keys with that scope, a coarse one for everybody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from detectors import Evidence
from guard.api import description
from guard.api.auth import Anyone, Caller, admitted
from guard.api.comparison import Comparison, beside
from guard.api.errors import ApiError
from guard.api.forms import read_body
from guard.api.state import Guard, State
from guard.api.wire import rfc3339, seconds
from guard.credentials import CredentialsReport
from guard.pipeline.jobs import utc_now
from guard.store import verifications as verification_rows
from guard.verification import Verification, verify

router = APIRouter(prefix="/v1")
SCOPE = "verifications"


@dataclass(frozen=True)
class Verified:
    """A verification that has been recorded; the upload is deleted by then.

    Attributes:
        id: under which it is recorded.
        created: when.
        found: the verdict and what it rests on.
        comparison: upload and release beside each other, where that was asked for and there is one to show.
    """

    id: str
    created: datetime
    found: Verification
    comparison: Comparison | None = None


@router.post("/verifications", openapi_extra=description.FILE)
async def create(request: Request, guard: Guard, caller: Anyone) -> dict[str, Any]:
    """The verdict on a file."""
    check_scope(caller)
    verified = await examine_upload(request, guard, caller)
    return verification_object(verified, full=caller is not None)


async def examine_upload(
    request: Request, guard: State, caller: Caller | None, *, compare: bool = False
) -> Verified:
    """Receive the request's ``file``, examine it in the sandbox, record the verdict, delete the file.

    Args:
        request: with a form.
        guard: the application's state.
        caller: who asks; None for an anonymous one.
        compare: also draw upload and release beside each other.

    Raises:
        ApiError: the form or its file cannot be taken.
        MediaError: the file cannot be examined.
    """
    limits = guard.settings.uploads
    with admitted(request, guard, caller):
        async with read_body(
            request,
            guard.installation.paths.uploads,
            file_field="file",
            max_file_bytes=limits.max_bytes,
            max_seconds=limits.receive_seconds,
        ) as body:
            if body.file is None:
                raise ApiError(
                    400, "missing_required_parameter", "Send the file as form field 'file'.", param="file"
                )
            services = guard.services
            async with guard.examination(anonymous=caller is None):
                found = await run_in_threadpool(verify, services.inspector, services.registry, body.file.path)
                shown = await run_in_threadpool(beside, guard, body.file.path, found) if compare else None
    return await run_in_threadpool(
        _recorded, guard, None if caller is None else caller.tenant_id, found, shown
    )


def verification_object(verified: Verified, *, full: bool) -> dict[str, Any]:
    """A verification on the wire.

    Args:
        verified: what was found.
        full: with details and figures; without them for callers who might be trying how much a mark withstands.
    """
    verdict, seen = verified.found.verdict, verified.found.inspection
    found: dict[str, Any] = {
        "id": verified.id,
        "object": "verification",
        "created_at": seconds(verified.created),
        "verdict": verdict.verdict,
        "basis": list(verdict.basis),
        "summary": verdict.summary,
        "notes": verdict.notes,
        "limits": verdict.limits,
        "revoked": verdict.revoked,
        "releases": list(verdict.release_ids),
        "revoked_releases": list(verdict.revoked_ids),
        "named_revoked_releases": list(verdict.named_revoked_ids),
        "evidence": [_evidence(item, full=full) for item in verdict.evidence],
        "file": {"sha256": seen.sha256, "size": seen.size, "media": seen.info.to_json()},
        "retention": {"media_deleted_at": rfc3339(verified.created)},
    }
    if seen.credentials is not None:
        found["credentials"] = (
            seen.credentials.model_dump(mode="json") if full else _coarse_credentials(seen.credentials)
        )
    return found


def check_scope(caller: Caller | None) -> None:
    """Refuse a key that is for other things; no key at all is welcome.

    Raises:
        ApiError: ``scope_missing``.
    """
    if caller is not None and SCOPE not in caller.scopes:
        raise ApiError(403, "scope_missing", f"This API key lacks the scope {SCOPE!r}.")


def _recorded(guard: State, tenant_id: str | None, found: Verification, shown: Comparison | None) -> Verified:
    now = utc_now()
    with guard.services.database.write() as session:
        row = verification_rows.record_verification(
            session,
            tenant_id=tenant_id,
            sha256=found.inspection.sha256,
            verdict=found.verdict.verdict,
            basis=found.verdict.basis,
            now=now,
        )
    return Verified(row.id, now, found, shown)


def _evidence(item: Evidence, *, full: bool) -> dict[str, Any]:
    whole = item.model_dump(mode="json")
    return whole if full else {key: whole[key] for key in ("type", "outcome", "strength", "claim", "summary")}


def _coarse_credentials(report: CredentialsReport) -> dict[str, Any]:
    claims = report.claims
    return {
        "state": report.state,
        "reason": report.reason,
        "issuer": None if claims is None else claims.issuer,
        "signed_at": None if claims is None else claims.signed_at,
        "claim_generator": None if claims is None else claims.claim_generator,
        "digital_source_types": [] if claims is None else list(claims.digital_source_types),
        "trust_list": report.trust_list,
        "trust_list_date": report.trust_list_date,
        "retired_list": report.retired_list,
    }
