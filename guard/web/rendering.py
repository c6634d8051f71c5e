"""Templates to responses, with the headers that keep a page to itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from importlib import resources
from typing import Any

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from guard.web.language import LANGUAGES, Language, Speaker
from guard.web.verdicts import check_name, headline_of, notes_of, revoked_at, tone_of

MEDIA_TYPES = {
    "app.js": "text/javascript; charset=utf-8",
    "guard.css": "text/css; charset=utf-8",
    "guard.svg": "image/svg+xml",
    "htmx.min.js": "text/javascript; charset=utf-8",
}
"""The static files; nothing else is served."""

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
    "vary": "Accept-Language, HX-Request",
}


def page(
    template: str,
    language: Language,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """Render a template.

    Args:
        template: its file name.
        language: of the page; also sent as ``Content-Language``.
        status: HTTP status.
        headers: further headers.
        context: what the template shows.
    """
    html = (
        _environment()
        .get_template(template)
        .render(
            t=Speaker(language),
            language=language,
            languages=LANGUAGES,
            static=static_address,
            check=partial(check_name, language),
            headline=partial(headline_of, language),
            notes=partial(notes_of, language),
            revoked_at=revoked_at,
            tone=tone_of,
            **context,
        )
    )
    return HTMLResponse(html, status, headers={**(headers or {}), **_HEADERS, "content-language": language})


def static_file(name: str) -> Response | None:
    """A static file, or None if there is no such."""
    if name not in MEDIA_TYPES:
        return None
    headers = _HEADERS | {"cache-control": "public, max-age=31536000, immutable"}
    del headers["vary"]
    return Response(_content(name), media_type=MEDIA_TYPES[name], headers=headers)


def static_address(name: str) -> str:
    """Where a static file is; the address changes with its content, so that it may be kept for ever."""
    return f"/static/{name}?v={hashlib.sha256(_content(name)).hexdigest()[:12]}"


@cache
def _content(name: str) -> bytes:
    return resources.files(__package__).joinpath("static", name).read_bytes()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("guard.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
