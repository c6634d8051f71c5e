from __future__ import annotations

import base64
import io
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from guard.api.state import UPLOADS_PER_EXAMINATION
from guard.media import sandbox
from guard.media.errors import SandboxError
from guard.media.sandbox import Limits
from policies import OPENAI_CATEGORIES, load_policy
from tests.integration.api.conftest import Api
from tests.policy import BLOCKED_RULE, BLOCKED_WORD

HARMLESS = "A lighthouse at dusk"


def data_url(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def test_a_text(api: Api) -> None:
    answer = api(
        "POST", "/v1/moderations", json={"input": HARMLESS, "model": "omni-moderation-latest"}
    ).json()
    assert answer["id"].startswith("modr-")
    (result,) = answer["results"]
    assert result["flagged"] is False
    for part in ("categories", "category_scores", "category_applied_input_types"):
        assert list(result[part]) == list(OPENAI_CATEGORIES)
    assert set(result["category_applied_input_types"]["sexual"]) == {"text"}
    assert result["extended"]["action"] == "allow"
    assert result["extended"]["policy"] == f"test-policy@{load_policy().version}"


def test_a_list_of_texts_gives_one_result_each(api: Api) -> None:
    texts = [HARMLESS, f"The {BLOCKED_WORD} is extinct", HARMLESS]
    results = api("POST", "/v1/moderations", json={"input": texts}).json()["results"]
    assert [result["extended"]["action"] for result in results] == ["allow", "block", "allow"]
    assert [result["flagged"] for result in results] == [
        False
    ] * 3  # the wire has no name for protected works
    assert results[1]["extended"]["reason"] == f"rule.{BLOCKED_RULE}"
    assert results[1]["extended"]["categories"][0] == "ip_copyright"


def test_parts_give_one_result_together(api: Api, picture_png: Path) -> None:
    parts = [
        {"type": "text", "text": f"The {BLOCKED_WORD} is extinct"},
        {"type": "image_url", "image_url": {"url": data_url(picture_png)}},
    ]
    (result,) = api("POST", "/v1/moderations", json={"input": parts}).json()["results"]
    assert result["extended"]["action"] == "block"
    assert result["category_applied_input_types"]["sexual"] == ["text", "image"]
    assert result["category_applied_input_types"]["hate"] == ["text"]
    (alone,) = api("POST", "/v1/moderations", json={"input": parts[1:]}).json()["results"]
    assert alone["flagged"] is False
    assert alone["category_applied_input_types"]["sexual"] == ["image"]
    assert list(api.state.installation.paths.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "invalid_value"),
        ([], "invalid_value"),
        (7, "invalid_value"),
        ([HARMLESS, 7], "invalid_value"),
        ([{"type": "audio"}], "invalid_value"),
        ([{"type": "image_url", "image_url": "x"}], "invalid_value"),
        ([HARMLESS] * 33, "invalid_value"),
        ("", "prompt_empty"),
        ("x" * 40_000, "prompt_too_long"),
        ([{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}], "remote_url_refused"),
        ([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}], "remote_url_refused"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}}], "image_unreadable"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}], "media_unreadable"),
    ],
)
def test_input_that_cannot_be_judged(api: Api, value: object, code: str) -> None:
    response = api("POST", "/v1/moderations", json={"input": value})
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert response.json()["error"]["param"] == "input"
    assert "video" not in response.json()["error"]["message"]
    assert list(api.state.installation.paths.uploads.iterdir()) == []


def moving(count: int) -> bytes:
    """A GIF of so many pictures."""
    pictures = [Image.new("RGB", (64, 48), (80 * n, 40, 90)) for n in range(count)]
    out = io.BytesIO()
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=100)
    return out.getvalue()


def test_a_gif_is_taken_if_it_stands_still(api: Api) -> None:
    for count, status in ((1, 200), (3, 400)):
        url = f"data:image/gif;base64,{base64.b64encode(moving(count)).decode()}"
        part = {"type": "image_url", "image_url": {"url": url}}
        response = api("POST", "/v1/moderations", json={"input": [part]})
        assert response.status_code == status, count


def test_a_data_url_may_have_parameters(api: Api, picture_png: Path) -> None:
    url = data_url(picture_png).replace(";base64", ";charset=utf-8;base64")
    part = {"type": "image_url", "image_url": {"url": url}}
    assert api("POST", "/v1/moderations", json={"input": [part]}).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_body_of_another_type_is_refused_as_that(kind: str, api: Api) -> None:
    body = b'{"input": "A lighthouse"}'
    code = api.error("POST", "/v1/moderations", content=body, headers={"content-type": kind})
    assert code == (415, "content_type_unsupported")


def test_work_and_not_waiting_ends_the_reading_of_a_picture(
    api: Api, picture_png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Limits] = []

    def call(target: str, arguments: object, *, limits: Limits, readable: object) -> object:
        given.append(limits)
        raise SandboxError("media_timeout", "Too long.")

    monkeypatch.setattr(sandbox, "call", call)
    part = {"type": "image_url", "image_url": {"url": data_url(picture_png)}}
    assert api.error("POST", "/v1/moderations", json={"input": [part]}) == (400, "media_timeout")
    assert given[0].seconds > 3 * given[0].cpu_seconds


def test_a_body_of_countless_values_is_refused_before_it_is_parsed(api: Api) -> None:
    headers = {"content-type": "application/json"}
    tracemalloc.start()
    refused = api.error(
        "POST", "/v1/moderations", content=b'{"input":[' + b"[]," * 9_000_000 + b"[]]}", headers=headers
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused == (400, "too_many_values")
    assert peak < 128 * 1024**2


def test_a_body_with_pictures_takes_a_place_and_a_text_does_not(api: Api) -> None:
    large = {"input": "x" * (2 * 1024**2)}
    with ExitStack() as held:
        for _ in range(api.state.settings.uploads.concurrent * UPLOADS_PER_EXAMINATION):
            held.enter_context(api.state.upload_slot(address=None))
        assert api.error("POST", "/v1/moderations", json=large) == (503, "busy")
        assert api("POST", "/v1/moderations", json={"input": HARMLESS}).status_code == 200
    assert api.error("POST", "/v1/moderations", json=large) == (400, "prompt_too_long")
