"""`guard serve` as people start it, with the embedded generator: a prompt to a verified file."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import openai
import pytest
from PIL import Image

from guard.media import probe
from tests.server import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


FOUND = {"c2pa", "registry", "watermark", "fingerprint"}


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
        assert {result.type for result in check.results if result.outcome == "detected"} >= FOUND
        _pictures(client)
    finally:
        server.stop()


def _pictures(client: openai.OpenAI) -> None:
    """The same model draws pictures, under the names by which clients ask for them, at the size they ask for."""
    for model, more in (("gpt-image-2", {}), ("dall-e-3", {"response_format": "b64_json"})):
        asked: dict[str, Any] = {"model": model, "prompt": "Ein blauer Stern über dem Meer", **more}
        made = client.images.generate(size="1024x1024", **asked)
        content = base64.b64decode((made.data or [])[0].b64_json or "")
        assert Image.open(io.BytesIO(content)).size == (1024, 1024)
        check = client.content_provenance_checks.create(file=("star.png", content))
        assert {result.type for result in check.results if result.outcome == "detected"} >= FOUND
