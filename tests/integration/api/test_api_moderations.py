from __future__ import annotations

import base64
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import pytest

from guard.api.state import UPLOADS_PER_EXAMINATION
from policies import OPENAI_CATEGORIES
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
    assert result["extended"]["policy"] == "test-policy@1"


def test_a_list_of_texts_gives_one_result_each(api: Api) -> None:
    texts = [HARMLESS, f"The {BLOCKED_WORD} is extinct", HARMLESS]
    results = api("POST", "/v1/moderations", json={"input": texts}).json()["results"]
    assert [result["flagged"] for result in results] == [False, True, False]
    assert results[1]["extended"]["reason"] == f"rule.{BLOCKED_RULE}"
    assert results[1]["extended"]["categories"] == ["ip_copyright"]


def test_parts_give_one_result_together(api: Api, picture_png: Path) -> None:
    parts = [
        {"type": "text", "text": f"The {BLOCKED_WORD} is extinct"},
        {"type": "image_url", "image_url": {"url": data_url(picture_png)}},
    ]
    (result,) = api("POST", "/v1/moderations", json={"input": parts}).json()["results"]
    assert result["flagged"] is True
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
    assert list(api.state.installation.paths.uploads.iterdir()) == []


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
