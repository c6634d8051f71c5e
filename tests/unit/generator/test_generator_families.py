"""Every family that the documentation names, as the class of diffusers that runs it: tiny, and with random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generator import DiffusersGenerator, GenerationRequest, GeneratorError, Offer, Running
from tests import tiny_pictures
from tests import tiny_pipelines as tiny

WIDTH, HEIGHT, FPS = 24, 20, 9
ON_CPU = Running(dtype=torch.float32, device="cpu")
SHORT = {"max_sequence_length": 16}


@dataclass(frozen=True)
class Family:
    build: Callable[[], Any]
    makes_clips: bool = True
    from_picture: bool = False
    size_multiple: int = 16
    frame_multiple: int = 4
    arguments: dict[str, Any] = field(default_factory=lambda: dict(SHORT))

    def generator(self, folder: Path) -> DiffusersGenerator:
        offer = Offer(
            sizes=((WIDTH, HEIGHT),),
            seconds=(1,) if self.makes_clips else (),
            fps=FPS,
            licence="test",
            size_multiple=self.size_multiple,
            frame_multiple=self.frame_multiple,
            steps=2,
            guidance=2.0,
        )
        return DiffusersGenerator(folder, offer, running=ON_CPU, arguments=self.arguments)

    def request(self, seed: int) -> GenerationRequest:
        picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8) if self.from_picture else None
        seconds = 1 if self.makes_clips else 0
        return GenerationRequest("red ball", seconds, WIDTH, HEIGHT, seed, reference=picture)


FAMILIES = {
    "WanPipeline": Family(tiny.wan),
    "WanPipeline, two transformers": Family(tiny.wan_of_two, arguments=SHORT | {"guidance_scale_2": 3.0}),
    "WanImageToVideoPipeline": Family(tiny.wan_from_picture, from_picture=True),
    "LTXPipeline": Family(tiny.ltx, size_multiple=32, frame_multiple=8),
    "CogVideoXPipeline": Family(tiny.cogvideox),
    "HunyuanVideoPipeline": Family(
        tiny.hunyuan, arguments=SHORT | {"prompt_template": {"template": "{}", "crop_start": 0}}
    ),
    "MochiPipeline": Family(tiny.mochi, frame_multiple=6),
    "LTX2Pipeline": Family(
        tiny.ltx2, size_multiple=32, frame_multiple=8, arguments=SHORT | {"spatio_temporal_guidance_blocks": [0]}
    ),
    "StableDiffusionXLPipeline": Family(tiny_pictures.sdxl, makes_clips=False, arguments={}),
    "StableDiffusion3Pipeline": Family(tiny_pictures.sd3, makes_clips=False),
    "FluxPipeline": Family(tiny_pictures.flux, makes_clips=False),
    "QwenImagePipeline": Family(
        tiny_pictures.qwen_image,
        makes_clips=False,
        arguments=SHORT | {"true_cfg_scale": 4.0, "negative_prompt": "blue cube"},
    ),
}  # fmt: skip


def _frames(generator: DiffusersGenerator, request: GenerationRequest) -> NDArray[np.uint8]:
    return np.concatenate(list(generator.generate(request).chunks))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_makes_what_was_asked_for_and_repeats_it(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    generator = family.generator(tiny.save(family.build, tmp_path / name))
    first, again, other = (_frames(generator, family.request(seed)) for seed in (1, 1, 2))
    assert first.shape == (FPS if family.makes_clips else 1, HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    assert first.std() > 1
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert generator.info.makes_pictures is not family.makes_clips
    assert generator.info.accepts_reference is family.from_picture
    assert generator.info.needs_reference is family.from_picture


def test_sound_comes_with_the_pictures_and_is_as_long(tmp_path: Path) -> None:
    family = FAMILIES["LTX2Pipeline"]
    generator = family.generator(tiny.save(family.build, tmp_path / "ltx2"))
    assert generator.info.produces_audio
    clip = generator.generate(family.request(1))
    assert clip.sound() is None
    assert sum(map(len, clip.chunks)) == FPS
    sound = clip.sound()
    assert sound is not None
    assert sound.rate == 16000
    assert sound.samples.shape[1] == 2
    assert 0.9 < len(sound.samples) / sound.rate <= 1.0
    assert sound.samples.dtype == np.float32
    assert sound.samples.std() > 0


def test_the_picture_decides_what_is_made_of_it(tmp_path: Path) -> None:
    family = FAMILIES["WanImageToVideoPipeline"]
    generator = family.generator(tiny.save(family.build, tmp_path / "wan"))
    grey, noise = family.request(1), np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    other = GenerationRequest("red ball", 1, WIDTH, HEIGHT, 1, reference=noise)
    assert not np.array_equal(_frames(generator, grey), _frames(generator, other))
    with pytest.raises(GeneratorError) as without:
        generator.generate(GenerationRequest("red ball", 1, WIDTH, HEIGHT, 1))
    assert without.value.code == "reference_required"


def test_a_picture_is_asked_for_without_seconds(tmp_path: Path) -> None:
    family = FAMILIES["FluxPipeline"]
    generator = family.generator(tiny.save(family.build, tmp_path / "flux"))
    with pytest.raises(GeneratorError) as clip:
        generator.generate(GenerationRequest("red ball", 4, WIDTH, HEIGHT, 1))
    assert clip.value.code == "seconds_unsupported"
