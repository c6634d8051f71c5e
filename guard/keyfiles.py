"""The secrets that are not signing keys: watermark keys, the key that wraps the keys of prompts, the links' key.

    keys/mark-1.key     hex of 32 random bytes; the highest number marks, the two before it still read, others do not
    keys/prompts.key    hex of 32 random bytes
    keys/links.key      hex of 32 random bytes; links to pictures that were signed with another one open nothing

Files are 0600 and made create-only, so that two processes starting at once agree on one key.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path

from guard.marks import MAX_KEYS, MarkKey

_MARK = re.compile(r"mark-([0-9]+)\.key")
_SIZE = 32


class KeyFileError(Exception):
    """A key file cannot be used; the message names the file and what to do.

    Attributes:
        code: ``key_unreadable`` or ``key_in_use``.
    """

    def __init__(self, message: str, code: str = "key_unreadable") -> None:
        super().__init__(message)
        self.code = code


def mark_keys(folder: Path) -> tuple[MarkKey, ...]:
    """The watermark keys, the current one first; the first is made if there is none.

    Raises:
        KeyFileError: a file is unreadable or damaged.
    """
    numbers = sorted(
        (int(m[1]) for p in folder.glob("mark-*.key") if (m := _MARK.fullmatch(p.name))), reverse=True
    )
    if not numbers:
        load_or_create(folder / "mark-1.key")
        numbers = [1]
    return tuple(MarkKey(f"mark-{n}", load_or_create(folder / f"mark-{n}.key")) for n in numbers[:MAX_KEYS])


def rotate_mark_key(folder: Path, *, retire: bool = False) -> tuple[MarkKey, ...]:
    """Make a new watermark key the current one.

    Args:
        folder: of the keys.
        retire: also if the oldest key that is read now is not read any more then. Its file stays.

    Returns:
        The keys from now on, the new one first.

    Raises:
        KeyFileError: ``key_in_use`` if a key would have to be retired; ``key_unreadable``.
    """
    known = mark_keys(folder)
    if len(known) == MAX_KEYS and not retire:
        raise KeyFileError(
            f"At most {MAX_KEYS} watermark keys are read: with a new one, marks made with {known[-1].id} would not be "
            "read any more. Retire it if that is meant.",
            "key_in_use",
        )
    newest = int(known[0].id.removeprefix("mark-")) + 1
    load_or_create(folder / f"mark-{newest}.key")
    return mark_keys(folder)


def load_or_create(path: Path) -> bytes:
    """The 32 bytes of a key file, made with fresh randomness if it does not exist.

    Raises:
        KeyFileError: the file is unreadable, does not hold 64 hex digits, or cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
    except OSError as error:
        raise KeyFileError(
            f"{path} cannot be made ({error.strerror}); check the folder's rights and the disk's space."
        ) from None
    try:
        key = bytes.fromhex(path.read_text("ascii"))
    except (OSError, ValueError):
        raise KeyFileError(
            f"{path} does not hold a key of 64 hex digits; restore it from a backup."
        ) from None
    if len(key) != _SIZE:
        raise KeyFileError(f"{path} does not hold a key of 64 hex digits; restore it from a backup.")
    return key


def _create(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_SIZE) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process made one first, and that one is the key
            os.link(draft, path)  # appears whole, and replaces nothing
    finally:
        draft.unlink(missing_ok=True)
