"""The service driven by the unmodified official Python client over a real socket."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import c2pa
import openai
import pytest

from guard.media import probe
from tests.policy import BLOCKED_WORD, HELD_WORD
from tests.server import Server

# The client marks every call of its video resource as deprecated; it works all the same.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SMALL: dict[str, Any] = {"seconds": "2", "size": "640x360"}


@pytest.fixture(scope="module")
def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(api_key=server.api_key, base_url=server.base_url, max_retries=0)


@pytest.fixture(scope="module")
def video(client: openai.OpenAI) -> Any:
    return client.videos.create_and_poll(model="sora-2", prompt="Ein Leuchtturm am Abend", **SMALL)


def test_create_and_poll(video: Any) -> None:
    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert (video.seconds, video.size, video.prompt) == ("2", "640x360", "Ein Leuchtturm am Abend")
    assert video.completed_at >= video.created_at
    assert video.release["id"].startswith("release_")


def test_retrieve(client: openai.OpenAI, video: Any) -> None:
    again = client.videos.retrieve(video.id)
    assert again == video


def test_download(client: openai.OpenAI, video: Any, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    client.videos.download_content(video.id).write_to_file(path)
    info = probe(path)
    assert (info.width, info.height, info.codec) == (640, 360, "h264")
    assert client.videos.download_content(video.id, variant="thumbnail").content[8:12] == b"WEBP"
    assert client.videos.download_content(video.id, variant="spritesheet").content[:3] == b"\xff\xd8\xff"


def test_provenance_check(client: openai.OpenAI, video: Any) -> None:
    clip = client.videos.download_content(video.id).content
    check = client.content_provenance_checks.create(file=("clip.mp4", clip))
    found = {result.type: result for result in check.results}
    c2pa: Any = found["c2pa"]
    assert (c2pa.outcome, c2pa.validation_state) == ("detected", "trusted")
    assert c2pa.issuer
    assert "test-pictures" in c2pa.model
    for kind in ("registry", "watermark", "fingerprint"):
        assert found[kind].outcome == "detected"  # type: ignore[index]
    assert check.verdict == "generated_here"  # type: ignore[attr-defined]


def test_list_pages(client: openai.OpenAI, video: Any) -> None:
    more = [client.videos.create(prompt=f"An {HELD_WORD}, number {i}", **SMALL).id for i in range(3)]
    listed = [found.id for found in client.videos.list(limit=2)]
    assert listed[: len(more)] == more[::-1]
    assert video.id in listed
    assert [found.id for found in client.videos.list(limit=2, order="asc")] == listed[::-1]


def test_a_hold_looks_like_work_in_progress(client: openai.OpenAI) -> None:
    held = client.videos.create(prompt=f"An {HELD_WORD} at night", **SMALL)
    assert held.status == "in_progress"
    assert held.moderation["state"] == "pending_review"  # type: ignore[attr-defined]


def test_remix_and_delete(client: openai.OpenAI, video: Any) -> None:
    remixed = client.videos.remix(video.id, prompt="The same lighthouse by day")
    assert (remixed.remixed_from_video_id, remixed.size) == (video.id, "640x360")
    done = client.videos.poll(remixed.id)
    assert done.status == "completed"
    sources = {}
    for clip in (video, done):
        with c2pa.Reader("video/mp4", io.BytesIO(client.videos.download_content(clip.id).read())) as reader:
            sources[clip.id] = reader.get_active_manifest()
    (ingredient,) = sources[done.id]["ingredients"]
    assert ingredient["relationship"] == "inputTo"
    assert ingredient["active_manifest"] == sources[video.id]["label"]
    deleted = client.videos.delete(remixed.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (remixed.id, True, "video.deleted")
    for call in (client.videos.retrieve, client.videos.download_content):
        with pytest.raises(openai.NotFoundError):
            call(remixed.id)


def test_a_blocked_prompt(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.with_options(max_retries=2).videos.create(prompt=f"A {BLOCKED_WORD} on the moon", **SMALL)
    error = caught.value
    assert (error.code, error.type, error.param) == ("moderation_blocked", "invalid_request_error", "prompt")
    assert error.request_id is not None
    assert error.request_id in str(error)
    assert error.response.headers["x-should-retry"] == "false"
    body: Any = error.body
    assert body["moderation"]["categories"][0] == "ip_copyright"
    assert body["moderation"]["decision_id"].startswith("decision_")


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": "nobodys-model"}, "model_not_found", "model"),
        ({"size": "333x333"}, "size_unsupported", "size"),
        ({"seconds": 5}, "seconds_unsupported", "seconds"),
        ({"prompt": ""}, "prompt_empty", "prompt"),
    ],
)
def test_errors_are_the_clients_own(
    client: openai.OpenAI, change: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.videos.create(**{"prompt": "A meadow", **SMALL, **change})
    assert (caught.value.code, caught.value.param) == (code, param)


def test_what_is_not_offered(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.videos.edit(prompt="x", video=("a.mp4", b"x"))
    assert caught.value.code == "not_supported"


def test_a_wrong_key(server: Server) -> None:
    stranger = openai.OpenAI(api_key="gk_wrong", base_url=server.base_url, max_retries=0)
    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.videos.list()
    assert caught.value.code == "invalid_api_key"


def test_moderations(client: openai.OpenAI, picture_png: Path) -> None:
    answer = client.moderations.create(input=["A meadow", f"The {BLOCKED_WORD}"])
    actions = [result.extended["action"] for result in answer.results]  # type: ignore[attr-defined]
    assert actions == ["allow", "block"]
    assert answer.results[0].categories.sexual_minors is False
    assert 0 <= answer.results[0].category_scores.violence <= 1
    url = f"data:image/png;base64,{base64.b64encode(picture_png.read_bytes()).decode()}"
    parts: Any = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "A meadow"}]
    (together,) = client.moderations.create(input=parts).results
    assert together.category_applied_input_types.sexual == ["text", "image"]
