"""All routes together."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from guard.api import (
    content,
    description,
    discovery,
    health,
    images,
    manifests,
    matches,
    models,
    moderations,
    provenance,
    releases,
    reviews,
    verifications,
    videos,
)


def include(app: FastAPI) -> None:
    """Add the interface to an application."""
    app.include_router(health.router, tags=["service"])
    app.include_router(heads(health.router))
    for module in (
        videos,
        content,
        images,
        models,
        moderations,
        provenance,
        verifications,
        releases,
        reviews,
        matches,
        manifests,
        discovery,
    ):
        name = module.__name__.rpartition(".")[2]
        app.include_router(module.router, tags=[name], responses={"default": description.ERROR})
        app.include_router(heads(module.router))


def heads(router: APIRouter) -> APIRouter:
    """HEAD for whatever answers GET; the framework leaves that out, the server leaves out the body."""
    found = APIRouter(include_in_schema=False)
    for route in router.routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            found.add_api_route(route.path, route.endpoint, methods=["HEAD"])
    return found
