import random
import re

import numpy as np
import pytest

from generator.captions import caption
from generator.scenes import (
    COLOURS,
    FRAMES,
    MOTIONS,
    SHAPES,
    Scene,
    held_out,
    landscape,
    render,
    sample_scene,
)
from generator.training.disturb import disturb
from generator.training.judge import judge


def test_one_triple_in_eight_is_held_out_and_no_value_is_missing_from_training() -> None:
    triples = [(s, c, m) for s in SHAPES for c in COLOURS for m in MOTIONS]
    kept_back = [t for t in triples if held_out(*t)]
    assert 0.10 < len(kept_back) / len(triples) < 0.15
    trained = [t for t in triples if not held_out(*t)]
    for place, values in enumerate((SHAPES, tuple(COLOURS), MOTIONS)):
        assert {t[place] for t in trained} == set(values)


def test_sampling_respects_the_split() -> None:
    rng = random.Random(3)
    for split, expected in (("train", False), ("eval", True)):
        for _ in range(40):
            scene = sample_scene(rng, split=split)
            assert held_out(scene.shape, scene.colour, scene.motion) is expected


def test_windows_of_a_long_clip_join_without_a_gap() -> None:
    scene = Scene("star", "red", "left", "city", "day")
    whole = render(scene, 64, 36, count=2 * FRAMES, total=2 * FRAMES)
    second = render(scene, 64, 36, first=FRAMES, total=2 * FRAMES)
    assert np.array_equal(whole[FRAMES:], second)


@pytest.mark.parametrize("size", [(128, 72), (72, 128), (96, 96)])
@pytest.mark.parametrize("motion", MOTIONS)
def test_the_object_stays_inside_every_canvas(size: tuple[int, int], motion: str) -> None:
    width, height = size
    cover = render(Scene("ball", "red", motion, "sea", "day", 0.1, 1.08), width, height, mask=True)
    edges = (cover[:, 0], cover[:, -1], cover[:, :, 0], cover[:, :, -1])
    assert all(int(e.max()) < 10 for e in edges)
    assert (cover > 128).sum((1, 2)).min() > 0.08 * min(size) ** 2


def test_the_judge_reads_drawn_clips() -> None:
    rng = random.Random(17)
    for _ in range(4):
        scene = sample_scene(rng)
        seen = judge(render(scene, 256, 144)[::6])
        assert (seen.shape, seen.colour, seen.motion, seen.ground, seen.time) == (
            scene.shape,
            scene.colour,
            scene.motion,
            scene.ground,
            scene.time,
        )
        assert seen.steadiness < 0.004


def test_the_judge_sees_no_object_where_there_is_none() -> None:
    scene = Scene("ball", "red", "still", "snow", "night")
    empty = np.repeat((landscape(scene, 256, 144) * 255).astype(np.uint8)[None], 8, 0)
    assert judge(empty).shape is None


def test_captions_name_what_they_say_they_name() -> None:
    rng = random.Random(5)
    scene = Scene("pyramid", "white", "bounce", "sea", "night")
    texts = {language: [caption(scene, rng, language) for _ in range(60)] for language in ("en", "de")}
    assert any("weiße Pyramide" in t for t, _ in texts["de"])
    assert any("einem weißen Kegel" in t for t, _ in texts["de"])
    assert not any(
        re.search(r"weiße[rs] Pyramide|weiße[sr]? Pyramiden|ein weiße ", t) for t, _ in texts["de"]
    )
    for text, spoken in texts["en"]:
        assert ("white pyramid" in text or "white triangle" in text or "white cone" in text) is spoken[
            "colour"
        ]


def test_disturbing_keeps_most_of_the_words() -> None:
    rng = random.Random(2)
    words = ["a", "red", "ball", "rolls", "to", "the", "left", "on", "the", "sand"]
    for _ in range(30):
        noisy = disturb(" ".join(words), rng).lower().strip(".!").split()
        assert len(set(words) & set(noisy)) >= len(set(words)) - 2
