"""Bodies of requests: JSON and forms alike end as one nested dictionary, with at most one file."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from guard.api.errors import ApiError
from guard.api.multipart import (
    MOST_FIELD_BYTES,
    Parts,
    ReceivedFile,
    in_base64,
    not_written,
    read_multipart,
    too_large,
)

CHUNK_SECONDS = 30.0
"""How long a client may pause within its body."""
SLOWEST = 16 * 1024
"""Bytes a second that a body must come to on the whole, after `CHUNK_SECONDS`; a trickle would hold its place for
hours."""
BODY_SECONDS = 300.0
"""Longest time that a body may take to arrive, unless the caller allows for more."""
MOST_VALUES = 250_000
"""Brackets and commas of a JSON body. Each may stand for a value that takes a hundred times its own size in memory, and
nothing else runs while they are parsed."""
_DEPTH = 4
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_NAME = re.compile(r"[^\[\]]+(\[[^\[\]]*\])*")


@dataclass(frozen=True)
class Body:
    """What a request brought.

    Attributes:
        values: its fields, nested.
        file: its file, if it brought one; deleted when the request is over.
    """

    values: dict[str, Any]
    file: ReceivedFile | None

    def digest(self) -> str:
        """Hex sha256 of the fields, the same for a form and for JSON with the same content."""
        plain = json.dumps(self.values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()


@asynccontextmanager
async def read_body(
    request: Request,
    folder: Path,
    *,
    file_field: str | None = None,
    large_field: str | None = None,
    max_file_bytes: int = MOST_FIELD_BYTES,
    max_json_bytes: int = 4 * MOST_FIELD_BYTES,
    max_seconds: float = BODY_SECONDS,
) -> AsyncIterator[Body]:
    """Read a body of either kind; a file lives as long as the context.

    Args:
        request: whose body.
        folder: where a file goes.
        file_field: the field that may hold a file; None where files are not taken.
        large_field: the field of a form that may hold such a file as a data URL instead.
        max_file_bytes: largest file.
        max_json_bytes: largest JSON body.
        max_seconds: longest time that the body may take to arrive.

    Raises:
        ApiError: the body is of another kind, malformed, too large, or stops arriving.
    """
    content_type = request.headers.get("content-type", "")
    if media_type_of(request) == "multipart/form-data":
        largest = max_file_bytes if large_field is None else in_base64(max_file_bytes)
        _check_declared(request, largest + 4 * MOST_FIELD_BYTES, too_large(max_file_bytes))
        parts = await read_multipart(
            _chunks(request, max_seconds),
            content_type,
            folder=folder,
            file_field=file_field,
            max_bytes=max_file_bytes,
            large_field=large_field,
        )
        try:
            yield Body(nest(parts.fields), _only(parts))
        finally:
            parts.discard()
        return
    yield Body(await read_json(request, max_json_bytes, also="multipart/form-data or "), None)


@asynccontextmanager
async def raw_file(
    request: Request, folder: Path, *, max_bytes: int, max_seconds: float = BODY_SECONDS
) -> AsyncIterator[ReceivedFile]:
    """A body that is a file itself; it lives as long as the context.

    Raises:
        ApiError: ``missing_file``, ``upload_too_large``, ``upload_stalled``, ``upload_not_written``.
    """
    _check_declared(request, max_bytes, too_large(max_bytes))
    path = folder / f"upload-{secrets.token_hex(16)}"
    try:
        size = await _written(path, _chunks(request, max_seconds), max_bytes)
        if not size:
            raise ApiError(400, "missing_file", "Send the file as the request's body.")
        yield ReceivedFile("", path, size)
    finally:
        path.unlink(missing_ok=True)


async def _written(path: Path, chunks: AsyncIterator[bytes], max_bytes: int) -> int:
    size = 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise too_large(max_bytes)
                await run_in_threadpool(file.write, chunk)
    except OSError as error:
        raise not_written(error) from None
    return size


def media_type_of(request: Request) -> str:
    """The media type that a request says its body has, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, max_bytes: int, *, also: str = "") -> dict[str, Any]:
    """A JSON object; an empty body is an empty object, and one of no stated type is taken for JSON.

    Args:
        request: whose body.
        max_bytes: longest body.
        also: what else the caller takes, to begin a list with.

    Raises:
        ApiError: ``content_type_unsupported``, ``invalid_json``, ``body_too_large``, ``too_many_values``,
            ``upload_stalled``.
    """
    if media_type_of(request) not in ("application/json", ""):
        raise ApiError(415, "content_type_unsupported", f"Send {also}application/json.")
    data = await raw_bytes(request, max_bytes)
    if not data:
        return {}
    if sum(data.count(sign) for sign in b"[{,") > MOST_VALUES:
        raise ApiError(
            400,
            "too_many_values",
            f"A JSON body may have at most {MOST_VALUES} brackets and commas; send several requests.",
        )
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise ApiError(400, "invalid_json", "The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise ApiError(400, "invalid_json", "The body must be a JSON object.")
    return value


async def raw_bytes(request: Request, max_bytes: int) -> bytes:
    """A small body as it is.

    Raises:
        ApiError: ``body_too_large``, ``upload_stalled``.
    """
    large = ApiError(413, "body_too_large", f"This body may have at most {max_bytes} bytes.")
    _check_declared(request, max_bytes, large)
    data = bytearray()
    async for chunk in _chunks(request, BODY_SECONDS):
        data += chunk
        if len(data) > max_bytes:
            raise large
    return bytes(data)


def nest(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """Bracket keys to nested values: ``a[b]=c`` is ``{"a": {"b": "c"}}``, ``a[]=c`` a list, ``a=1&a=2`` too.

    Raises:
        ApiError: ``invalid_field`` for a key that cannot be read or contradicts another.
    """
    values: dict[str, Any] = {}
    for key, value in fields:
        if not _NAME.fullmatch(key):
            raise ApiError(400, "invalid_field", "Names of fields read name, name[key] or name[].")
        name = key.partition("[")[0]
        path = [name, *_BRACKETS.findall(key[len(name) :])]
        if len(path) > _DEPTH:
            raise ApiError(400, "invalid_field", f"Fields may be nested {_DEPTH} deep at most.")
        _place(values, path, value)
    return values


def _place(values: dict[str, Any], path: list[str], value: str) -> None:
    as_list = path[-1] == ""
    if as_list:
        path = path[:-1]
    if not path or "" in path:
        raise ApiError(400, "invalid_field", "Only the last bracket of a field's name may be empty.")
    node = values
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ApiError(
                400, "invalid_field", "A field is given both as a value and as an object.", param=path[0]
            )
    last = path[-1]
    present = node.get(last)
    if isinstance(present, dict):
        raise ApiError(
            400, "invalid_field", "A field is given both as a value and as an object.", param=path[0]
        )
    if isinstance(present, list):
        present.append(value)
    elif last in node:
        node[last] = [present, value]
    else:
        node[last] = [value] if as_list else value


def _only(parts: Parts) -> ReceivedFile | None:
    return parts.files[0] if parts.files else None


def _check_declared(request: Request, most: int, error: ApiError) -> None:
    if (declared_length(request) or 0) > most:
        raise error


def declared_length(request: Request) -> int | None:
    """Bytes that a request says its body has; None if it does not say so in a number that could be true."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 20 else None


async def _chunks(request: Request, most_seconds: float) -> AsyncIterator[bytes]:
    stream = request.stream()
    loop = asyncio.get_running_loop()
    start, received = loop.time(), 0
    while True:
        paced = min(loop.time(), start + received / SLOWEST) + CHUNK_SECONDS
        try:
            async with asyncio.timeout_at(min(paced, start + most_seconds)):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise ApiError(408, "upload_stalled", "The body arrives too slowly; send it again.") from None
        except ClientDisconnect:
            raise ApiError(400, "client_disconnected", "The connection was closed within the body.") from None
        received += len(chunk)
        if chunk:
            yield chunk
