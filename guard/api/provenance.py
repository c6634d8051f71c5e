"""The wire's own check of a file's provenance, which official clients know."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from detectors import EvidenceType, Outcome
from guard.api import description
from guard.api.auth import Anyone
from guard.api.state import Guard
from guard.api.verifications import Verified, check_scope, examine_upload
from guard.api.wire import seconds
from guard.credentials import CredentialsReport

router = APIRouter(prefix="/v1")


@router.post("/content_provenance_checks", openapi_extra=description.FILE)
async def create(request: Request, guard: Guard, caller: Anyone) -> dict[str, Any]:
    """One result for each kind of evidence; ``not_detected`` never means that a file is not AI's."""
    check_scope(caller)
    return check_object(await examine_upload(request, guard, caller))


def check_object(verified: Verified) -> dict[str, Any]:
    """A check on the wire: the ``c2pa`` result as clients know it, then our own types, then the verdict."""
    verdict, report = verified.found.verdict, verified.found.inspection.credentials
    results = [] if report is None else [_c2pa(report)]
    for item in verdict.evidence:
        if item.type is EvidenceType.C2PA and report is not None:
            continue
        results.append(
            {
                "type": item.type,
                "outcome": item.outcome,
                "claim": item.claim,
                "detector": item.detector,
                "summary": item.summary,
            }
        )
    return {
        "object": "content_provenance_check",
        "created_at": seconds(verified.created),
        "results": results,
        "id": verified.id,
        "verdict": verdict.verdict,
        "summary": verdict.summary,
    }


def _c2pa(report: CredentialsReport) -> dict[str, Any]:
    claims = report.claims
    state = _validation(report)
    agents = [action.software_agent for action in claims.actions] if claims is not None else []
    return {
        "type": "c2pa",
        "outcome": Outcome.NOT_DETECTED if state == "not_present" else Outcome.DETECTED,
        "validation_state": state,
        "issuer": None if claims is None else claims.issuer,
        "model": next((agent for agent in agents if agent), None),
        "generated_at": None if claims is None else claims.signed_at or claims.claimed_at,
    }


def _validation(report: CredentialsReport) -> str:
    """The wire knows four states; a manifest that nobody saw is not present."""
    match report.state:
        case "trusted" | "valid":
            return report.state
        case "absent" | "remote":
            return "not_present"
        case "malformed" if report.reason == "asset_unreadable":
            return "not_present"
        case _:
            return "invalid"
