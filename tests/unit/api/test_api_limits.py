from __future__ import annotations

import pytest

from guard.api import limits
from guard.api.limits import RateLimiter, address_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_full_bucket_is_a_minutes_worth_and_refills_evenly() -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    answers = [limiter.take("a", 6) for _ in range(7)]
    assert [answer.retry_after > 0 for answer in answers if answer] == [False] * 6 + [True]
    assert answers[-1] is not None
    assert answers[-1].retry_after == pytest.approx(10)
    clock.now += 9.9
    assert limiter.take("a", 6).retry_after > 0  # type: ignore[union-attr]
    clock.now += 0.2
    assert limiter.take("a", 6).retry_after == 0  # type: ignore[union-attr]


def test_a_refused_request_costs_nothing_and_callers_do_not_share() -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    limiter.take("a", 1)
    for _ in range(50):
        limiter.take("a", 1)
    assert limiter.take("b", 1).retry_after == 0  # type: ignore[union-attr]
    clock.now += 60
    assert limiter.take("a", 1).retry_after == 0  # type: ignore[union-attr]


def test_ten_reads_cost_as_much_as_one_write() -> None:
    limiter = RateLimiter(Clock())
    refused = [limiter.take("a", 2, 0.1).retry_after > 0 for _ in range(21)]  # type: ignore[union-attr]
    assert refused == [False] * 20 + [True]


def test_zero_is_no_limit() -> None:
    assert RateLimiter().take("a", 0) is None


def test_headers_are_those_of_the_wire() -> None:
    limiter = RateLimiter(Clock())
    first = limiter.take("a", 2).headers()  # type: ignore[union-attr]
    assert first == {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "30s",
    }
    limiter.take("a", 2)
    last = limiter.take("a", 2).headers()  # type: ignore[union-attr]
    assert (last["retry-after"], last["x-ratelimit-reset-requests"]) == ("30", "1m0s")


def test_memory_is_bounded_and_the_longest_silent_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_BUCKETS", 3)
    limiter = RateLimiter(Clock())
    for caller in ("a", "b", "c", "a", "d"):
        limiter.take(caller, 1)
    # "b" was forgotten and starts anew, "a" was heard of later and did not.
    assert limiter.take("a", 1).retry_after > 0  # type: ignore[union-attr]
    assert limiter.take("b", 1).retry_after == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("host", "caller"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "unknown"),
        (None, "unknown"),
    ],
)
def test_addresses(host: str | None, caller: str) -> None:
    assert address_of(host) == caller


def test_a_budget_of_a_day_refills_in_a_day() -> None:
    clock = Clock()
    limiter = RateLimiter(clock, seconds=limits.DAY)
    assert [limiter.take("a", 2).retry_after > 0 for _ in range(3)] == [False, False, True]  # type: ignore[union-attr]
    clock.now += limits.DAY / 2 - 1
    assert limiter.take("a", 2).retry_after == pytest.approx(1)  # type: ignore[union-attr]
    clock.now += 2
    assert limiter.take("a", 2).retry_after == 0  # type: ignore[union-attr]
