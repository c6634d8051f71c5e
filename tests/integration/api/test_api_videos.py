from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from policies import load_policy
from tests.integration.api.conftest import Api
from tests.policy import BLOCKED_RULE, BLOCKED_WORD, HELD_WORD

PROMPT = "Ein roter Ball rollt über grünes Gras."
SMALL = {"prompt": PROMPT, "size": "640x360", "seconds": "2"}
VIDEO_KEYS = {
    "id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "prompt", "seconds",
    "size", "remixed_from_video_id", "error",
}  # fmt: skip


def test_a_form_and_json_make_the_same_video(api: Api) -> None:
    form = api("POST", "/v1/videos", files={name: (None, value) for name, value in SMALL.items()})
    plain = api("POST", "/v1/videos", json={**SMALL, "seconds": 2})
    for response in (form, plain):
        video = response.json()
        assert response.status_code == 200
        assert set(video) >= VIDEO_KEYS
        assert (video["object"], video["status"], video["progress"]) == ("video", "queued", 0)
        assert (video["prompt"], video["seconds"], video["size"]) == (PROMPT, "2", "640x360")
        assert video["model"] == "guard-scenes-1"
        assert video["error"] is video["completed_at"] is video["remixed_from_video_id"] is None
    assert form.json()["id"] != plain.json()["id"]


def test_what_is_not_named_gets_the_defaults(api: Api) -> None:
    video = api("POST", "/v1/videos", json={"prompt": PROMPT}).json()
    assert (video["size"], video["seconds"], video["model"]) == ("1280x720", "4", "guard-scenes-1")


def test_the_model_may_be_named_as_clients_know_it_and_the_seed_is_kept(api: Api) -> None:
    video = api(
        "POST", "/v1/videos", json={**SMALL, "model": "sora-2", "seed": 7, "metadata": {"a": "b"}}
    ).json()
    assert (video["model"], video["seed"]) == ("guard-scenes-1", 7)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"prompt": None}, "missing_required_parameter", "prompt"),
        ({"prompt": ""}, "prompt_empty", "prompt"),
        ({"prompt": "\u200b\u200d \ufeff" * 50}, "prompt_empty", "prompt"),
        ({"prompt": "word " * 8000}, "prompt_too_long", "prompt"),
        ({"prompt": "\ud800"}, "prompt_unreadable", "prompt"),
        ({"prompt": ["a"]}, "invalid_type", "prompt"),
        ({"model": "wan-2.2"}, "model_not_found", "model"),
        ({"size": "641x360"}, "size_unsupported", "size"),
        ({"seconds": "5"}, "seconds_unsupported", "seconds"),
        ({"seconds": "4.5"}, "invalid_value", "seconds"),
        ({"seed": -1}, "invalid_value", "seed"),
        (
            {"input_reference": {"image_url": "https://example.org/a.png"}},
            "reference_unsupported",
            "input_reference",
        ),
        ({"guidance": 3}, "unknown_parameter", None),
    ],
)
def test_requests_that_cannot_be_taken(
    api: Api, change: dict[str, object], code: str, param: str | None
) -> None:
    before = api("GET", "/v1/videos?limit=100").json()["data"]
    headers = {"content-type": "application/json"}
    response = api("POST", "/v1/videos", content=json.dumps({**SMALL, **change}), headers=headers)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)
    assert "wan-2.2" not in error["message"]
    assert api("GET", "/v1/videos?limit=100").json()["data"] == before


def test_a_reference_as_file_or_as_bracket_key(api: Api) -> None:
    with_file = {"prompt": (None, PROMPT), "input_reference": ("a.png", b"png")}
    with_key = {"prompt": (None, PROMPT), "input_reference[image_url]": (None, "data:image/png;base64,AA==")}
    for files in (with_file, with_key):
        assert api.error("POST", "/v1/videos", files=files) == (400, "reference_unsupported")
    assert list(api.state.installation.paths.uploads.iterdir()) == []


@pytest.mark.parametrize("route", ["edits", "extensions", "characters"])
def test_what_no_generator_here_can_do(api: Api, route: str) -> None:
    files = {"prompt": (None, PROMPT), "video[id]": (None, "video_1")}
    assert api.error("POST", f"/v1/videos/{route}", files=files) == (400, "not_supported")
    assert api.error("GET", "/v1/videos/characters/character_1") == (400, "not_supported")


