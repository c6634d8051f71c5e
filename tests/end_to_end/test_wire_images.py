"""Pictures by the unmodified official Python client over a real socket."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from PIL import Image

from tests.policy import BLOCKED_WORD, HELD_WORD
from tests.server import Server

# The client marks every call of its video resource as deprecated, and variations; they work all the same.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SMALL: dict[str, Any] = {"model": "gpt-image-1", "size": "512x512"}


@pytest.fixture(scope="module")
def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(api_key=server.api_key, base_url=server.base_url, max_retries=0)


@pytest.fixture(scope="module")
def answer(client: openai.OpenAI) -> Any:
    return client.images.generate(prompt="Ein Leuchtturm am Abend", user="u-1", quality="auto", **SMALL)


@pytest.fixture(scope="module")
def png(answer: Any) -> bytes:
    return base64.b64decode(answer.data[0].b64_json)


def verdict_of(server: Server, content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = server.request(
        "POST", "/verifications", files={"file": ("picture", content)}
    ).json()
    return found


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_the_answer_is_the_wires(answer: Any, png: bytes) -> None:
    assert (answer.output_format, answer.size, answer.background) == ("png", "512x512", "opaque")
    assert len(answer.data) == 1
    assert answer.data[0].url is None
    assert answer.data[0].id.startswith("image_")
    picture = opened(png)
    assert (picture.format, picture.size) == ("PNG", (512, 512))


def test_the_picture_is_recognised_with_and_without_its_metadata(server: Server, png: bytes) -> None:
    whole = verdict_of(server, png)
    assert whole["verdict"] == "generated_here"
    claims = {item["type"]: item["claim"] for item in whole["evidence"]}
    assert claims["registry"] == "own_release"
    assert claims["c2pa"] == "declares_ai"
    assert claims["watermark"] == "own_mark_resolved"
    assert claims["fingerprint"] == "fingerprint_match"
    stripped = io.BytesIO()
    opened(png).convert("RGB").resize((400, 400)).save(stripped, "JPEG", quality=80)
    bare = verdict_of(server, stripped.getvalue())
    assert (bare["verdict"], set(bare["basis"])) == ("generated_here", {"watermark", "fingerprint"})
    assert bare["releases"] == whole["releases"]


def test_the_manifest_says_what_the_picture_is(client: openai.OpenAI, server: Server, png: bytes) -> None:
    check = client.content_provenance_checks.create(file=("picture.png", png))
    c2pa: Any = next(result for result in check.results if result.type == "c2pa")
    assert (c2pa.outcome, c2pa.validation_state) == ("detected", "trusted")
    manifest = verdict_of(server, png)["credentials"]["claims"]
    assert manifest["title"].endswith(".png")
    assert [action["action"] for action in manifest["actions"]] == ["c2pa.created", "c2pa.watermarked.bound"]
    assert manifest["digital_source_types"] == [
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    ]
    assert [binding["alg"] for binding in manifest["soft_bindings"]] == [
        "io.github.generation-guard.lattice.1",
        "io.github.generation-guard.vpdq.1",
    ]
    assert manifest["ai_disclosure"]["modelName"] == "test-pictures"


def test_links_open_without_a_key_and_only_as_they_were_made(client: openai.OpenAI) -> None:
    made = client.images.generate(prompt="A meadow", model="sora-2", size="512x512", output_format="jpeg")
    (picture,) = made.data or []
    assert picture.b64_json is None
    assert picture.url is not None
    response = httpx.get(picture.url)
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
    assert opened(response.content).format == "JPEG"
    assert httpx.get(picture.url, headers={"if-none-match": response.headers["etag"]}).status_code == 304
    part = httpx.get(picture.url, headers={"range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, b"\xff\xd8")
    for changed in (picture.url[:-1] + ("0" if picture.url[-1] != "0" else "1"), picture.url + "0"):
        assert httpx.get(changed).status_code == 403
    later = picture.url.replace("expires=", "expires=9")
    assert httpx.get(later).json()["error"]["code"] == "link_expired"
    assert httpx.get(picture.url.partition("?")[0]).status_code == 401


def test_several_pictures_are_several_releases(client: openai.OpenAI, server: Server) -> None:
    made = client.images.generate(prompt="A meadow", n=3, extra_body={"seed": 11}, **SMALL)
    pictures: list[Any] = made.data or []
    assert [picture.seed for picture in pictures] == [11, 12, 13]
    pixels = [np.asarray(opened(base64.b64decode(picture.b64_json))) for picture in pictures]
    assert not np.array_equal(pixels[0], pixels[1])
    assert len({picture.release["id"] for picture in pictures}) == 3
    for picture in pictures:
        assert (
            server.request("GET", f"/releases/{picture.id}", key=None).json()["id"] == picture.release["id"]
        )


def test_compression_is_the_callers(client: openai.OpenAI) -> None:
    sizes = []
    for quality in (100, 60):
        made = client.images.generate(
            prompt="A meadow",
            output_format="webp",
            output_compression=quality,
            extra_body={"seed": 5},
            **SMALL,
        )
        content = base64.b64decode((made.data or [])[0].b64_json or "")
        assert opened(content).format == "WEBP"
        sizes.append(len(content))
    assert sizes[1] < sizes[0] / 2


def test_a_block_is_the_contracts_400(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(prompt=f"The {BLOCKED_WORD} returns", n=2, **SMALL)
    error = caught.value
    assert (error.code, error.type, error.param) == (
        "moderation_blocked", "image_generation_user_error", "prompt",
    )  # fmt: skip
    assert error.response.headers["x-should-retry"] == "false"
    body: Any = error.body
    assert body["moderation"]["categories"][0] == "ip_copyright"


def test_a_hold_is_said_and_once_approved_the_same_request_has_the_picture(
    client: openai.OpenAI, server: Server
) -> None:
    def ask() -> Any:
        return client.images.generate(
            prompt=f"An {HELD_WORD} at night", extra_headers={"idempotency-key": "held-picture"}, **SMALL
        )

    for _ in range(2):
        with pytest.raises(openai.BadRequestError) as caught:
            ask()
        assert caught.value.code == "pending_review"
    body: Any = caught.value.body
    (image_id,) = body["images"]
    assert body["moderation"]["state"] == "pending_review"
    assert server.request("GET", f"/images/{image_id}/content").status_code == 404
    assert server.request("GET", f"/images/{image_id}").json()["status"] == "in_progress"
    reviews = server.request("GET", "/reviews?limit=100").json()["data"]
    (review,) = [found for found in reviews if found["video_id"] == image_id]
    assert server.request("POST", f"/reviews/{review['id']}/approve").status_code == 200
    (picture,) = ask().data
    assert picture.id == image_id
    assert opened(base64.b64decode(picture.b64_json)).size == (512, 512)


def test_a_rejection_is_a_block(client: openai.OpenAI, server: Server) -> None:
    headers = {"idempotency-key": "rejected-picture"}
    codes = []
    for _ in range(2):
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.generate(prompt=f"An {HELD_WORD} by day", extra_headers=headers, **SMALL)
        codes.append(caught.value.code)
        reviews = server.request("GET", "/reviews?limit=100").json()["data"]
        for review in reviews:
            if review["video_id"] in caught.value.body["images"]:  # type: ignore[index]
                server.request("POST", f"/reviews/{review['id']}/reject")
    assert codes == ["pending_review", "moderation_blocked"]


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": "nobodys-model"}, "model_not_found", "model"),
        ({"size": "333x333"}, "size_unsupported", "size"),
        ({"prompt": ""}, "prompt_empty", "prompt"),
        ({"n": 0}, "invalid_value", "n"),
        ({"n": 11}, "invalid_value", "n"),
        ({"quality": "high"}, "invalid_value", "quality"),
        ({"background": "transparent"}, "invalid_value", "background"),
        ({"moderation": "low"}, "invalid_value", "moderation"),
        ({"style": "vivid"}, "invalid_value", "style"),
        ({"output_format": "gif"}, "invalid_value", "output_format"),
        ({"output_compression": 50}, "invalid_value", "output_compression"),
        ({"response_format": "svg"}, "invalid_value", "response_format"),
        ({"stream": True}, "invalid_value", "stream"),
        ({"partial_images": 2}, "invalid_value", "partial_images"),
        ({"extra_body": {"guidance": 3}}, "unknown_parameter", None),
    ],
)
def test_what_is_not_done_is_refused_by_name(
    client: openai.OpenAI, change: dict[str, Any], code: str, param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(**{"prompt": "A meadow", **SMALL, **change})
    assert (caught.value.code, caught.value.param) == (code, param)


def test_edits_and_variations_are_not_offered(client: openai.OpenAI, png: bytes) -> None:
    for call in (
        lambda: client.images.edit(image=("a.png", png), prompt="x"),
        lambda: client.images.create_variation(image=("a.png", png)),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            call()
        assert caught.value.code == "not_supported"


def test_models_say_what_they_make(client: openai.OpenAI) -> None:
    (model,) = client.models.list().data
    found: Any = model
    assert (found.id, found.object, found.makes) == ("guard-scenes-1", "model", ["videos", "images"])
    assert "512x512" in found.sizes
    assert client.models.retrieve("sora-2").id == "guard-scenes-1"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobodys-model")
    assert caught.value.code == "model_not_found"


def test_pictures_are_no_videos(client: openai.OpenAI, answer: Any, server: Server) -> None:
    image_id = answer.data[0].id
    assert all(video.id.startswith("video_") for video in client.videos.list(limit=100))
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(image_id)
    found = server.request("GET", f"/images/{image_id}").json()
    assert (found["object"], found["status"], found["prompt"]) == (
        "image", "completed", "Ein Leuchtturm am Abend",
    )  # fmt: skip


def test_a_revoked_picture_is_withdrawn_and_not_released_again(client: openai.OpenAI, server: Server) -> None:
    asked: dict[str, Any] = {
        "prompt": "A hill",
        "extra_body": {"seed": 77},
        "response_format": "url",
        **SMALL,
    }
    (picture,) = client.images.generate(**asked).data or []
    content = httpx.get(str(picture.url)).content
    revoked = server.request("POST", f"/releases/{picture.id}/revoke", json={"reason": "test"})  # type: ignore[attr-defined]
    assert revoked.status_code == 200
    assert httpx.get(str(picture.url)).status_code == 410
    assert verdict_of(server, content)["revoked"] is True
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(**asked)
    assert caught.value.code == "revoked_content"


def test_a_deleted_picture_is_gone_and_still_recognised(client: openai.OpenAI, server: Server) -> None:
    (picture,) = client.images.generate(prompt="A lake", response_format="url", **SMALL).data or []
    found: Any = picture
    content = httpx.get(found.url).content
    assert server.request("DELETE", f"/images/{found.id}").json() == {
        "id": found.id, "object": "image.deleted", "deleted": True,
    }  # fmt: skip
    assert httpx.get(found.url).status_code == 404
    assert server.request("GET", f"/images/{found.id}").status_code == 404
    assert verdict_of(server, content)["verdict"] == "generated_here"
