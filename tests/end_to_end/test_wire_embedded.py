"""`guard serve` as people start it, with the embedded generator: a prompt to a verified file."""

from __future__ import annotations

import sys
from pathlib import Path

import openai
import pytest

from guard.media import probe
from tests.server import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_prompt_becomes_a_file_that_the_service_recognises(tmp_path: Path) -> None:
    guard = [str(Path(sys.executable).with_name("guard")), "serve", "--port", "{port}"]
    data = tmp_path / "data"
    environment = {"GUARD_DATA": str(data), "GUARD_ENCODER__PRESET": "veryfast"}
    server = Server(data, command=guard, environment=environment)
    try:
        client = openai.OpenAI(api_key=server.api_key, base_url=server.base_url, max_retries=0)
        video = client.videos.create_and_poll(
            model="sora-2", prompt="Ein roter Ball rollt über grünes Gras", size="640x360", seconds="4"
        )
        assert (video.status, video.error) == ("completed", None)
        assert video.model == "guard-scenes-1"
        path = tmp_path / "clip.mp4"
        client.videos.download_content(video.id).write_to_file(path)
        info = probe(path)
        assert (info.width, info.height, round(info.duration)) == (640, 360, 4)
        check = client.content_provenance_checks.create(file=path)
        assert {result.type for result in check.results if result.outcome == "detected"} >= {
            "c2pa", "registry", "watermark", "fingerprint",
        }  # fmt: skip
    finally:
        server.stop()
