"""A service that is killed in the middle of a job goes on with it when it is started again."""

from __future__ import annotations

import time
from pathlib import Path

from tests.server import Server


def test_killed_and_started_again_it_finishes_the_job(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    try:
        body = {"prompt": "A meadow in the wind", "size": "640x360", "seconds": "2"}
        headers = {"idempotency-key": "once"}
        video = server.request("POST", "/videos", json=body, headers=headers).json()
        deadline = time.monotonic() + 60
        while server.request("GET", f"/videos/{video['id']}").json()["status"] == "queued":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.restart()
        done = server.await_video(video["id"])
        assert done["status"] == "completed", done
        assert server.request("POST", "/videos", json=body, headers=headers).json()["id"] == video["id"]
        assert [found["id"] for found in server.request("GET", "/videos").json()["data"]] == [video["id"]]
        content = server.request("GET", f"/videos/{video['id']}/content")
        assert content.status_code == 200
    finally:
        server.stop()
