"""What a browser gets where there is nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from guard.web.language import choose
from guard.web.rendering import page

_Handler = Callable[[Request, HTTPException], Awaitable[Response]]
_INTERFACE = "/v1/"
"""Begins the addresses of programs, who read JSON whatever they say that they accept."""


def install(app: FastAPI) -> None:
    """Answer unknown addresses with a page where a page is asked for; everything else is answered as before."""
    otherwise = cast("_Handler", app.exception_handlers[HTTPException])

    @app.exception_handler(HTTPException)
    async def missing(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404 and _reads_pages(request):
            language = choose(request.query_params.get("lang"), request.headers.get("accept-language"))
            # The address is not repeated: whoever made the link chose it.
            return page("missing.html", language, status=404, path="/")
        return await otherwise(request, error)


def _reads_pages(request: Request) -> bool:
    wanted = "text/html" in request.headers.get("accept", "")
    return wanted and request.method in ("GET", "HEAD") and not request.url.path.startswith(_INTERFACE)
