"""Two models of diffusers at once, each a real class with random weights: a request's `model` chooses."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from guard.app import create_app
from guard.bootstrap import first_key
from guard.settings import DiffusersBackend
from tests import tiny_pictures, tiny_pipelines
from tests.integration.api.conftest import Api
from tests.serve_stub import stub_settings

PROMPT = "a red ball rolls over green grass"


def _backend(model: str, path: Path, **more: Any) -> DiffusersBackend:
    values = {"dtype": "float32", "device": "cpu", "licence": "test", "fps": 8, **more}
    return DiffusersBackend(backend="diffusers", model=model, path=str(path), **values)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    root = tmp_path_factory.mktemp("models")
    backends = (
        _backend(
            "wan", tiny_pipelines.save(tiny_pipelines.wan, root / "wan"), sizes=("832x480",), seconds=(5,)
        ),
        _backend(
            "cog",
            tiny_pipelines.save(tiny_pipelines.cogvideox, root / "cog"),
            sizes=("720x480",),
            seconds=(6,),
        ),
        _backend(
            "moving",
            tiny_pipelines.save(tiny_pipelines.wan_from_picture, root / "moving"),
            sizes=("832x480",),
            seconds=(5,),
        ),
        _backend(
            "sdxl", tiny_pipelines.save(tiny_pictures.sdxl, root / "sdxl"), sizes=("1024x1024",), seconds=()
        ),
    )
    data = root / "data"
    data.mkdir()
    with (data / "worker.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = stub_settings(data, generators=backends, model_aliases={"sora-2": "cog", "old": "gone"})
        with TestClient(create_app(settings)) as client:
            key = first_key(client.app.state.guard.installation)  # type: ignore[attr-defined]
            assert key is not None
            yield Api(client, key)


@pytest.mark.parametrize(
    ("asked", "model", "size", "seconds"),
    [
        ({}, "wan", "832x480", "5"),
        ({"model": "wan"}, "wan", "832x480", "5"),
        ({"model": "cog"}, "cog", "720x480", "6"),
        ({"model": "sora-2", "size": "720x480", "seconds": 6}, "cog", "720x480", "6"),
    ],
)
def test_the_request_names_the_model(
    models: Api, asked: dict[str, Any], model: str, size: str, seconds: str
) -> None:
    video = models("POST", "/v1/videos", json={"prompt": PROMPT, **asked}).json()
    assert (video["model"], video["size"], video["seconds"]) == (model, size, seconds)


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"model": "veo"}, "model_not_found", "model"),
        ({"model": "old"}, "model_not_found", "model"),
        ({"model": "wan", "size": "720x480"}, "size_unsupported", "size"),
        ({"model": "cog", "size": "832x480"}, "size_unsupported", "size"),
        ({"model": "cog", "seconds": "5"}, "seconds_unsupported", "seconds"),
        ({"model": "sdxl"}, "model_unsupported", "model"),
        ({"model": "moving"}, "reference_required", "input_reference"),
    ],
)
def test_what_a_model_does_not_make_is_the_clients_error(
    models: Api, asked: dict[str, Any], code: str, param: str
) -> None:
    response = models("POST", "/v1/videos", json={"prompt": PROMPT, **asked})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)
    assert error["type"] == "invalid_request_error"
    if code == "model_not_found":
        assert "use one of cog, moving, sdxl, sora-2, wan" in error["message"]


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"model": "wan"}, "model_unsupported", "model"),
        ({"model": "sdxl", "size": "512x512"}, "size_unsupported", "size"),
        ({"size": "512x512"}, "size_unsupported", "size"),  # of the one model that makes pictures
    ],
)
def test_pictures_come_from_what_makes_pictures(
    models: Api, asked: dict[str, Any], code: str, param: str
) -> None:
    response = models("POST", "/v1/images/generations", json={"prompt": PROMPT, **asked})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)


def test_the_list_says_what_each_makes(models: Api) -> None:
    listed = {model["id"]: model for model in models("GET", "/v1/models").json()["data"]}
    assert {name: model["makes"] for name, model in listed.items()} == {
        "wan": ["videos"], "cog": ["videos"], "moving": ["videos"], "sdxl": ["images"],
    }  # fmt: skip
    assert listed["moving"]["input_reference"] == "required"
    assert listed["cog"]["aliases"] == ["sora-2"]
    assert models("GET", "/v1/models/sora-2").json() == listed["cog"]
    assert models.error("GET", "/v1/models/old") == (404, "model_not_found")
