"""What is open to everybody: health, numbers, the log's head and key, anchors."""

from __future__ import annotations

import json

from guard.ledger import VerifyKey, open_checkpoint
from tests.integration.api.conftest import Api
from tests.policy import BLOCKED_WORD


def test_alive_and_ready(api: Api) -> None:
    assert api("GET", "/healthz", key=None).json()["status"] == "ok"
    response = api("GET", "/readyz", key=None)
    checks = response.json()["checks"]
    assert response.status_code == 200
    assert set(checks) == {
        "database",
        "objects",
        "pictures",
        "signer",
        "sandbox",
        "worker",
        "models",
        "examiners",
        "disk",
    }
    assert checks["examiners"]["examiners"] == {
        "faces": "model_missing",
        "written": "model_missing",
        "hash-lists": "not_configured",
        "spoken": "not_configured",
    }
    assert (
        checks["examiners"]["status"] == "warning"
    )  # they are switched on, and their weights were not fetched
    assert checks["worker"] == {"status": "ok", "worker": "elsewhere"}
    assert checks["signer"]["days_left"] > 300


def test_not_ready_without_the_database(api: Api) -> None:
    folder = api.state.installation.paths.data
    moved = folder / "elsewhere.db"
    api.state.services.database.close()
    (folder / "guard.db").rename(moved)
    try:
        response = api("GET", "/readyz", key=None)
        assert response.status_code == 503
        assert response.json()["checks"]["database"]["status"] == "failed"
        refused = api("GET", "/v1/videos")
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "database_unavailable"
        assert refused.headers["retry-after"] == "5"
        assert api("GET", "/healthz", key=None).status_code == 200
        assert api("GET", "/metrics", key=None).status_code == 200
    finally:
        api.state.services.database.close()
        for left in folder.glob("guard.db*"):
            left.unlink()
        moved.rename(folder / "guard.db")
    assert api("GET", "/v1/videos").status_code == 200


def test_numbers(api: Api) -> None:
    api("POST", "/v1/videos", json={"prompt": "A lighthouse", "size": "640x360"})
    api("POST", "/v1/videos", json={"prompt": f"A {BLOCKED_WORD}", "size": "640x360"})
    text = api("GET", "/metrics", key=None).text
    assert 'guard_videos{status="queued"} 1.0' in text
    assert 'guard_decisions_total{action="block",stage="prompt"} 1.0' in text.replace(
        'stage="prompt",action="block"', 'action="block",stage="prompt"'
    )
    assert "guard_certificate_days_left 36" in text
    assert 'route="/v1/videos",status="400"' in text
    assert "lighthouse" not in text


def test_log_and_anchor(api: Api) -> None:
    key = VerifyKey.parse(api("GET", "/v1/log/key", key=None).text)
    note = api("GET", "/v1/log/checkpoint", key=None)
    assert note.headers["content-type"].startswith("text/plain")
    assert open_checkpoint(note.text, key).size >= 1
    anchor = api("GET", "/v1/ca.pem", key=None)
    assert "BEGIN CERTIFICATE" in anchor.text
    assert "PRIVATE" not in anchor.text


def test_the_description_loads_nothing_from_elsewhere(api: Api) -> None:
    paths = api("GET", "/openapi.json", key=None).json()["paths"]
    assert {"/v1/videos", "/v1/videos/{video_id}/content", "/v1/verifications"} <= set(paths)
    assert api("GET", "/docs", key=None).status_code == 404


def test_the_description_is_of_this_interface(api: Api) -> None:
    found = api("GET", "/openapi.json", key=None).json()
    assert found["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    assert "HTTPValidationError" not in json.dumps(found)
    operations = {
        (method, path): operation
        for path, item in found["paths"].items()
        for method, operation in item.items()
    }
    assert not [at for at in operations if at[0] == "head"]
    for (method, path), operation in operations.items():
        if not path.startswith("/v1/"):
            continue
        assert "422" not in operation["responses"], path
        error = operation["responses"]["default"]["content"]["application/json"]["schema"]
        assert error["properties"]["error"]["required"] == ["message", "type", "param", "code"]
        if method == "get" and "{" not in path:
            open_to_all = api("GET", path, key=None).status_code != 401
            assert ({} in operation["security"]) is open_to_all, path
        if method == "post" and not path.endswith(("/edits", "/variations", "/extensions", "/characters")):
            assert operation["requestBody"]["content"], path
    create = operations["post", "/v1/videos"]["requestBody"]["content"]
    assert set(create) == {"application/json", "multipart/form-data"}
    assert create["application/json"]["schema"]["required"] == ["prompt"]
    assert operations["post", "/v1/videos"]["security"] == [{"bearer": []}]
    pictures = operations["post", "/v1/images/generations"]["requestBody"]["content"]
    assert set(pictures) == {"application/json"}
    assert pictures["application/json"]["schema"]["required"] == ["prompt"]
    assert operations["post", "/v1/verifications"]["security"] == [{}, {"bearer": []}]
    picture = operations["get", "/v1/videos/{video_id}/content"]["responses"]["200"]["content"]
    assert set(picture) == {"video/mp4", "image/webp", "image/jpeg"}


def test_what_can_be_got_has_a_head(api: Api) -> None:
    for path in ("/v1/videos", "/verify", "/healthz", "/v1/ca.pem"):
        found, head = api("GET", path), api("HEAD", path)
        assert (head.status_code, head.headers["content-type"]) == (200, found.headers["content-type"])


def test_a_refused_method_is_told_all_others(api: Api) -> None:
    video = api("POST", "/v1/videos", json={"prompt": "A lighthouse", "size": "640x360"}).json()["id"]
    for method, path, allowed in (
        ("PUT", "/v1/videos", "GET, HEAD, POST"),
        ("PATCH", f"/v1/videos/{video}", "GET, HEAD, DELETE"),
        ("DELETE", "/v1/moderations", "POST"),
        ("PUT", "/verify", "GET, HEAD, POST"),
    ):
        response = api(method, path)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)
