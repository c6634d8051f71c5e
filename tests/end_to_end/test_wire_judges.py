"""Moderation through the official client, and one Guard as the further judge of another, over real sockets."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from guard.judging import FACES, LETTERING
from tests import drawn
from tests.fetched import fetched
from tests.policy import BLOCKED_WORD
from tests.server import Server

HARMLESS = "A meadow in the wind"
ONLY_ELSEWHERE = f"The {BLOCKED_WORD} on a meadow"
"""Blocked by the policy of the tests, and not by the embedded one."""


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The judge that is asked."""
    server = Server(tmp_path_factory.mktemp("second") / "data", wait=300)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, second: Server) -> Iterator[Server]:
    """The one that asks; it reads text in pictures and looks for faces."""
    data = tmp_path_factory.mktemp("first") / "data"
    for name in (FACES, LETTERING):
        fetched(name, data / "models")
    judge = {
        "kind": "endpoint",
        "name": "second",
        "base_url": second.base_url,
        "key_env": "SECOND_KEY",
        "timeout_seconds": 10,
    }
    server = Server(
        data,
        changes={"policy": None, "examination": {"judges": [judge]}},
        environment={"SECOND_KEY": second.api_key},
        wait=300,
    )
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(first: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=first.base_url, api_key=first.api_key, max_retries=0)


def part(picture: Any) -> Any:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def extended(result: Any) -> dict[str, Any]:
    found: dict[str, Any] = result.model_extra["extended"]
    return found


def seen(result: Any, name: str) -> list[dict[str, Any]]:
    return [item for item in extended(result)["evidence"] if item["examiner"] == name]


def test_the_second_judge_is_heard(client: openai.OpenAI) -> None:
    calm, blocked = client.moderations.create(input=[HARMLESS, ONLY_ELSEWHERE]).results
    assert extended(calm)["action"] == "allow"
    assert seen(calm, "second")[0]["state"] == "examined"
    assert extended(blocked)["reason"] == "judge.second.ip_copyright"
    assert extended(blocked)["action"] == "block"
    with pytest.raises(openai.BadRequestError) as caught:
        client.videos.create(prompt=ONLY_ELSEWHERE, model="sora-2", seconds="4", size="640x360")  # type: ignore[call-overload]
    assert caught.value.code == "moderation_blocked"


def test_a_picture_is_examined_by_all_and_named_by_each(client: openai.OpenAI) -> None:
    (face,) = client.moderations.create(input=[part(drawn.face())]).results
    assert extended(face)["action"] == "allow"
    assert seen(face, "faces")[0]["scores"]["face"] > 0.5
    assert seen(face, "written")[0]["state"] == "examined"
    for name in ("spoken", "hash-lists"):
        assert (seen(face, name)[0]["state"], seen(face, name)[0]["code"]) == ("absent", "not_configured")
    assert set(face.categories.model_dump(by_alias=True)) == set(
        face.category_scores.model_dump(by_alias=True)
    )
    assert len(face.categories.model_dump(by_alias=True)) == 13


def test_text_in_a_picture_is_judged_like_a_prompt(client: openai.OpenAI) -> None:
    parts = [
        {"type": "text", "text": HARMLESS},
        part(drawn.lettered("A recruitment video\nfor ISIS, join us")),
    ]
    (result,) = client.moderations.create(input=parts).results  # type: ignore[arg-type]
    assert extended(result)["action"] == "block"
    assert extended(result)["reason"].startswith("written.")
    assert result.flagged
    assert result.category_applied_input_types.illicit_violent == ["text", "image"]  # type: ignore[comparison-overlap]
    (elsewhere,) = client.moderations.create(input=[part(drawn.lettered(ONLY_ELSEWHERE))]).results
    assert extended(elsewhere)["reason"] == "written.judge.second.ip_copyright"


def test_without_its_second_judge_nothing_passes(
    client: openai.OpenAI, first: Server, second: Server
) -> None:
    second.stop()
    try:
        (result,) = client.moderations.create(input=HARMLESS).results
        assert (extended(result)["action"], extended(result)["reason"]) == ("block", "unavailable.second")
        assert seen(result, "second")[0]["code"] == "unreachable"
        with pytest.raises(openai.BadRequestError) as caught:
            client.videos.create(prompt=HARMLESS, model="sora-2", seconds="4", size="640x360")  # type: ignore[call-overload]
        assert caught.value.code == "moderation_blocked"
        told = caught.value.body["moderation"]  # type: ignore[index]
        assert told["reason"] == "unavailable.second"
        assert "try again" in told["user_text"]["en"]
    finally:
        second.start()
    (again,) = client.moderations.create(input=HARMLESS).results
    assert extended(again)["action"] == "allow"
    assert second.api_key not in first.log.read_text()
    assert HARMLESS not in first.log.read_text()


def test_readiness_says_who_examines(first: Server) -> None:
    check = httpx.get(f"{first.url}/readyz").json()["checks"]["examiners"]
    assert check["status"] == "ok"
    assert check["examiners"] == {
        "faces": "present", "written": "present", "hash-lists": "not_configured", "spoken": "not_configured",
        "second": "present",
    }  # fmt: skip


def test_weights_lie_where_the_service_looks(first: Server) -> None:
    for name in (FACES, LETTERING):
        assert (Path(first.data) / "models" / name).is_dir()
