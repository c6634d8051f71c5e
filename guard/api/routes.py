"""All routes together."""

from __future__ import annotations

from fastapi import FastAPI

from guard.api import content, health, moderations, provenance, releases, reviews, verifications, videos


def include(app: FastAPI) -> None:
    """Add the interface to an application."""
    app.include_router(health.router, tags=["service"])
    for module in (videos, content, moderations, provenance, verifications, releases, reviews):
        name = module.__name__.rpartition(".")[2]
        app.include_router(module.router, tags=[name])