def test_a_blocked_prompt_is_refused_with_its_reasons_and_no_job(api: Api) -> None:
    before = api("GET", "/v1/videos?limit=100").json()["data"]
    prompt = f"A {BLOCKED_WORD} walks over a meadow"
    response = api("POST", "/v1/videos", json={**SMALL, "prompt": prompt})
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (
        400,
        "invalid_request_error",
        "moderation_blocked",
    )
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-request-id"] in error["message"]
    assert error["message"].endswith("safety_violations=[ip_copyright]")
    moderation = error["moderation"]
    assert moderation["reason"] == f"rule.{BLOCKED_RULE}"
    assert moderation["policy"] == f"test-policy@{load_policy().version}"
    assert moderation["matches"][0]["spans"] == [{"start": 2, "end": 2 + len(BLOCKED_WORD)}]
    assert set(moderation["user_text"]) == {"en", "de"}
    assert BLOCKED_WORD not in response.text
    assert api("GET", "/v1/videos?limit=100").json()["data"] == before


def test_a_held_prompt_waits_until_a_reviewer_decides(api: Api, new_key: Callable[..., str]) -> None:
    video = api("POST", "/v1/videos", json={**SMALL, "prompt": f"An {HELD_WORD} in the rain"}).json()
    assert video["status"] == "in_progress"
    assert video["moderation"]["state"] == "pending_review"
    assert video["moderation"]["stage"] == "prompt"
    reviewer = new_key("reviews")
    (review,) = [
        r
        for r in api("GET", "/v1/reviews?limit=100", key=reviewer).json()["data"]
        if r["video_id"] == video["id"]
    ]
    shown = api("GET", f"/v1/reviews/{review['id']}", key=reviewer).json()
    assert shown["prompt"] == f"An {HELD_WORD} in the rain"
    assert api.error("DELETE", f"/v1/videos/{video['id']}") == (409, "video_in_progress")
    stranger = new_key("reviews", tenant="other")
    path = f"/v1/reviews/{review['id']}/reject"
    assert api.error("POST", path, key=stranger, json={}) == (404, "not_found")
    decided = api("POST", path, key=reviewer, json={"note": "not here"}).json()
    assert (decided["state"], decided["note"]) == ("rejected", "not here")
    assert decided["reviewer"].startswith("key_")
    assert api.error("POST", path, key=reviewer, json={}) == (409, "review_decided")
    failed = api("GET", f"/v1/videos/{video['id']}").json()
    assert (failed["status"], failed["error"]["code"]) == ("failed", "moderation_blocked")
    assert "moderation" not in failed
    assert api.error("GET", f"/v1/videos/{video['id']}/content") == (404, "video_failed")


def test_an_approved_video_is_queued(api: Api) -> None:
    video = api("POST", "/v1/videos", json={**SMALL, "prompt": f"An {HELD_WORD} in the sun"}).json()
    (review,) = [r for r in api("GET", "/v1/reviews").json()["data"] if r["video_id"] == video["id"]]
    assert api("POST", f"/v1/reviews/{review['id']}/approve").json()["state"] == "approved"
    assert "moderation" not in api("GET", f"/v1/videos/{video['id']}").json()
    assert api.error("POST", f"/v1/reviews/{review['id']}/burn") == (400, "invalid_value")


def test_the_list_pages_in_both_orders(api: Api, new_key: Callable[..., str]) -> None:
    key = new_key("videos", tenant="pages")
    made = [api("POST", "/v1/videos", key=key, json={**SMALL, "seed": i}).json()["id"] for i in range(5)]
    for order, expected in (("asc", made), ("desc", made[::-1])):
        seen, after = [], ""
        while True:
            page = api("GET", f"/v1/videos?limit=2&order={order}{after}", key=key).json()
            ids = [video["id"] for video in page["data"]]
            assert (page["object"], page["first_id"], page["last_id"]) == ("list", ids[0], ids[-1])
            seen += ids
            if not page["has_more"]:
                break
            after = f"&after={page['last_id']}"
        assert seen == expected
    assert api.error("GET", "/v1/videos?after=nothing", key=key) == (404, "not_found")
    assert api("GET", "/v1/videos?after=nothing", key=key).json()["error"]["param"] == "after"
    assert api.error("GET", "/v1/videos?limit=1000", key=key) == (400, "invalid_value")
    assert api.error("GET", "/v1/videos?order=up", key=key) == (400, "invalid_value")


