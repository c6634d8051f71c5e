"""What is open to everybody: health, numbers, the log's head and key, anchors."""

from __future__ import annotations

from guard.ledger import VerifyKey, open_checkpoint
from tests.integration.api.conftest import Api
from tests.policy import BLOCKED_WORD


def test_alive_and_ready(api: Api) -> None:
    assert api("GET", "/healthz", key=None).json()["status"] == "ok"
    response = api("GET", "/readyz", key=None)
    checks = response.json()["checks"]
    assert response.status_code == 200
    assert set(checks) == {"database", "objects", "signer", "sandbox", "worker", "models", "disk"}
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
