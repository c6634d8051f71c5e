from pathlib import Path

import numpy as np
import torch

from generator import EmbeddedGenerator, GenerationRequest
from generator.codec import ClipCodec
from generator.embedded import WEIGHTS
from generator.scenes import Scene
from generator.training.evaluate import codec_ceiling
from generator.training.recipe import Recipe, train


def test_the_recipe_goes_from_nothing_to_a_pipeline_that_makes_clips(tmp_path: Path) -> None:
    moment = 0.01
    recipe = Recipe(
        groups=16,
        codec_minutes=moment,
        text_steps=2,
        clips=(("wide", 2, 0.0), ("square", 2, 1.0)),
        diffusion_minutes=moment,
        finish_minutes=moment,
    )
    train(tmp_path / "out", tmp_path / "work", recipe, revision="test")
    generator = EmbeddedGenerator(tmp_path / "out", threads=1)
    assert generator.info.revision == "test"
    assert generator.info.seconds == (4, 8, 12)
    request = GenerationRequest("a red ball", 8, 256, 144, seed=1, steps=2)
    frames = np.concatenate(list(generator.generate(request).chunks))
    assert frames.shape == (96, 144, 256, 3)
    made = (tmp_path / "work" / "transformer" / "diffusion_pytorch_model.safetensors").stat().st_mtime_ns
    train(tmp_path / "again", tmp_path / "work", recipe, revision="test")
    again = (tmp_path / "work" / "transformer" / "diffusion_pytorch_model.safetensors").stat().st_mtime_ns
    assert made == again
    assert EmbeddedGenerator(tmp_path / "again").info.digest == generator.info.digest


def test_the_shipped_codec_still_encodes() -> None:
    codec = ClipCodec.from_pretrained(WEIGHTS / "codec", dtype=torch.float32).eval()
    scene = Scene("star", "yellow", "bounce", "city", "day")
    assert codec_ceiling(codec, [scene]).all_slots == 1.0
