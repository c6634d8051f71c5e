"""`guard generate --reference`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from generator import GeneratedClip, GenerationRequest
from guard.installation import open_installation
from tests import media
from tests.stub_generator import ReferenceGenerator
from tests.unit.cli.conftest import settings


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A textured picture, larger than the clip and of another shape."""
    path = tmp_path / "picture.png"
    Image.fromarray((media.texture(500, 700, seed=4) * 255).astype(np.uint8)).save(path)
    return path


def test_a_clip_begins_from_a_reference_picture(
    here: Any, monkeypatch: pytest.MonkeyPatch, picture: Path
) -> None:
    seen: list[NDArray[np.uint8] | None] = []
    plain = ReferenceGenerator.generate

    def generate(self: ReferenceGenerator, request: GenerationRequest, **options: Any) -> GeneratedClip:
        seen.append(request.reference)
        return plain(self, request, **options)

    monkeypatch.setattr(ReferenceGenerator, "generate", generate)
    ran = here(
        "generate", "a boat", "--seconds", 2, "--size", "640x360", "--reference", picture, "--json"
    )  # fmt: skip
    assert ran.code == 0, ran.err
    (reference,) = seen
    assert reference is not None
    assert reference.shape == (360, 640, 3)
    # The middle of the picture as wide as the clip, to within what scaling does.
    whole = Image.open(picture).convert("RGB")
    expected = np.asarray(ImageOps.fit(whole, (640, 360)), np.float32)
    assert np.abs(reference - expected).mean() < 4
    assert here("verify", ran.json["file"], "--json").json["verdict"] == "generated_here"


def test_the_embedded_model_takes_no_reference_and_says_what_to_do(
    here: Any, prepared: Any, monkeypatch: pytest.MonkeyPatch, picture: Path
) -> None:
    embedded = open_installation  # not the tests' pictures
    monkeypatch.setattr("guard.installation.open_installation", lambda _: embedded(settings(prepared.data)))
    monkeypatch.setattr("guard.installation.Installation.work", lambda _: pytest.fail("works"))
    ran = here("generate", "a boat", "--size", "640x360", "--reference", picture)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error [reference_unsupported]: ")
    assert "describe it in the prompt, or name another model" in ran.err


def test_a_reference_that_is_no_picture_makes_no_job(here: Any, tmp_path: Path) -> None:
    before = here("videos", "list", "--json").json
    asked = ("generate", "a boat", "--seconds", 2, "--size", "640x360", "--reference")
    (tmp_path / "notes.png").write_text("no picture")
    for path, said in ((tmp_path / "notes.png", "error [media_"), (tmp_path / "none.png", "does not exist")):
        ran = here(*asked, path)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err
    assert here("videos", "list", "--json").json == before
