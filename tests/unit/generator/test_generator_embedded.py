import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generator import EmbeddedGenerator, GenerationRequest, GeneratorError, load_embedded
from generator.embedded import WEIGHTS
from generator.training.judge import judge


@pytest.fixture(scope="session")
def embedded() -> EmbeddedGenerator:
    return load_embedded(threads=1)


def _frames(
    generator: EmbeddedGenerator, prompt: str, *, seed: int = 1, steps: int = 6, seconds: int = 4
) -> np.ndarray:  # type: ignore[type-arg]
    request = GenerationRequest(prompt, seconds, 256, 144, seed, steps=steps)
    return np.concatenate(list(generator.generate(request).chunks))


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        (
            "a red ball rolls to the left on the sand at night",
            {"thing": "ball", "colour": "red", "motion": "left", "ground": "desert", "time": "night"},
        ),
        (
            "Ein blauer Stern steigt bei Sonnenuntergang über dem Meer auf",
            {"thing": "star", "colour": "blue", "motion": "rise", "ground": "sea", "time": "sunset"},
        ),
    ],
)
def test_the_model_follows_a_prompt_in_either_language(
    embedded: EmbeddedGenerator, prompt: str, wanted: dict[str, str]
) -> None:
    seen = judge(_frames(embedded, prompt, steps=12)[::4])
    assert len(seen.things) == 1
    found = {**vars(seen.things[0]), "ground": seen.ground, "time": seen.time}
    assert {slot: found[slot] for slot in wanted} == wanted


def test_a_negative_prompt_is_heeded(embedded: EmbeddedGenerator) -> None:
    request = GenerationRequest("a ball on the grass", 4, 256, 144, 5, steps=6)
    plain, other = (
        np.concatenate(list(embedded.generate(asked).chunks))
        for asked in (request, replace(request, negative_prompt="red ball"))
    )
    assert not np.array_equal(plain, other)


def test_scenes_follow_each_other_and_keep_their_place(embedded: EmbeddedGenerator) -> None:
    clip = _frames(embedded, "a red car drives through the city at night, then a green tree falls")
    first, second = judge(clip[:24:2]), judge(clip[24::2])
    assert (first.ground, first.time) == (second.ground, second.time) == ("city", "night")
    assert (first.things[0].colour, second.things[0].colour) == ("red", "green")


def test_the_seed_decides_the_clip_and_the_prompt_changes_it(embedded: EmbeddedGenerator) -> None:
    first = _frames(embedded, "a green cube on the snow", seed=3)
    assert np.array_equal(first, _frames(embedded, "a green cube on the snow", seed=3))
    assert not np.array_equal(first, _frames(embedded, "a green cube on the snow", seed=4))
    assert not np.array_equal(first, _frames(embedded, "ein weißes Herz in der Stadt", seed=3))


def test_a_clip_is_made_while_it_is_read_and_has_the_size_asked_for(embedded: EmbeddedGenerator) -> None:
    heard: list[float] = []
    clip = embedded.generate(GenerationRequest("a ball", 4, 360, 640, 2, steps=2), progress=heard.append)
    assert heard == []
    chunks = list(clip.chunks)
    assert [len(c) for c in chunks] == [32, 16]
    assert clip.frames == 48 == 4 * clip.fps
    assert all(c.shape[1:] == (640, 360, 3) and c.dtype == np.uint8 for c in chunks)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_a_longer_clip_goes_on_where_its_first_part_ends(embedded: EmbeddedGenerator) -> None:
    clip = _frames(embedded, "a red ball stands still on the sea by day", seconds=8, steps=8).astype(
        np.float32
    )
    assert len(clip) == 96
    jump = np.abs(clip[48] - clip[47]).mean()
    other_clip = np.abs(clip[48] - _frames(embedded, "a white star bounces in the city at night")[0]).mean()
    assert jump < 0.25 * other_clip


def test_what_is_not_offered_is_refused(embedded: EmbeddedGenerator) -> None:
    for changes, code in (({"width": 100}, "size_unsupported"), ({"seconds": 5}, "seconds_unsupported")):
        values = {"prompt": "x", "seconds": 4, "width": 256, "height": 144, "seed": 0} | changes
        with pytest.raises(GeneratorError) as caught:
            embedded.generate(GenerationRequest(**values))  # type: ignore[arg-type]
        assert caught.value.code == code


def test_a_single_picture_is_the_middle_of_its_scene(embedded: EmbeddedGenerator) -> None:
    assert embedded.info.makes_pictures
    picture = _frames(embedded, "a red ball stands on the grass", seconds=0)
    assert picture.shape == (1, 144, 256, 3)
    assert np.array_equal(picture, _frames(embedded, "a red ball stands on the grass", seconds=0))
    clip = _frames(embedded, "a red ball stands on the grass").astype(float)
    distances = np.abs(clip - picture).mean((1, 2, 3))
    assert abs(int(distances.argmin()) - len(clip) // 2) <= 2


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError) as caught:
        EmbeddedGenerator(tmp_path)
    assert caught.value.code == "weights_missing"


def test_the_package_carries_at_most_forty_megabytes_of_safetensors() -> None:
    files = [p for p in WEIGHTS.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 40e6
    assert {p.suffix for p in files} == {".safetensors", ".json"}


def test_generating_never_touches_the_scene_renderer() -> None:
    program = (
        "import sys; from generator import GenerationRequest, load_embedded\n"
        "clip = load_embedded(threads=1).generate(GenerationRequest('a red ball', 4, 256, 144, 1, steps=2))\n"
        "assert sum(len(c) for c in clip.chunks) == 48\n"
        "assert not [m for m in sys.modules if m.startswith('generator.training')]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
