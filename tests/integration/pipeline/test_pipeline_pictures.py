"""Single pictures through the same steps as clips: diffusers' picture pipelines, and what may go wrong."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from generator import DiffusersGenerator, Offer, Running
from guard import marks
from guard.pipeline import afterwards
from guard.pipeline.submit import Submission, submit
from guard.store import audit
from guard.verification import verify
from tests import tiny_pictures, tiny_pipelines
from tests.house import ALLOWED, HELD, MODEL, House

SIZES = {"sdxl": 512, "sd3": 256, "flux": 512, "qwen_image": 512}
"""Length of both sides. What tiny FLUX makes is nearly white noise, which carries a mark only if it is large enough;
tiny SD 3 has positions for no more than this."""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "sdxl": {}, "sd3": {"max_sequence_length": 16}, "flux": {"max_sequence_length": 16}, "qwen_image": {},
}  # fmt: skip


def ask(house: House, prompt: str = ALLOWED, *, size: str = "512x512", **more: Any) -> str:
    request = Submission(house.tenant, prompt, MODEL, 0, size, **{"seed": 7, "format": "png", **more})
    return submit(house.services, house.engine, request).id


def released(house: House, image_id: str) -> bytes:
    release = house.release_of(image_id)
    assert release is not None
    return house.services.objects.read(release.object_key, release.asset_digest)


@pytest.mark.parametrize("family", ARGUMENTS)
def test_each_family_of_picture_models_is_guarded_alike(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, family: str
) -> None:
    folder = tiny_pipelines.save(getattr(tiny_pictures, family), tmp_path / f"tiny-{family}")
    on_cpu = Running(dtype=torch.float32, device="cpu")
    side = SIZES[family]
    offer = Offer(sizes=((side, side),), seconds=(), fps=1, licence="test", steps=1)
    model = DiffusersGenerator(folder, offer, revision="1", running=on_cpu, arguments=ARGUMENTS[family])
    monkeypatch.setattr(house, "generator", model)
    made = house.ended(ask(house, size=f"{side}x{side}"))
    assert (made.status, made.error_message) == ("completed", None)
    content = released(house, made.id)
    assert Image.open(io.BytesIO(content)).size == (side, side)
    assert f"tiny-{family}@1#{model.info.digest}".encode() in content
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    found = verify(house.services.inspector, house.services.registry, path)
    claims = {str(item.type): item.claim for item in found.verdict.evidence}
    assert (found.verdict.verdict, claims["c2pa"]) == ("generated_here", "declares_ai")
    assert found.inspection.reading is not None
    assert found.inspection.reading.payload is not None


@pytest.mark.parametrize("file_format", ["png", "jpeg", "webp"])
def test_the_file_has_the_format_and_the_preset_that_were_asked_for(house: House, file_format: str) -> None:
    made = house.ended(ask(house, seed=61 + len(file_format), format=file_format))
    assert Image.open(io.BytesIO(released(house, made.id))).format == file_format.upper()
    release = house.release_of(made.id)
    assert release is not None
    assert release.mark_preset == house.services.picture_preset
    house.run_ended(made.id)
    assert house.work_left() == []


def test_a_mark_that_does_not_survive_the_compression_is_made_stronger_and_then_fails(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    real = house.steps.mark

    def watched(video_id: str, preset: str) -> Any:
        tried.append(preset)
        return real(video_id, preset)

    watched.__name__ = "mark"
    monkeypatch.setattr(house.steps, "mark", watched)
    monkeypatch.setattr(
        type(house.steps), "presets", lambda self, video_id: ("invisible", marks.stronger("invisible"))
    )
    before = house.objects()
    failed = house.ended(ask(house, seed=21, format="jpeg", compression=0))
    assert (failed.status, failed.error_code) == ("failed", "mark_unreadable")
    assert tried == ["invisible", "robust"]
    assert house.objects() == before


def test_a_picture_that_the_policy_blocks_is_never_marked(house: House) -> None:
    house.scorer.score_now = 0.99
    try:
        failed = house.ended(ask(house, seed=31))
    finally:
        house.scorer.score_now = 0.0
    assert (failed.status, failed.error_code) == ("failed", "moderation_blocked")
    assert house.release_of(failed.id) is None
    house.run_ended(failed.id)
    assert house.work_left() == []


def test_a_held_picture_goes_on_when_a_person_approves(house: House) -> None:
    held = house.held(ask(house, HELD, seed=41))
    assert held.hold == "prompt"
    afterwards.approve(house.services, house.engine, house.review_id(held.id, "prompt"), reviewer="R")
    assert house.ended(held.id).status == "completed"


def test_revoked_pictures_are_not_released_again_and_the_audit_holds(house: House) -> None:
    made = house.ended(ask(house, seed=51))
    afterwards.revoke(house.services, made.id, "test")
    again = house.ended(ask(house, seed=51, format="webp"))
    assert (again.status, again.error_code) == ("failed", "revoked_content")
    kept = house.services.log.kept()
    with house.services.database.read() as session:
        assert audit(session, house.services.log, kept=kept, vault=house.services.vault).problems == []
