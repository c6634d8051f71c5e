"""Whether the process lives, whether it can serve, and its numbers. Outside ``/v1`` and without a key."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from guard import __version__
from guard.api.state import Guard, State
from guard.credentials import CredentialsError
from guard.media import MediaError, sandbox
from guard.pipeline.engine import working_elsewhere
from guard.pipeline.jobs import utc_now
from guard.store import StoreError
from guard.store.pictures import SCANNED_AT_MOST

router = APIRouter()
DISK_FAILS_BELOW = 256 * 1024**2
DISK_WARNS_BELOW = 4 * 1024**3

_Check = dict[str, Any]


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz")
def ready(guard: Guard) -> Response:
    """Each part: ``ok``, ``warning`` or ``failed``; 503 if one that is needed for every request failed."""
    checks = {name: _checked(check, guard) for name, check in _CHECKS.items()}
    failed = any(check["status"] == "failed" for check in checks.values())
    return JSONResponse(
        {"status": "failed" if failed else "ok", "checks": checks}, status_code=503 if failed else 200
    )


@router.get("/metrics")
def metrics(guard: Guard) -> Response:
    """Prometheus' text format."""
    return Response(guard.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _checked(check: Callable[[State], _Check], guard: State) -> _Check:
    try:
        return check(guard)
    except (StoreError, CredentialsError, MediaError) as error:
        return {"status": "failed", "code": error.code}
    except OSError as error:
        return {"status": "failed", "code": type(error).__name__}


def _database(guard: State) -> _Check:
    guard.services.database.check()
    return {"status": "ok"}


def _objects(guard: State) -> _Check:
    guard.services.objects.check()
    return {"status": "ok"}


def _signer(guard: State) -> _Check:
    key = guard.services.key_status()
    if key.expires > utc_now():
        guard.proof.require(f"{key.id} {key.key}", guard.services.identity())
    status = "failed" if key.expires <= utc_now() else "warning" if key.due else "ok"
    return {
        "status": status,
        "days_left": key.days_left,
        "expires": key.expires.isoformat(timespec="seconds"),
    }


def _sandbox(guard: State) -> _Check:
    held = sandbox.status()
    whole = bool(held["limits"] and held["files"] and held["system_calls"])
    return {"status": "ok" if whole else "warning", "protections": held}


def _worker(guard: State) -> _Check:
    if guard.worker == "here":
        return {"status": "ok", "worker": "here"}
    present = working_elsewhere(guard.installation.paths.lock)
    return {"status": "ok" if present else "warning", "worker": "elsewhere" if present else "none"}


def _pictures(guard: State) -> _Check:
    with guard.services.database.read() as session:
        found = guard.services.pictures.coverage(session)
    slow = found.scanned > SCANNED_AT_MOST or found.fault not in (None, "index_missing")
    return {"status": "warning" if slow else "ok", **asdict(found)}


def _models(guard: State) -> _Check:
    ready = all(state in ("ready", "loading", "unused") for state in guard.models.values())
    return {"status": "ok" if ready else "warning", "models": dict(guard.models)}


def _examiners(guard: State) -> _Check:
    """What looks at requests beside the embedded judge; a warning where it should look and has nothing to look with."""
    found = {part.examiner: part.code or "present" for part in guard.services.judge.parts()}
    meant = all(state in ("present", "not_configured", "switched_off") for state in found.values())
    return {"status": "ok" if meant else "warning", "examiners": found}


def _disk(guard: State) -> _Check:
    free = shutil.disk_usage(guard.installation.paths.data).free
    status = "failed" if free < DISK_FAILS_BELOW else "warning" if free < DISK_WARNS_BELOW else "ok"
    return {"status": status, "free_bytes": free}


_CHECKS: dict[str, Callable[[State], _Check]] = {
    "database": _database,
    "objects": _objects,
    "pictures": _pictures,
    "signer": _signer,
    "sandbox": _sandbox,
    "worker": _worker,
    "models": _models,
    "examiners": _examiners,
    "disk": _disk,
}
