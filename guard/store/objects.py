"""Released files: a write-once store in a local folder, or in S3, Google Cloud Storage or Azure."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import obstore
from obstore import exceptions
from obstore.store import LocalStore, from_url

from guard.store.errors import StoreError

_KEY = re.compile(r"[a-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_CHUNK = 1024 * 1024
_UPLOADS = "uploads"


@dataclass(frozen=True)
class Stored:
    """An object: its size in bytes."""

    key: str
    size: int


class Objects:
    """Create-only objects by key.

    Args:
        place: a local folder (made if missing, mode 0700), or a URL such as ``s3://bucket/prefix``.
        options: settings of the cloud store, for instance ``{"endpoint": …, "region": …}``.

    Raises:
        StoreError: ``object_store_unavailable``.
    """

    def __init__(self, place: Path | str, options: Mapping[str, Any] | None = None) -> None:
        self._folder: Path | None = None
        self._hashed = lru_cache(maxsize=4096)(self._hash)
        with _translated():
            if isinstance(place, Path):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._folder = place
                self._store: Any = LocalStore(prefix=place)
            else:
                self._store = _cloud(place, dict(options or {}))

    def put(self, key: str, path: Path) -> Stored:
        """Store a file under a key that must be free; the same content again is no error.

        The file is streamed to a name of its own and then copied within the store, so that the key never
        shows part of it.

        Raises:
            StoreError: ``object_exists`` if the key holds other content; ``object_key_invalid``;
                ``object_store_unavailable``.
        """
        _check(key)
        size = path.stat().st_size
        upload = f"{_UPLOADS}/{secrets.token_hex(16)}"
        with _translated():
            obstore.put(self._store, upload, path)
            try:
                obstore.copy(self._store, upload, key, overwrite=False)
            except exceptions.AlreadyExistsError:
                if self.head(key).size != size or self.sha256(key) != _sha256(path):
                    raise StoreError(
                        "object_exists", f"The object {key} exists with other content."
                    ) from None
            finally:
                obstore.delete(self._store, upload)
        if self._folder is not None:
            (self._folder / key).chmod(0o600)
        return Stored(key, size)

    def head(self, key: str) -> Stored:
        """Size of an object.

        Raises:
            StoreError: ``object_missing``, ``object_key_invalid``, ``object_store_unavailable``.
        """
        _check(key)
        with _translated():
            return Stored(key, int(obstore.head(self._store, key)["size"]))

    def stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes ``[start, end)`` of an object in chunks of about a megabyte.

        Raises:
            StoreError: as :meth:`head`, before the first chunk where the object is missing.
        """
        size = self.head(key).size
        return self._stream(key, start, size if end is None else min(end, size))

    def _stream(self, key: str, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            stop = min(end, start + _CHUNK)
            with _translated():
                chunk = bytes(obstore.get_range(self._store, key, start=start, end=stop))
            yield chunk
            start = stop

    def _hash(self, key: str, *_state: object) -> str:
        return f"sha256:{self.sha256(key)}"

    def sha256(self, key: str) -> str:
        """Hex digest of an object's content."""
        digest = hashlib.sha256()
        for chunk in self.stream(key):
            digest.update(chunk)
        return digest.hexdigest()

    def require(self, key: str, digest: str) -> Stored:
        """Make sure that an object is what its name says; it is hashed once for each state that it is found in.

        Args:
            key: which.
            digest: ``sha256:`` and 64 hex digits.

        Raises:
            StoreError: ``object_altered``; as :meth:`head`.
        """
        _check(key)
        with _translated():
            found = obstore.head(self._store, key)
        if self._hashed(key, found["size"], found["e_tag"], found["last_modified"]) != digest:
            raise _altered(key)
        return Stored(key, int(found["size"]))

    def fetch(self, key: str, path: Path, digest: str) -> None:
        """Copy an object to a file, and make sure that the copy is what the object was stored as.

        Raises:
            StoreError: ``object_altered``, and then there is no file; as :meth:`head`.
        """
        copied = hashlib.sha256()
        with path.open("wb") as file:
            for chunk in self.stream(key):
                copied.update(chunk)
                file.write(chunk)
        if f"sha256:{copied.hexdigest()}" != digest:
            path.unlink()
            raise _altered(key)

    def read(self, key: str, digest: str) -> bytes:
        """The whole of a small object, made sure to be what was stored.

        Raises:
            StoreError: ``object_altered``; as :meth:`head`.
        """
        content = b"".join(self.stream(key))
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise _altered(key)
        return content

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error.

        Raises:
            StoreError: ``object_key_invalid``, ``object_store_unavailable``.
        """
        _check(key)
        with _translated():
            try:
                obstore.delete(self._store, key)
            except (exceptions.NotFoundError, FileNotFoundError):
                return

    def discard_uploads(self, *, before: datetime) -> None:
        """Remove what a killed process left half-way of :meth:`put`, where it is older than that.

        Raises:
            StoreError: ``object_store_unavailable``.
        """
        with _translated():
            if self._folder is not None:  # where parts of files lie that the store does not list
                for path in (self._folder / _UPLOADS).glob("*"):
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink(missing_ok=True)
                return
            for batch in obstore.list(self._store, prefix=_UPLOADS):
                for found in batch:
                    if found["last_modified"] < before:
                        obstore.delete(self._store, found["path"])

    def check(self) -> None:
        """Whether the store answers.

        Raises:
            StoreError: ``object_store_unavailable``.
        """
        with _translated():
            obstore.list_with_delimiter(self._store, prefix=_UPLOADS)


def _cloud(url: str, options: dict[str, Any]) -> Any:
    if url.startswith("s3:"):
        # Amazon's way to copy only onto nothing: a multipart copy that completes only if the key is free.
        options.setdefault("copy_if_not_exists", "multipart")
    plain = str(options.get("endpoint", "")).startswith("http:")
    return from_url(
        url,
        config=cast("Any", options),
        client_options={"allow_http": True} if plain else None,
        # A job's step is tried again anyway; it should learn soon that the store is away.
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
    )


def _altered(key: str) -> StoreError:
    return StoreError(
        "object_altered", f"The object {key} is not what was stored there; restore it from a backup."
    )


def _check(key: str) -> None:
    if not _KEY.fullmatch(key) or len(key) > 512 or key.startswith(f"{_UPLOADS}/"):
        raise StoreError(
            "object_key_invalid", "Keys of objects are letters, digits, '.', '_', '-' between slashes."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (exceptions.NotFoundError, FileNotFoundError):
        raise StoreError("object_missing", "There is no such object.") from None
    except (exceptions.BaseError, OSError, ValueError) as error:
        # The text of these errors may hold URLs with credentials.
        raise StoreError(
            "object_store_unavailable", f"The object store failed ({type(error).__name__}); try again."
        ) from None
