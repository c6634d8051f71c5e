"""Reading a ``multipart/form-data`` body as it arrives: fields into memory, files to disk, both within limits."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import structlog
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from guard.api.errors import ApiError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_FIELDS = 64
MOST_FIELD_BYTES = 256 * 1024
"""Of one field; a prompt of 32,000 characters takes at most half of it."""
_BATCH = 256 * 1024
_OVERHEAD = 1024 * 1024
"""What boundaries, headers and fields may take beside a file."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ReceivedFile:
    """A file that came with a form.

    Attributes:
        name: of its field.
        path: where it lies, mode 0600.
        size: bytes.
    """

    name: str
    path: Path
    size: int


@dataclass
class Parts:
    """What a form held, in the order it came; names as sent, brackets included."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[ReceivedFile] = field(default_factory=list)

    def discard(self) -> None:
        """Delete the files."""
        for file in self.files:
            file.path.unlink(missing_ok=True)


async def read_multipart(
    chunks: AsyncIterator[bytes],
    content_type: str,
    *,
    folder: Path,
    file_field: str | None,
    max_bytes: int,
    large_field: str | None = None,
) -> Parts:
    """Take a form apart while it arrives; memory stays bounded whatever is sent.

    Args:
        chunks: the body.
        content_type: the request's header, which names the boundary.
        folder: where a file goes.
        file_field: the one field that may hold a file; None where files are not taken.
        max_bytes: largest file.
        large_field: name of the one field, brackets included, that may hold such a file in base64.

    Raises:
        ApiError: ``invalid_multipart``, ``upload_too_large``, ``field_too_large``, ``too_many_fields``,
            ``unexpected_file``; nothing is left on disk then.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise ApiError(400, "invalid_multipart", "The Content-Type of a form must name its boundary.")
    sink = _Sink(folder, file_field, max_bytes, large_field)
    total, batch = 0, bytearray()
    try:
        parser = MultipartParser(boundary, sink.callbacks(), max_header_count=16)
        async for chunk in chunks:
            total += len(chunk)
            if total > max_bytes + _OVERHEAD:
                raise too_large(max_bytes)
            batch += chunk
            if len(batch) >= _BATCH:
                await run_in_threadpool(parser.write, bytes(batch))
                batch.clear()
        await run_in_threadpool(parser.write, bytes(batch))
        parser.finalize()
        if not sink.complete:
            raise ApiError(
                400, "invalid_multipart", "The form ends before its closing boundary; send all of it."
            )
    except FormParserError:
        sink.abandon()
        raise ApiError(
            400, "invalid_multipart", "The form cannot be read; check boundary and parts."
        ) from None
    except OSError as error:
        sink.abandon()
        raise not_written(error) from None
    except BaseException:
        sink.abandon()
        raise
    return sink.parts


def in_base64(size: int) -> int:
    """How long a data URL of so many bytes may be."""
    return size * 4 // 3 + 200


def too_large(max_bytes: int) -> ApiError:
    """The upload is larger than what is taken."""
    return ApiError(
        413,
        "upload_too_large",
        f"Files of at most {max_bytes} bytes are taken; send a shorter or smaller one.",
        param="file",
    )


def not_written(error: OSError) -> ApiError:
    """The disk would not take an upload."""
    _log.warning("upload_not_written", error=type(error).__name__)
    return ApiError(
        503,
        "upload_not_written",
        "The upload could not be stored; try again.",
        headers={"retry-after": "30"},
    )


class _Sink:
    """Where the parser's events go."""

    def __init__(self, folder: Path, file_field: str | None, max_bytes: int, large_field: str | None) -> None:
        self.parts = Parts()
        self.complete = False
        self._folder, self._file_field, self._max_bytes = folder, file_field, max_bytes
        self._large_field = large_field
        self._header, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._name = ""
        self._text = bytearray()
        self._file: IO[bytes] | None = None
        self._path = Path()
        self._size = 0

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
            self._file = None
        self.parts.discard()

    def _begin(self) -> None:
        if len(self.parts.fields) + len(self.parts.files) >= MOST_FIELDS:
            raise ApiError(400, "too_many_fields", f"A form may have at most {MOST_FIELDS} fields.")
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if not self._name:
            raise ApiError(400, "invalid_multipart", "Every part of a form must name its field.")
        self._text.clear()
        self._size = 0
        if b"filename" not in options:
            return
        if self._name != self._file_field or self.parts.files:
            wanted = "no file" if self._file_field is None else f"one file, in the field {self._file_field!r}"
            raise ApiError(400, "unexpected_file", f"This request takes {wanted}.")
        # The client's file name stays unused: it is user content.
        self._path = self._folder / f"upload-{secrets.token_hex(16)}"
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._file is not None:
            if self._size > self._max_bytes:
                raise too_large(self._max_bytes)
            self._file.write(data[start:end])
            return
        large = self._large_field is not None and self._name == self._large_field
        most = in_base64(self._max_bytes) if large else MOST_FIELD_BYTES
        if self._size > most:
            raise ApiError(413, "field_too_large", f"A field may have at most {most} bytes.")
        self._text += data[start:end]

    def _on_part_end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self.parts.files.append(ReceivedFile(self._name, self._path, self._size))
            return
        try:
            self.parts.fields.append((self._name, self._text.decode("utf-8")))
        except UnicodeDecodeError:
            raise ApiError(400, "invalid_multipart", "Fields of a form must be UTF-8.") from None

    def _on_end(self) -> None:
        self.complete = True
