"""Links to pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from guard.api.links import LASTS, link, opens

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY, OTHER = bytes(32), bytes([1]) * 32
IMAGE = "image_01m89j2amcjzv495tdtj21bfnx"


def parts() -> tuple[str, str]:
    address = urlsplit(link("https://guard.example/", IMAGE, KEY, now=NOW))
    assert address.path == f"/v1/images/{IMAGE}/content"
    query = parse_qs(address.query)
    return query["expires"][0], query["signature"][0]


def test_a_link_opens_its_picture_until_it_expires() -> None:
    expires, signature = parts()
    assert opens(IMAGE, expires, signature, KEY, now=NOW)
    assert opens(IMAGE, expires, signature, KEY, now=NOW + LASTS - timedelta(seconds=1))
    assert not opens(IMAGE, expires, signature, KEY, now=NOW + LASTS)


@pytest.mark.parametrize(
    ("image", "later", "key"), [(IMAGE[:-1] + "y", 0, KEY), (IMAGE, 1, KEY), (IMAGE, 0, OTHER)]
)
def test_another_picture_time_or_key_opens_nothing(image: str, later: int, key: bytes) -> None:
    expires, signature = parts()
    assert not opens(image, str(int(expires) + later), signature, key, now=NOW)


@pytest.mark.parametrize("expires", ["", "-1", "١٢٣٤٥٦٧٨٩٠", "1e10", "9" * 13])
def test_what_is_no_time_opens_nothing(expires: str) -> None:
    assert not opens(IMAGE, expires, parts()[1], KEY, now=NOW)


def test_what_is_no_signature_opens_nothing() -> None:
    assert not opens(IMAGE, parts()[0], "ü", KEY, now=NOW)
