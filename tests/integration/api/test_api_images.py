"""Waiting for a picture that nobody makes: what the answer says, and that asking again asks for the same one."""

from __future__ import annotations

from typing import Any

import pytest

from guard.api import awaited
from guard.pipeline.jobs import utc_now
from guard.store import stall_video, start_video
from tests.integration.api.conftest import Api

ASKED = {"prompt": "a lighthouse at noon", "size": "512x512", "n": 2}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaited, "WAIT_SECONDS", 0.2)


def ask(api: Api, *, headers: dict[str, str] | None = None, **changes: Any) -> tuple[int, dict[str, Any]]:
    response = api("POST", "/v1/images/generations", json={**ASKED, **changes}, headers=headers or {})
    return response.status_code, response.json()["error"] | {
        "retry-after": response.headers.get("retry-after")
    }


def test_who_waited_too_long_is_told_to_ask_again_and_gets_the_same_pictures(api: Api) -> None:
    status, error = ask(api)
    assert (status, error["code"], error["retry-after"]) == (503, "image_not_ready", "1")
    assert len(error["images"]) == 2
    again = ask(api, headers={"x-stainless-retry-count": "1"})[1]
    assert again["images"] == error["images"]
    assert ask(api)[1]["images"] != error["images"]


def test_an_idempotency_key_stands_for_all_the_pictures_of_its_request(api: Api) -> None:
    headers = {"idempotency-key": "pictures"}
    first = ask(api, headers=headers)[1]["images"]
    assert ask(api, headers=headers)[1]["images"] == first
    assert ask(api, headers=headers, n=1)[0] == 409
    video = {"prompt": ASKED["prompt"], "size": "640x360", "seconds": 2}
    assert api("POST", "/v1/videos", json=video, headers=headers).status_code == 409


def test_the_same_fields_do_not_make_a_picture_of_a_video(api: Api) -> None:
    plain = {"prompt": "a lighthouse in the fog"}
    video = api("POST", "/v1/videos", json=plain).json()["id"]
    retried = api(
        "POST", "/v1/images/generations", json=plain, headers={"x-stainless-retry-count": "1"}
    ).json()
    assert video.startswith("video_")
    assert all(name.startswith("image_") for name in retried["error"]["images"])


def test_what_stalls_is_said_at_once_and_the_job_stays(api: Api) -> None:
    headers = {"idempotency-key": "stalled"}
    (image_id,) = ask(api, headers=headers, n=1)[1]["images"]
    with api.state.services.database.write() as session:
        start_video(session, image_id)
        stall_video(session, image_id, "signer_failed", "The signer is away.", retry_at=utc_now())
    status, error = ask(api, headers=headers, n=1)
    assert (status, error["code"], error["retry-after"]) == (503, "signer_failed", "30")
    found = api("GET", f"/v1/images/{image_id}").json()
    assert found["stalled"]["code"] == "signer_failed"
    assert api.error("GET", f"/v1/images/{image_id}/content") == (404, "image_not_ready")
    assert api.error("DELETE", f"/v1/images/{image_id}") == (409, "video_in_progress")


def test_another_tenants_pictures_are_not_found(api: Api, new_key: Any) -> None:
    (image_id,) = ask(api, n=1)[1]["images"]
    other = new_key("videos", tenant="elsewhere")
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        assert api.error(method, f"/v1/images/{image_id}{path}", key=other) == (404, "not_found")
    unfit = new_key("moderations")
    assert api.error("GET", f"/v1/images/{image_id}/content", key=unfit) == (403, "scope_missing")
    assert api.error("GET", f"/v1/images/{image_id}/content", key=None) == (401, "missing_api_key")
    assert api.error("POST", "/v1/images/generations", key=unfit, json=ASKED) == (403, "scope_missing")
    assert api.error("GET", "/v1/models", key=None) == (401, "missing_api_key")
