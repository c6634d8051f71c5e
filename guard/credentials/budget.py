"""How much memory all hashing of this process together may take.

The library hashes in two buffers of up to 256 MiB, so one operation on a long file takes about half a gigabyte,
whatever the file's length, and ten of them at once ten times that. Operations therefore wait for their share of a
budget, in the order in which they came.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

BLOCK = 256 << 20
BASE = 48 << 20
DEFAULT = 1280 << 20
"""Two long files at once."""


def needed(size: int) -> int:
    """Bytes of memory that hashing a file of this size takes at most."""
    return BASE + 2 * min(size, BLOCK)


class MemoryBudget:
    """Lets operations go on as long as their needs fit in together; one that never fits goes on alone.

    Args:
        total: bytes.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._used = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def claim(self, size: int) -> Iterator[None]:
        """Hold what a file of this size needs, once it is there."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and self._fits(size))
                self._used += (share := min(needed(size), self.total))
            finally:  # also of one that was interrupted, lest the others wait behind it for ever
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._used -= share
                self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        return self._used + min(needed(size), self.total) <= self.total


MEMORY = MemoryBudget(DEFAULT)
"""Of this process; its `total` may be set before the first operation."""
