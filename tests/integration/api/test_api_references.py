"""`input_reference` on the wire: as a file or a data URL, never fetched, part of what makes a request the same."""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from guard.api.pictures import MOST_BYTES
from guard.app import create_app
from guard.bootstrap import first_key
from guard.installation import Installation, open_installation
from guard.judging import FACES
from guard.settings import Settings
from policies import Examiner, Judge
from policies.faces import FaceFinder
from tests import drawn, media
from tests.fetched import fetched
from tests.integration.api.conftest import Api
from tests.serve_stub import stub_settings
from tests.stub_generator import ReferenceGenerator

SMALL = {"prompt": "Ein roter Ball rollt über grünes Gras.", "size": "640x360", "seconds": "2"}


def _open(settings: Settings) -> Installation:
    opened = open_installation(settings)
    services = dataclasses.replace(opened.services, generators={"guard-scenes-1": ReferenceGenerator})
    return dataclasses.replace(opened, services=services)


@pytest.fixture(scope="module")
def taking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    data = tmp_path_factory.mktemp("references") / "data"
    data.mkdir()
    with (data / "worker.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with TestClient(create_app(stub_settings(data), opener=_open)) as client:
            key = first_key(client.app.state.guard.installation)  # type: ignore[attr-defined]
            assert key is not None
            yield Api(client, key)


def _png(seed: int, *, height: int = 360, width: int = 640) -> bytes:
    file = io.BytesIO()
    Image.fromarray((media.texture(height, width, seed) * 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def picture() -> bytes:
    found = _png(1)
    assert len(found) > 256 * 1024, "larger than an ordinary field may be"
    return found


def _url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _as_file(data: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {name: (None, value) for name, value in SMALL.items()}
    return {"files": fields | {"input_reference": ("ref.png", data, "image/png")}}


def _as_bracket(data: bytes) -> dict[str, Any]:
    fields = {**SMALL, "input_reference[image_url]": _url(data)}
    return {"files": {name: (None, value) for name, value in fields.items()}}


def _as_json(data: bytes) -> dict[str, Any]:
    return {"json": {**SMALL, "input_reference": {"image_url": _url(data)}}}


def _left(api: Api) -> list[str]:
    return [path.name for path in api.state.installation.paths.uploads.iterdir()]


@pytest.mark.parametrize("form", [_as_file, _as_bracket, _as_json])
def test_a_reference_is_kept_beside_the_job_and_nowhere_else(taking: Api, form: Any, picture: bytes) -> None:
    video = taking("POST", "/v1/videos", **form(picture)).json()
    assert video["status"] == "queued", video
    folder = taking.state.installation.paths.work / video["id"]
    assert (folder / "reference").read_bytes() == picture
    assert Image.open(folder / "reference.png").size == (640, 360)
    assert _left(taking) == []


def test_the_same_picture_is_the_same_request_however_it_is_sent(taking: Api, picture: bytes) -> None:
    headers = {"idempotency-key": "one picture"}
    first = taking("POST", "/v1/videos", headers=headers, **_as_file(picture)).json()
    again = taking("POST", "/v1/videos", headers=headers, **_as_json(picture)).json()
    assert first["id"] == again["id"]
    for other in (_as_file(_png(2)), {"json": SMALL}):
        error = taking.error("POST", "/v1/videos", headers=headers, **other)
        assert error == (409, "idempotency_mismatch")
    retried = {"x-stainless-retry-count": "1"}
    another = taking("POST", "/v1/videos", headers=retried, **_as_file(_png(3))).json()
    assert another["id"] != first["id"]
    assert taking("POST", "/v1/videos", headers=retried, **_as_file(_png(3))).json()["id"] == another["id"]


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        ({"image_url": "https://example.org/a.png"}, 400, "remote_url_refused"),
        ({"image_url": "file:///etc/passwd"}, 400, "remote_url_refused"),
        ({"image_url": "data:image/png;base64,%%%"}, 400, "image_unreadable"),
        ({"image_url": "data:image/png;base64,AAAA"}, 400, "media_unreadable"),
        ({"file_id": "file-1"}, 400, "invalid_type"),
        ({"image_url": "data:image/png;base64,AAAA", "file_id": "file-1"}, 400, "invalid_type"),
        ("data:image/png;base64,AAAA", 400, "invalid_type"),
    ],
)
def test_what_is_no_reference_makes_no_job(taking: Api, reference: Any, status: int, code: str) -> None:
    before = sorted(path.name for path in taking.state.installation.paths.work.iterdir())
    response = taking("POST", "/v1/videos", json={**SMALL, "input_reference": reference})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, "input_reference")
    assert sorted(path.name for path in taking.state.installation.paths.work.iterdir()) == before
    assert _left(taking) == []


def test_a_picture_may_have_20_mib_and_no_more(taking: Api) -> None:
    large = b"\x89PNG\r\n\x1a\n" + bytes(MOST_BYTES)
    for form, code in ((_as_file, "upload_too_large"), (_as_json, "image_too_large")):
        assert taking.error("POST", "/v1/videos", **form(large)) == (413, code)
    assert _left(taking) == []


def test_other_fields_stay_small(taking: Api) -> None:
    fields = {**SMALL, "metadata[note]": "x" * 300_000}
    error = taking.error("POST", "/v1/videos", files={name: (None, value) for name, value in fields.items()})
    assert error == (413, "field_too_large")


def test_a_blocked_prompt_is_blocked_before_its_picture_is_read(taking: Api, picture: bytes) -> None:
    from tests.policy import BLOCKED_WORD

    body = {**SMALL, "prompt": BLOCKED_WORD, "input_reference": {"image_url": _url(picture)}}
    assert taking.error("POST", "/v1/videos", json=body) == (400, "moderation_blocked")
    assert _left(taking) == []


def test_a_model_that_takes_none_refuses_file_and_data_url(api: Api, picture: bytes) -> None:
    for form in (_as_file, _as_bracket, _as_json):
        assert api.error("POST", "/v1/videos", **form(picture)) == (400, "reference_unsupported")


def _with(form: Any, data: bytes, **changed: Any) -> dict[str, Any]:
    """The form with other fields."""
    sent = form(data)
    for name, value in changed.items():
        if "json" in sent:
            sent["json"][name] = value
        else:
            sent["files"][name] = (None, str(value).lower() if isinstance(value, bool) else value)
    return sent


@pytest.mark.parametrize("form", [_as_file, _as_bracket, _as_json])
@pytest.mark.parametrize("prompt", ["She dances in lingerie", "Sie tanzt nackt im Regen"])
def test_a_real_persons_picture_and_a_sexual_prompt_are_blocked_by_the_floor(
    taking: Api, form: Any, prompt: str, picture: bytes
) -> None:
    before = sorted(path.name for path in taking.state.installation.paths.work.iterdir())
    sent = _with(form, picture, prompt=prompt, reference_is_person=True)
    response = taking("POST", "/v1/videos", **sent)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "moderation_blocked")
    moderation = response.json()["error"]["moderation"]
    assert moderation["reason"] == "rule.floor.intimate.reference"
    assert sorted(path.name for path in taking.state.installation.paths.work.iterdir()) == before


