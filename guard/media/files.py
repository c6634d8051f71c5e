"""Output files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av

from guard.media.errors import MediaError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary sibling (mode 0600) that replaces `path` when the block ends well and vanishes otherwise.

    File and folder are synced to disk before and after the rename.

    Raises:
        MediaError: ``media_write_failed`` for any error of the disk or the encoder in the block.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield draft
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(
            "media_write_failed",
            f"Could not write {path.name}: {_reason(error)}. Free space or choose another folder.",
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or type(error).__name__).lower()
