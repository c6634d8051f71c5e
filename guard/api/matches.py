"""The Soft Binding Resolution API's queries: from a soft binding, a file or an address to manifests.

Callers without a key learn which manifests match and nothing of how well, and have a budget of files a day: each answer
tells somebody who removes a mark whether it is gone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from guard.api import description, fields
from guard.api.auth import Anyone, Caller, admitted
from guard.api.errors import ApiError
from guard.api.forms import media_type_of, raw_file, read_json
from guard.api.regions import part_of
from guard.api.state import Guard, State
from guard.api.verifications import SCOPE as VERIFICATIONS
from guard.fetching import FetchLimits, fetch
from guard.inspection import inspect_file
from guard.media.containers import is_of_type
from guard.media.parts import Part
from guard.resolution import Resolved, Resolver

router = APIRouter(prefix="/v1/matches")
FETCH = "fetch:manifests"
MOST_RESULTS = 100
LONGEST_VALUE = 2000
"""Of a value in an address; longer ones go into a body."""
_MOST_JSON = 256 * 1024
_MEDIA = ("image/", "video/", "audio/", "application/", "text/", "model/")

MaxResults = Annotated[int, Query(alias="maxResults", ge=1, le=MOST_RESULTS)]


def resolver(guard: State) -> Resolver:
    """What answers queries."""
    services = guard.services
    return Resolver(services.database, services.registry, services.mark_codec.algorithm)


def check_fetch(caller: Caller | None) -> None:
    """Refuse a key that is for other things; no key at all is welcome.

    Raises:
        ApiError: ``scope_missing``.
    """
    if caller is not None and not caller.scopes & {FETCH, VERIFICATIONS}:
        raise ApiError(403, "scope_missing", f"This API key lacks the scope {FETCH!r}.")


@dataclass(frozen=True)
class FileQuery:
    """A query by a file, however the file gets here.

    Attributes:
        guard: the application's state.
        caller: who asks; None for an anonymous one.
        alg: look by this algorithm alone; None for all.
        hint: an algorithm and a value that the caller read.
        limit: most matches.
    """

    guard: State
    caller: Caller | None
    alg: str | None
    hint: tuple[str, str] | None
    limit: int

    async def answer(
        self, path: Path, *, kind: str | None = None, part: Part | None = None
    ) -> dict[str, Any]:
        """What the file, or a part of it, leads to.

        Args:
            path: the file.
            kind: media type that it is said to be of.
            part: what of it is looked at; None for all.

        Raises:
            ApiError: ``reference_mismatched`` if it is of another type.
            MediaError: it cannot be examined.
        """
        services = self.guard.services
        async with self.guard.examination(anonymous=self.caller is None):
            seen = await run_in_threadpool(inspect_file, services.inspector, path, part=part)
        if kind is not None and not is_of_type(seen.info.container, kind.partition(";")[0].strip().lower()):
            raise ApiError(
                400, "reference_mismatched", "The file is of another type than was said.", param="assetType"
            )
        found = await run_in_threadpool(
            resolver(self.guard).by_content,
            seen,
            alg=self.alg,
            hint=self.hint,
            limit=self.limit,
            whole=part is None,
        )
        return matches(found, self.caller)


def _file_query(
    guard: Guard,
    caller: Anyone,
    alg: Annotated[str | None, Query(max_length=255)] = None,
    max_results: MaxResults = 10,
    hint_alg: Annotated[str | None, Query(alias="hintAlg", max_length=255)] = None,
    hint_value: Annotated[str | None, Query(alias="hintValue", max_length=LONGEST_VALUE)] = None,
) -> FileQuery:
    check_fetch(caller)
    hint = _hint(hint_alg, hint_value)
    resolver(guard).check(alg, hint)
    return FileQuery(guard, caller, alg, hint, max_results)


ByFile = Annotated[FileQuery, Depends(_file_query)]


@router.get("/byBinding", openapi_extra=description.OPEN)
def by_binding(
    guard: Guard,
    caller: Anyone,
    value: Annotated[str, Query(min_length=1)],
    alg: Annotated[str, Query(min_length=1, max_length=255)],
    max_results: MaxResults = 10,
) -> dict[str, Any]:
    """The manifests that a soft binding leads to."""
    check_fetch(caller)
    if len(value) > LONGEST_VALUE:
        raise ApiError(
            414,
            "uri_too_long",
            f"Values of more than {LONGEST_VALUE} characters go into a POST.",
            param="value",
        )
    return matches(resolver(guard).by_binding(alg, value, limit=max_results), caller)


@router.post("/byBinding", openapi_extra=description.BINDING_QUERY)
async def by_binding_in_body(
    request: Request, guard: Guard, caller: Anyone, max_results: MaxResults = 10
) -> dict[str, Any]:
    """The same, for values too long for an address."""
    check_fetch(caller)
    values = await read_json(request, _MOST_JSON)
    fields.only_known(values, ("alg", "value"))
    alg = fields.required_text(values, "alg", most=255)
    value = fields.required_text(values, "value", most=_MOST_JSON)
    found = await run_in_threadpool(resolver(guard).by_binding, alg, value, limit=max_results)
    return matches(found, caller)


@router.post("/byContent", openapi_extra=description.CONTENT_QUERY)
async def by_content(request: Request, guard: Guard, query: ByFile) -> dict[str, Any]:
    """The manifests that a file leads to; it is deleted before the answer leaves."""
    kind = media_type_of(request)
    if not kind.startswith(_MEDIA) or kind in ("application/json", "application/x-www-form-urlencoded"):
        raise ApiError(
            415, "content_type_unsupported", "Send the file itself, with its media type as Content-Type."
        )
    limits = guard.settings.uploads
    with admitted(request, guard, query.caller):
        async with raw_file(
            request,
            guard.installation.paths.uploads,
            max_bytes=limits.max_bytes,
            max_seconds=limits.receive_seconds,
        ) as file:
            return await query.answer(file.path)


@router.post("/byReference", openapi_extra=description.REFERENCE_QUERY)
async def by_reference(request: Request, guard: Guard, query: ByFile) -> dict[str, Any]:
    """The manifests that a file at an address leads to, or a part of it, where the operator allows it."""
    settings = guard.settings.resolution
    if not settings.by_reference:
        raise ApiError(403, "reference_disabled", "This service fetches nothing; send the file by byContent.")
    values = await read_json(request, _MOST_JSON)
    fields.only_known(values, ("assetLength", "assetType", "referenceUrl", "region"))
    url = fields.required_text(values, "referenceUrl", most=LONGEST_VALUE)
    length = fields.whole(values, "assetLength", least=1)
    if length is None:
        raise ApiError(400, "missing_required_parameter", "assetLength is required.", param="assetLength")
    kind = fields.text(values, "assetType", most=255)
    part = part_of(values.get("region"))
    limits = FetchLimits(
        settings.reference_seconds,
        guard.settings.uploads.max_bytes,
        settings.reference_networks,
        settings.reference_authorities,
    )
    path = guard.installation.paths.uploads / f"upload-{secrets.token_hex(16)}"
    with admitted(request, guard, query.caller):
        try:
            await run_in_threadpool(fetch, url, path, limits, length=length)
            return await query.answer(path, kind=kind, part=part)
        finally:
            path.unlink(missing_ok=True)


def matches(found: list[Resolved], caller: Caller | None) -> dict[str, Any]:
    """The answer to a query; ``revoked`` and ``release`` are ours, the rest is the standard's."""
    return {"matches": [_match(one, caller) for one in found]}


def _match(one: Resolved, caller: Caller | None) -> dict[str, Any]:
    match: dict[str, Any] = {"manifestId": one.manifest_id}
    if caller is not None and one.score is not None:
        match["similarityScore"] = one.score
    if one.release_id is not None:
        match |= {"release": one.release_id, "revoked": one.revoked}
    return match


def _hint(alg: str | None, value: str | None) -> tuple[str, str] | None:
    if (alg is None) != (value is None):
        raise ApiError(
            400, "missing_required_parameter", "hintAlg and hintValue go together.", param="hintAlg"
        )
    return None if alg is None or value is None else (alg, value)
