"""The application: an open installation behind the HTTP interface and the pages."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from generator import Loadable
from guard import __version__
from guard.api import errors, logs, routes
from guard.api.limits import RateLimiter
from guard.api.metrics import Metrics
from guard.api.middleware import RequestEnvelope
from guard.api.state import State
from guard.installation import Installation, open_installation
from guard.pipeline.errors import PipelineError, as_outcome
from guard.settings import Settings
from guard.web import missing
from guard.web import router as pages

_log = structlog.get_logger(__name__)


def create_app(
    settings: Settings, *, opener: Callable[[Settings], Installation] = open_installation
) -> FastAPI:
    """The service as an ASGI application; the installation is opened when it starts and closed when it stops.

    The process becomes the worker of its data folder; where another one is, it hands jobs to that.

    Args:
        settings: what the operator set.
        opener: how to open the installation.
    """
    logs.configure()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        installation = await run_in_threadpool(opener, settings)
        try:
            app.state.guard = state = State(installation, RateLimiter(), metrics)
            metrics.watch(installation)
            await run_in_threadpool(_work, state)
            threading.Thread(target=_warm, args=(state,), name="guard-warm", daemon=True).start()
            yield
        finally:
            await run_in_threadpool(installation.close)

    # The interactive pages of the framework would load scripts from elsewhere.
    app = FastAPI(title="Guard", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(RequestEnvelope, metrics=metrics)
    errors.install(app)
    routes.include(app)
    app.include_router(pages)
    app.include_router(routes.heads(pages))
    missing.install(app)
    return app


def _work(state: State) -> None:
    try:
        state.installation.work()
    except PipelineError as error:
        if error.code != "already_working":
            raise
        state.worker = "elsewhere"
    _log.info("service_started", worker=state.worker)


def _warm(state: State) -> None:
    """Load models before the first request needs them."""
    models = state.services.generators if state.worker == "here" else {}
    state.models = dict.fromkeys(state.services.generators, "loading" if models else "unused")
    for name, fault in state.services.judge.load():
        state.models[name] = fault or "ready"
        if fault:
            _log.warning("judge_not_loaded", judge=name, code=fault)
    for name in models:
        try:
            generator = state.services.generator(name)
            if isinstance(generator, Loadable):
                generator.load()
            state.models[name] = "ready"
        except Exception as error:  # noqa: BLE001 - as above
            code, _, _ = as_outcome(error)
            state.models[name] = code
            _log.warning("model_not_loaded", model=name, code=code)
