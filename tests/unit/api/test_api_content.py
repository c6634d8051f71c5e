from __future__ import annotations

import pytest

from guard.api.content import known_version, parse_range
from guard.api.errors import ApiError


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 100)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-500", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_ranges(header: str, span: tuple[int, int] | None) -> None:
    assert parse_range(header, 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_ranges_outside_the_file(header: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_range(header, 100)
    assert (caught.value.status, caught.value.headers["content-range"]) == (416, "bytes */100")


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("", False),
        ('"b"', False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", W/"a"', True),
        ("*", True),
    ],
)
def test_versions_that_a_client_has(header: str, known: bool) -> None:
    assert known_version(header, '"a"') is known
