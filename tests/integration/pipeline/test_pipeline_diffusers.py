"""A model of diffusers, a real class with random weights, all the way to a released file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import select

from generator import DiffusersGenerator, Offer, Running
from guard import ledger
from guard.ledger.tables import entries
from tests import tiny_pipelines
from tests.house import House

OFFER = Offer(sizes=((640, 360),), seconds=(2,), fps=4, licence="test", steps=1)
# The random weights' noise has to be coarse enough for the fingerprint, which Wan's is not.
SHORT = {"max_sequence_length": 16, "prompt_template": {"template": "{}", "crop_start": 0}}
ON_CPU = Running(dtype=torch.float32, device="cpu")


@pytest.fixture(scope="module")
def hunyuan(tmp_path_factory: pytest.TempPathFactory) -> DiffusersGenerator:
    folder = tiny_pipelines.save(tiny_pipelines.hunyuan, tmp_path_factory.mktemp("model") / "tiny-hunyuan")
    return DiffusersGenerator(folder, OFFER, revision="2026-11", running=ON_CPU, arguments=SHORT)


def test_a_device_without_memory_fails_one_job_and_the_next_one_is_released(
    house: House, hunyuan: DiffusersGenerator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(house, "generator", hunyuan)
    hunyuan.load()
    real, left = hunyuan._pipeline.transformer.forward, [True]

    def short_of_memory_once(*args: Any, **kwargs: Any) -> Any:
        if left:
            left.clear()
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*args, **kwargs)

    monkeypatch.setattr(hunyuan._pipeline.transformer, "forward", short_of_memory_once)
    failed = house.ended(house.submit())
    assert (failed.status, failed.error_code) == ("failed", "out_of_memory")
    assert "larger device" in (failed.error_message or "")
    made = house.ended(house.submit())
    assert (made.status, made.error_message) == ("completed", None)
    _names_its_model(house, made.id, hunyuan, tmp_path)


def _names_its_model(house: House, video_id: str, hunyuan: DiffusersGenerator, folder: Path) -> None:
    info = hunyuan.info
    release = house.release_of(video_id)
    assert release is not None
    assert (release.model_name, release.model_revision) == ("tiny-hunyuan", "2026-11")
    assert release.model_digest == info.digest
    with house.services.database.read() as session:
        leaf = session.scalar(select(entries.c.leaf).where(entries.c.leaf_index == release.ledger_index))
    logged, _ = ledger.from_leaf(leaf)
    assert isinstance(logged, ledger.ReleaseEntry)
    assert logged.model_digest == info.digest
    file = folder / "clip.mp4"
    file.write_bytes(b"".join(house.services.objects.stream(release.object_key)))
    assert hashlib.sha256(file.read_bytes()).hexdigest() in release.asset_digest
    assert f"tiny-hunyuan@2026-11#{info.digest}".encode() in file.read_bytes()
