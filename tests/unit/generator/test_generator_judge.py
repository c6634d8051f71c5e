import random

import numpy as np
import pytest
import torch

from benchmarks.generator_prompts import BY_HAND, all_prompts, some_prompts
from generator.compositor import Layers, compose
from generator.training.evaluate import (
    Asked,
    chance,
    drawn,
    hits,
    nearest_trained,
    prompts,
    share,
    slots_of,
    summary,
)
from generator.training.judge import Seen, SeenThing, judge
from generator.training.landscapes import draw_landscape
from generator.training.scenes import FRAMES, SLOTS, held_out
from generator.types import Frames

_SINGLE, _PAIRS = 24, 6


@pytest.fixture(scope="module")
def looked() -> tuple[list[Asked], list[Seen]]:
    asked = [*prompts(_SINGLE, 5, two=0), *prompts(_PAIRS, 6, two=1)]
    return asked, [drawn(one.scene) for one in asked if one.scene is not None]


def test_the_judge_reads_drawn_clips(looked: tuple[list[Asked], list[Seen]]) -> None:
    asked, seen = looked
    found = summary([[hits(one.slots, what)] for one, what in zip(asked, seen, strict=True)][:_SINGLE])
    least = dict.fromkeys(("number", "thing", "colour", "motion", "ground", "time"), 0.9) | {
        "style": 0.85,
        "camera": 0.85,
    }
    assert {slot: found[slot].value for slot, limit in least.items() if found[slot].value < limit} == {}


def test_the_judge_reads_clips_with_two_objects(looked: tuple[list[Asked], list[Seen]]) -> None:
    asked, seen = looked
    found = summary([[hits(one.slots, what)] for one, what in zip(asked, seen, strict=True)][_SINGLE:])
    assert min(found[slot].value for slot in ("thing", "colour", "motion", "ground", "time")) > 0.6


def test_clips_of_other_prompts_score_like_guesses(looked: tuple[list[Asked], list[Seen]]) -> None:
    found = chance([one.slots for one in looked[0]], looked[1])
    for slot in ("thing", "colour", "motion", "ground", "time"):
        assert found[slot].value < 1.5 / len(SLOTS[slot]) + 0.1


def empty(ground: str, time: str, style: str) -> Frames:
    stage = torch.from_numpy(draw_landscape(ground, time, style, 384, 7)).permute(2, 0, 1)
    camera = torch.zeros(FRAMES, 2)
    pictures = compose(
        Layers(stage, torch.zeros(0, 4, 8, 8), torch.zeros(0, FRAMES, 5), camera), slice(0, 48, 4), 256, 144
    )
    return np.asarray((pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize(
    ("ground", "time", "style"),
    [
        ("meadow", "day", "cartoon"),
        ("city", "night", "pixel"),
        ("mountains", "sunset", "watercolour"),
        ("sea", "day", "cartoon"),
        ("forest", "night", "cartoon"),
    ],
)
def test_the_judge_sees_no_object_in_an_empty_landscape(ground: str, time: str, style: str) -> None:
    assert judge(empty(ground, time, style)) == Seen((), ground, time, style, "static")


def test_a_picture_like_nothing_it_knows_does_not_stop_the_judge() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (8, 144, 256, 3), np.uint8)
    assert judge(noise).ground in SLOTS["ground"]
    assert judge(np.zeros((8, 144, 256, 3), np.uint8)).time in SLOTS["time"]


def test_two_objects_are_compared_the_better_way_round() -> None:
    red, blue = SeenThing("ball", "red", "left"), SeenThing("cat", "blue", "still")
    seen = Seen((blue, red), "sea", "day", "cartoon", "static")
    slots = {
        "thing": "ball",
        "colour": "red",
        "thing2": "cat",
        "colour2": "green",
        "ground": "sea",
        "time": "night",
    }
    assert hits(slots, seen) == {
        "number": [True],
        "thing": [True, True],
        "colour": [True, False],
        "ground": [True],
        "time": [False],
    }
    assert hits({"thing": "ball"}, Seen((), "sea", "day", "cartoon", "static")) == {
        "number": [False],
        "thing": [False],
    }


def test_answers_to_one_prompt_that_agree_count_once() -> None:
    together = share("time", [[{"time": [i % 2 == 0]}] * 3 for i in range(40)])
    apart = share("time", [[{"time": [i % 2 == 0]}] for i in range(120)])
    assert together is not None
    assert apart is not None
    assert together.value == apart.value == 0.5
    assert together.high - together.low > 1.6 * (apart.high - apart.low)
    perfect = share("time", [[{"time": [True]}] * 3] * 40)
    assert perfect is not None
    assert 0.9 < perfect.low < 0.93
    assert share("time", [[{}]]) is None


def test_the_nearest_trained_scene_differs_in_one_slot_of_each_object() -> None:
    rng = random.Random(2)
    for asked in prompts(20, 8):
        assert asked.scene is not None
        near = nearest_trained(asked.scene, rng)
        before, after = slots_of(asked.scene), slots_of(near)
        assert sum(before[slot] != after[slot] for slot in before) == 1 + asked.pair
        assert not held_out(near.first.thing, near.first.colour, near.first.motion)


def test_the_list_of_prompts_is_what_the_benchmark_says() -> None:
    asked = all_prompts()
    assert len(asked) == 120
    assert len({one.text for one in asked}) == 120
    assert sum(one.language == "de" for one in asked) >= 40
    assert sum(one.pair for one in asked) == 24
    assert len(BY_HAND) == 30
    assert sum(one.language == "de" for one in BY_HAND) == 15
    for one in asked:
        assert {slot: value for slot, value in one.slots.items() if value not in SLOTS[slot]} == {}
    for one in asked[len(BY_HAND) :]:
        actors = [one.scene and one.scene.first, one.scene and one.scene.second]
        assert all(held_out(a.thing, a.colour, a.motion) for a in actors if a)
    assert {one.pair for one in some_prompts(20)} == {True, False}
