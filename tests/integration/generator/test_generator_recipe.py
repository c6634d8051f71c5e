from pathlib import Path

import numpy as np
import pytest

from generator import EmbeddedGenerator, GenerationRequest
from generator.training import codec, recipe
from generator.training.recipe import SECONDS, Recipe, train


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grammar of two things and two landscapes to learn the codecs from; the rest is drawn as it is asked for."""
    monkeypatch.setattr(codec, "THINGS", dict(list(codec.THINGS.items())[:2]))
    monkeypatch.setattr(codec, "GROUNDS", dict(list(codec.GROUNDS.items())[:2]))


def test_the_recipe_goes_from_nothing_to_a_pipeline_that_makes_clips(tmp_path: Path) -> None:
    plan = Recipe(1, 1, 1, 1, 2, 2, 2)
    heard: list[str] = []
    train(
        tmp_path / "out",
        tmp_path / "work",
        plan,
        revision="test",
        report=lambda stage, done, total, loss: heard.append(f"{stage} {done}/{total}"),
    )
    assert heard == [
        "codec of things 1/1",
        "codec of stages 1/1",
        "text encoder 2/2",
        "denoiser 2/2",
        "continuation 2/2",
    ]
    generator = EmbeddedGenerator(tmp_path / "out", threads=1)
    assert generator.info.revision == "test"
    assert generator.info.seconds == SECONDS
    request = GenerationRequest("a red ball", 8, 256, 144, seed=1, steps=2)
    frames = np.concatenate(list(generator.generate(request).chunks))
    assert frames.shape == (96, 144, 256, 3)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a stage whose result is there was trained again")

    with pytest.MonkeyPatch.context() as patch:
        for stage in ("train_codec", "train_text", "train_diffusion", "train_continuation"):
            patch.setattr(recipe, stage, never)
        train(tmp_path / "again", tmp_path / "work", plan, revision="test")
    assert EmbeddedGenerator(tmp_path / "again").info.digest == generator.info.digest
