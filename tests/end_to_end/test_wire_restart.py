"""A service that is killed in the middle of a job goes on with it when it is started again."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai

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


def test_a_client_whose_service_dies_in_the_middle_of_a_picture_gets_it_from_the_next_one(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path / "data")
    client = openai.OpenAI(api_key=server.api_key, base_url=server.base_url, max_retries=12)
    try:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(
                client.images.generate, model="gpt-image-1", prompt="A meadow in the wind", size="512x512"
            )
            deadline = time.monotonic() + 60
            while not list((server.data / "work").glob("image_*/raw.json")):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            server.kill()
            assert not list((server.data / "objects").rglob("image_*"))
            server.start()
            answer = asked.result(timeout=150)
        (picture,) = answer.data or []
        verdict = server.request(
            "POST", "/verifications", files={"file": base64.b64decode(picture.b64_json or "")}
        ).json()
        assert verdict["verdict"] == "generated_here"
        made = list((server.data / "objects" / "images").iterdir())
        assert [path.name for path in made] == [picture.id]  # type: ignore[attr-defined]
        assert 'guard_pictures{status="completed"} 1.0' in httpx.get(f"{server.url}/metrics").text
    finally:
        server.stop()
