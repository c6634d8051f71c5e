"""Making what is heavy at first use, and once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import TypeVar

_Made = TypeVar("_Made")


def once(make: Callable[[], _Made]) -> Callable[[], _Made]:
    """A function that makes it at its first call and gives the same one ever after; what fails is tried again."""
    made = cache(make)
    # A cache alone would let two threads make it at the same time.
    lock = threading.Lock()

    def first_or_again() -> _Made:
        with lock:
            return made()

    return first_or_again
