"""The field `input_reference`: a file, or a picture as a data URL."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from generator import GeneratorInfo
from guard.api.errors import ApiError
from guard.api.forms import Body
from guard.api.pictures import MOST_BYTES, data_of, write_private
from guard.pipeline.references import Reference

FIELD = "input_reference"
MOST_REFERENCE = MOST_BYTES


@asynccontextmanager
async def reference_of(
    body: Body, info: GeneratorInfo, folder: Path
) -> AsyncIterator[tuple[Reference | None, Body]]:
    """The picture that a request brings, for as long as the context, and the body with its digest in its place.

    So the same picture makes the same request, sent as a file or as a data URL, and another picture another one.

    Args:
        body: of the request.
        info: of the generator that is asked.
        folder: for a picture that came as a data URL.

    Raises:
        ApiError: ``reference_unsupported``, ``invalid_type``, ``remote_url_refused``, ``image_unreadable``,
            ``image_too_large``.
    """
    given = body.values.get(FIELD)
    if body.file is None and given is None:
        yield None, body
        return
    if not info.accepts_reference:
        raise ApiError(
            400,
            "reference_unsupported",
            f"{info.name} takes no reference; describe it in the prompt, or name another model.",
            param=FIELD,
        )
    path = folder / f"picture-{secrets.token_hex(16)}" if body.file is None else body.file.path
    try:
        if body.file is None:
            await run_in_threadpool(write_private, path, data_of(_url(given), param=FIELD))
        elif given is not None:
            raise ApiError(
                400, "invalid_field", "Send one reference, as a file or as a data URL.", param=FIELD
            )
        reference = await run_in_threadpool(Reference.of, path)
        yield reference, Body({**body.values, FIELD: {"sha256": reference.digest}}, None)
    finally:
        path.unlink(missing_ok=True)


def _url(given: object) -> str:
    url = given.get("image_url") if isinstance(given, dict) and set(given) == {"image_url"} else None
    if not isinstance(url, str):
        raise ApiError(
            400,
            "invalid_type",
            "A reference is a file, or an object whose only key image_url holds the picture as a data URL.",
            param=FIELD,
        )
    return url