def test_nobody_sees_another_tenants_videos(api: Api, new_key: Callable[..., str]) -> None:
    video = api("POST", "/v1/videos", json=SMALL).json()["id"]
    other = new_key("videos", tenant="other")
    for method, path in (
        ("GET", ""), ("GET", "/content"), ("DELETE", ""), ("POST", "/remix"),
    ):  # fmt: skip
        assert api.error(method, f"/v1/videos/{video}{path}", key=other, **_body(method)) == (
            404,
            "not_found",
        )
    assert video not in api("GET", "/v1/videos?limit=100", key=other).text


def _body(method: str) -> dict[str, object]:
    return {"json": {"prompt": PROMPT}} if method == "POST" else {}


def test_an_idempotency_key_stands_for_one_video(api: Api) -> None:
    headers = {"idempotency-key": "order-1"}
    first = api("POST", "/v1/videos", json=SMALL, headers=headers).json()
    again = api("POST", "/v1/videos", files={k: (None, v) for k, v in SMALL.items()}, headers=headers).json()
    assert first["id"] == again["id"]
    assert api.error("POST", "/v1/videos", json={**SMALL, "seed": 1}, headers=headers) == (
        409,
        "idempotency_mismatch",
    )
    long = {"idempotency-key": "x" * 256}
    assert api.error("POST", "/v1/videos", json=SMALL, headers=long) == (400, "invalid_value")


def test_the_same_request_at_the_same_moment_makes_one_video(api: Api) -> None:
    headers = {"idempotency-key": "order-2"}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: api("POST", "/v1/videos", json=SMALL, headers=headers), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_retry_without_a_key_is_recognised_and_a_second_request_is_not(api: Api) -> None:
    body = {**SMALL, "prompt": "A lighthouse at dusk"}
    first = api("POST", "/v1/videos", json=body).json()["id"]
    for count in ("1", "20", "0" * 5000 + "1", "7" * 5000):
        again = api("POST", "/v1/videos", json=body, headers={"x-stainless-retry-count": count}).json()["id"]
        assert again == first
    for count in ("0", "0" * 5000, "", "-1", "one"):
        other = api("POST", "/v1/videos", json=body, headers={"x-stainless-retry-count": count}).json()["id"]
        assert other != first


def test_reviews_come_in_pages_oldest_first(api: Api, new_key: Callable[..., str]) -> None:
    owner, reviewer = (new_key(scope, tenant="paged") for scope in ("videos", "reviews"))
    held = {**SMALL, "prompt": f"An {HELD_WORD} in the rain"}
    videos = [api("POST", "/v1/videos", json=held, key=owner).json()["id"] for _ in range(5)]
    seen: list[str] = []
    after = ""
    while True:
        page = api("GET", f"/v1/reviews?limit=2{after}", key=reviewer).json()
        seen += [review["video_id"] for review in page["data"]]
        assert all(review["categories"][0] == "ip_copyright" for review in page["data"])
        assert page["last_id"] == page["data"][-1]["id"]
        if not page["has_more"]:
            break
        assert len(page["data"]) == 2
        after = f"&after={page['last_id']}"
    assert seen == videos
    assert api.error("GET", "/v1/reviews?after=nothing", key=reviewer) == (404, "not_found")
    assert api.error("GET", "/v1/reviews?limit=101", key=reviewer) == (400, "invalid_value")


def test_before_completion_there_is_nothing_to_fetch_or_remix(api: Api) -> None:
    video = api("POST", "/v1/videos", json=SMALL).json()["id"]
    response = api("GET", f"/v1/videos/{video}")
    assert response.headers["openai-poll-after-ms"] == "2000"
    for variant in ("video", "thumbnail", "spritesheet"):
        path = f"/v1/videos/{video}/content?variant={variant}"
        assert api.error("GET", path) == (404, "video_not_ready")
    assert api.error("GET", f"/v1/videos/{video}/content?variant=raw") == (400, "invalid_value")
    assert api.error("POST", f"/v1/videos/{video}/remix", json={"prompt": PROMPT}) == (400, "video_not_ready")
    assert api.error("GET", f"/v1/releases/{video}") == (404, "not_found")


@pytest.mark.parametrize("path", ["video_01m84rgfqn6f4eh2hkyyz0sd80", "video_%00", "nothing", "%F0%9F%A6%81"])
def test_ids_that_nobody_has(api: Api, path: str) -> None:
    for method, tail in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        assert api.error(method, f"/v1/videos/{path}{tail}") == (404, "not_found")
