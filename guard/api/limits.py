"""Requests a minute, and files examined a day, per tenant and per anonymous address: token buckets in this process."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_BUCKETS = 20_000
"""Callers remembered at once; beyond it the one that was silent longest is forgotten."""
READ_COST = 0.1
"""What a request that only reads costs; clients poll."""
MINUTE, DAY = 60.0, 86_400.0


@dataclass(frozen=True)
class Allowance:
    """What a caller has left.

    Attributes:
        limit: tokens of a full bucket, which is what the bucket's time refills.
        remaining: whole tokens left.
        reset: seconds until the bucket is full again.
        retry_after: seconds until the refused request would pass; 0 if it passed.
    """

    limit: int
    remaining: int
    reset: float
    retry_after: float

    def headers(self) -> dict[str, str]:
        """As the wire tells it."""
        found = {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(self.remaining),
            "x-ratelimit-reset-requests": _duration(self.reset),
        }
        if self.retry_after > 0:
            found["retry-after"] = str(math.ceil(self.retry_after))
        return found


class RateLimiter:
    """Token buckets by caller; safe to call from many threads.

    Args:
        clock: seconds that never go back.
        seconds: in which an empty bucket is filled again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, seconds: float = MINUTE) -> None:
        self._clock, self._seconds = clock, seconds
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, most: int, cost: float = 1.0) -> Allowance | None:
        """Take `cost` tokens out of a caller's bucket if they are there.

        Args:
            caller: whose bucket.
            most: size of the bucket and its refill in its time; 0 for no limit.
            cost: tokens, at most `most`.

        Returns:
            What is left, with ``retry_after`` above 0 if the request must be refused; None without a limit.
        """
        if most == 0:
            return None
        rate = most / self._seconds
        now = self._clock()
        with self._lock:
            tokens, last = self._buckets.pop(caller, (float(most), now))
            tokens = min(float(most), tokens + (now - last) * rate)
            # A sum of tenths must not fall short of a whole by a rounding error.
            passed = tokens >= cost - 1e-9
            if passed:
                tokens = max(0.0, tokens - cost)
            self._buckets[caller] = (tokens, now)
            while len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        wait = 0.0 if passed else (cost - tokens) / rate
        return Allowance(most, int(tokens + 1e-9), (most - tokens) / rate, wait)


def address_of(host: str | None) -> str:
    """The anonymous caller behind an address: of IPv6, the /64 that one customer gets."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
