"""Lists of hashes of known pictures: whose picture is on one of them is blocked, whatever it shows.

The lists are the operator's, from an organisation that is allowed to hold such pictures. A list is a text file with
one PDQ hash a line, 64 hex digits; what follows a comma or a space is not read, and lines with ``#`` are comments. How
a picture is hashed, the caller hands in.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policies.errors import PolicyError
from policies.taxonomy import Category

Hasher = Callable[[NDArray[np.uint8]], tuple[bytes, int]]
"""A picture's 32-byte hash, and its quality from 0 to 100."""
LEAST_SIDE = 64
LEAST_QUALITY = 50
"""Below it, a picture has too little texture for its hash to say which one it is; PDQ's authors advise this."""
_WORDS = 4  # of 64 bits


@dataclass(frozen=True)
class HashList:
    """One list.

    Attributes:
        name: How it is called in decisions.
        path: The file.
        category: What its pictures are blocked for.
        distance: Bits, of 256, up to which a hash counts as the same picture; PDQ's authors advise 31.
    """

    name: str
    path: Path
    category: Category
    distance: int = 31


@dataclass(frozen=True, slots=True)
class Hit:
    """A picture that is on a list."""

    list: str
    category: Category
    distance: int


class HashLists:
    """Looks pictures up; a list whose file was replaced is read anew at the next picture.

    Args:
        lists: The operator's.
        hasher: PDQ.

    Raises:
        PolicyError: ``hash_list_unreadable`` or ``hash_list_invalid``.
    """

    id = "pdq"

    def __init__(self, lists: Iterable[HashList], hasher: Hasher) -> None:
        self.lists = tuple(lists)
        self._hasher = hasher
        self._lock = threading.Lock()
        self._held = {one.name: (_stamp(one.path), read_hashes(one.path)) for one in self.lists}

    def find(self, picture: NDArray[np.uint8]) -> Hit | None:
        """The nearest entry of the first list that has this picture, as it is or mirrored.

        Args:
            picture: (height, width, 3) uint8 RGB; those with a side below 64 pixels, or without texture, match none.

        Raises:
            PolicyError: a list was replaced by a file that is none.
        """
        if min(picture.shape[:2]) < LEAST_SIDE:
            return None
        asked = [self._hasher(view) for view in (picture, picture[:, ::-1])]
        if max(quality for _, quality in asked) < LEAST_QUALITY:
            return None
        for one in self.lists:
            hashes = self._current(one)
            found = min((_nearest(hashes, hash_) for hash_, _ in asked), default=257)
            if found <= one.distance:
                return Hit(one.name, one.category, found)
        return None

    def counts(self) -> dict[str, int]:
        """How many hashes each list holds now."""
        return {one.name: len(self._current(one)) for one in self.lists}

    def _current(self, one: HashList) -> NDArray[np.uint64]:
        with self._lock:
            stamp = _stamp(one.path)
            if self._held[one.name][0] != stamp:
                self._held[one.name] = (stamp, read_hashes(one.path))
            return self._held[one.name][1]


def read_hashes(path: Path) -> NDArray[np.uint64]:
    """The hashes of a file: shape (n, 4).

    Raises:
        PolicyError: ``hash_list_unreadable`` or ``hash_list_invalid``, with the line.
    """
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        raise PolicyError(
            "hash_list_unreadable", f"Cannot read the hash list {path.name}: check the path."
        ) from None
    found = []
    for number, line in enumerate(lines, 1):
        entry = line.partition("#")[0].replace(",", " ").split()
        if not entry:
            continue
        try:
            value = bytes.fromhex(entry[0])
        except ValueError:
            value = b""
        if len(value) != 8 * _WORDS:
            raise PolicyError(
                "hash_list_invalid",
                f"{path.name}, line {number}: a hash has 64 hex digits; nothing was taken.",
            )
        found.append(value)
    if not found:
        raise PolicyError("hash_list_invalid", f"{path.name} holds no hash.")
    return np.frombuffer(b"".join(found), np.uint64).reshape(-1, _WORDS)


def _nearest(hashes: NDArray[np.uint64], hash_: bytes) -> int:
    return int(np.bitwise_count(hashes ^ np.frombuffer(hash_, np.uint64)).sum(1).min())


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        raise PolicyError(
            "hash_list_unreadable", f"The hash list {path.name} is gone: put it back."
        ) from None
    return status.st_mtime_ns, status.st_size, status.st_ino
