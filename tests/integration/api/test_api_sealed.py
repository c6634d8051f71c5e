"""Sealed material on the wire: in a queue of its own, without prompt or preview for anybody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard.bootstrap import SCOPES, SEALED_SCOPE
from guard.store import list_api_keys
from guard.store import seals as seal_rows
from tests.integration.api.conftest import Api, release
from tests.policy import HELD_WORD, SEALED_HELD_WORD, SEALED_WORD

SMALL = {"size": "640x360", "seconds": "2"}
NewKey = Callable[..., str]


@pytest.fixture(scope="module")
def sealed(api: Api) -> dict[str, Any]:
    """A video that is held under the minors rule."""
    video: dict[str, Any] = api(
        "POST", "/v1/videos", json={"prompt": f"a {SEALED_HELD_WORD}", **SMALL}
    ).json()
    assert video["moderation"]["state"] == "pending_review"
    return video


def _queue(api: Api, key: str, **query: Any) -> set[str]:
    listed = api("GET", "/v1/reviews", key=key, params={"limit": 100, **query}).json()
    return {review["video_id"] for review in listed["data"]}


def test_only_the_scope_opens_the_queue(api: Api, sealed: dict[str, Any], new_key: NewKey) -> None:
    general = new_key("videos", "reviews", "admin")
    few = new_key("reviews", "sealed")
    other = api("POST", "/v1/videos", json={"prompt": f"an {HELD_WORD}", **SMALL}).json()["id"]
    assert other in _queue(api, general)
    assert sealed["id"] not in _queue(api, general, state="all")
    assert api.error("GET", "/v1/reviews?sealed=true", key=general) == (403, "scope_missing")
    assert sealed["id"] in _queue(api, few, sealed=True)
    assert other not in _queue(api, few, sealed=True)
    (review,) = [
        review
        for review in api("GET", "/v1/reviews?sealed=true&limit=100", key=few).json()["data"]
        if review["video_id"] == sealed["id"]
    ]
    for method, path in (("GET", ""), ("POST", "/approve"), ("POST", "/reject")):
        assert api.error(method, f"/v1/reviews/{review['id']}{path}", key=general) == (404, "not_found")
    assert api("GET", f"/v1/reviews/{review['id']}", key=few).json()["prompt"] == f"a {SEALED_HELD_WORD}"
    assert api("POST", f"/v1/reviews/{review['id']}/reject", key=few, json={}).json()["state"] == "rejected"


def test_what_was_sealed_is_never_drawn_small_even_after_a_person_let_it_go(
    api: Api, new_key: NewKey, clip_360: Path
) -> None:
    ids = [
        api("POST", "/v1/videos", json={"prompt": f"an {word}", **SMALL}).json()["id"]
        for word in (SEALED_HELD_WORD, HELD_WORD)
    ]
    clips = [clip_360.read_bytes() + box for box in (b"", b"\0\0\0\x08free")]
    few = new_key("reviews", "sealed")
    for video_id, clip, sealed in zip(ids, clips, (True, False), strict=True):
        listed = api("GET", "/v1/reviews", key=few, params={"limit": 100, "sealed": sealed}).json()["data"]
        (review,) = [review["id"] for review in listed if review["video_id"] == video_id]
        assert api("POST", f"/v1/reviews/{review}/approve", key=few, json={}).json()["state"] == "approved"
        release(api, video_id, clip)
    once_sealed, plain = (f"/v1/videos/{video_id}/content" for video_id in ids)
    for variant in ("thumbnail", "spritesheet"):
        assert api.error("GET", f"{once_sealed}?variant={variant}") == (403, "preview_sealed")
        assert api("GET", f"{plain}?variant={variant}").headers["content-type"].startswith("image/")
    assert api("GET", once_sealed).content == clips[0]


def test_nobody_gets_the_scope_without_asking(api: Api) -> None:
    assert SEALED_SCOPE in SCOPES
    with api.state.services.database.read() as session:
        (first,) = [key for key in list_api_keys(session) if key.name == "first"]
    assert SEALED_SCOPE not in first.scopes


def test_its_owner_sees_no_prompt(api: Api, sealed: dict[str, Any]) -> None:
    assert sealed["prompt"] is None
    assert api("GET", f"/v1/videos/{sealed['id']}").json()["prompt"] is None


def test_a_blocked_prompt_is_sealed_and_the_answer_says_no_more_than_others(api: Api) -> None:
    response = api("POST", "/v1/videos", json={"prompt": f"a {SEALED_WORD} in the sun", **SMALL})
    assert response.status_code == 400
    assert SEALED_WORD not in response.text
    with api.state.services.database.read() as session:
        newest = seal_rows.list_seals(session)[-1]
    assert newest.decision_id == response.json()["error"]["moderation"]["decision_id"]
