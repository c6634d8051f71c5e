"""Which models there are, and what each of them makes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from generator import GeneratorError
from guard.api.auth import Caller, requires
from guard.api.errors import ApiError
from guard.api.state import Guard, State
from guard.pipeline.errors import PipelineError

router = APIRouter(prefix="/v1")
Owner = Annotated[Caller, Depends(requires("videos"))]


@router.get("/models")
def list_all(guard: Guard, caller: Owner) -> dict[str, Any]:
    """The configured models, the default one first."""
    return {"object": "list", "data": [_model(guard, name) for name in guard.services.generators]}


@router.get("/models/{name}")
def retrieve(name: str, guard: Guard, caller: Owner) -> dict[str, Any]:
    """One of them, by its name or by one that stands for it."""
    try:
        return _model(guard, guard.services.model_named(name))
    except PipelineError as error:
        raise ApiError(404, error.code, str(error), param="model") from None


def _model(guard: State, name: str) -> dict[str, Any]:
    """The wire's four keys; ``makes`` and the others are ours. Of a model that cannot be loaded, why."""
    aliases = sorted(alias for alias, model in guard.services.model_aliases.items() if model == name)
    found = {"id": name, "object": "model", "created": 0, "owned_by": "guard", "aliases": aliases}
    try:
        info = guard.services.generator(name).info
    except GeneratorError as error:
        return {**found, "makes": [], "error": {"code": error.code, "message": str(error)}}
    return {
        **found,
        "makes": [*(("videos",) if info.seconds else ()), *(("images",) if info.makes_pictures else ())],
        "sizes": [f"{width}x{height}" for width, height in info.sizes],
        "seconds": list(info.seconds),
        "input_reference": "required"
        if info.needs_reference
        else "taken"
        if info.accepts_reference
        else None,
        "licence": info.licence,
        "revision": info.revision,
        "digest": info.digest,
    }