def _picture(of: drawn.Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(of).save(file, "PNG")
    return file.getvalue()


def test_a_face_in_the_picture_counts_as_a_person(taking: Api, tmp_path: Path) -> None:
    empty = np.full((450, 800, 3), 140, np.uint8)
    face = empty.copy()
    face[25:425, 200:600] = drawn.face()
    prompt, reasons = "She dances in lingerie", []
    state = taking.state
    original = state.installation
    finder = FaceFinder(fetched(FACES, tmp_path))
    judge = Judge.default(original.paths.data.parent / "test-policy.yaml")
    try:
        examiner = Examiner(judge, faces=finder)
        services = dataclasses.replace(original.services, make_judge=lambda: examiner)
        object.__setattr__(state, "installation", dataclasses.replace(original, services=services))
        for shown in (face, empty):
            answer = taking("POST", "/v1/videos", **_with(_as_json, _picture(shown), prompt=prompt)).json()
            reasons.append(answer["error"]["moderation"]["reason"] if "error" in answer else answer["status"])
    finally:
        object.__setattr__(state, "installation", original)
    assert reasons[0] == "rule.floor.intimate.reference"
    assert "reference" not in reasons[1], "nobody is in that picture"


@pytest.mark.parametrize("form", [_as_file, _as_bracket, _as_json])
def test_a_picture_in_which_nobody_looked_counts_as_a_persons(taking: Api, form: Any, picture: bytes) -> None:
    assert taking.state.services.judge.shows_face(drawn.face()) is None
    response = taking("POST", "/v1/videos", **_with(form, picture, prompt="She dances in lingerie"))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "moderation_blocked")
    moderation = response.json()["error"]["moderation"]
    assert moderation["reason"] == "rule.floor.intimate.reference_unexamined"


def test_whether_it_is_a_person_is_true_or_false(taking: Api, picture: bytes) -> None:
    for wrong in ("perhaps", 1, [True]):
        sent = _with(_as_json, picture, reference_is_person=wrong)
        assert taking.error("POST", "/v1/videos", **sent) == (400, "invalid_type")
