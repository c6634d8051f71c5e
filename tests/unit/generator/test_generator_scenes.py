import random
import re

import numpy as np
import pytest

from generator.training import words_de, words_en
from generator.training.captions import caption
from generator.training.disturb import FILLERS, disturb
from generator.training.landscapes import GROUNDS, STYLES, TIMES, draw_landscape
from generator.training.render import render
from generator.training.scenes import (
    CAMERAS,
    FRAMES,
    MOTIONS,
    SLOTS,
    Actor,
    Scene,
    held_out,
    moments,
    path,
    sample_scene,
)
from generator.training.things import COLOURS, THINGS, draw_thing


def test_one_triple_in_eight_is_held_out_and_no_value_is_missing_from_training() -> None:
    triples = [(thing, colour, motion) for thing in THINGS for colour in COLOURS for motion in MOTIONS]
    kept_back = [t for t in triples if held_out(*t)]
    assert 0.10 < len(kept_back) / len(triples) < 0.15
    trained = [t for t in triples if not held_out(*t)]
    for place, values in enumerate((tuple(THINGS), tuple(COLOURS), MOTIONS)):
        assert {t[place] for t in trained} == set(values)


def test_sampling_respects_the_split() -> None:
    rng = random.Random(3)
    for split, expected in (("train", False), ("eval", True)):
        for _ in range(60):
            scene = sample_scene(rng, split=split)  # type: ignore[arg-type]
            for actor in (scene.first, scene.second):
                if actor is not None:
                    assert held_out(actor.thing, actor.colour, actor.motion) is expected


def test_every_picture_of_the_grammar_can_be_drawn_and_differs() -> None:
    things = {draw_thing(thing, "red", style, "day", 32).tobytes() for thing in THINGS for style in STYLES}
    assert len(things) == len(THINGS) * len(STYLES)
    stages = {draw_landscape(g, t, s, 32).tobytes() for g in GROUNDS for t in TIMES for s in STYLES}
    assert len(stages) == len(GROUNDS) * len(TIMES) * len(STYLES)
    assert draw_landscape("city", "day", "cartoon", 32, 1).tobytes() not in stages


def test_pictures_of_things_hold_no_colour_where_they_do_not_cover() -> None:
    for style in STYLES:
        picture = draw_thing("car", "white", style, "day", 48)
        assert (picture[..., :3].max(-1) <= picture[..., 3] + 1e-5).all()
        assert picture[0].max() == 0


@pytest.mark.parametrize("motion", MOTIONS)
def test_paths_do_what_their_name_says(motion: str) -> None:
    course = path(Actor("star", "red", motion, y=0.05 if motion == "circle" else 1.0), *moments())
    x, y, size, sine, _ = course.T
    assert len(course) == FRAMES
    assert np.abs(course[:, :2]).max() <= 1.001
    moved = {
        "left": x[-1] < x[0] - 1.5,
        "right": x[-1] > x[0] + 1.5,
        "rise": y[-1] < y[0] - 1.5,
        "fall": y[-1] > y[0] + 1.5,
        "bounce": np.ptp(y) > 1 and np.ptp(x) == 0,
        "still": np.ptp(course, 0).max() == 0,
        "spin": np.ptp(sine) > 1.9 and np.ptp(x) == 0,
        "grow": size[-1] > size[0] + 1,
        "shrink": size[-1] < size[0] - 1,
        "circle": np.ptp(x) > 0.5 and np.ptp(y) > 1,
    }
    assert moved[motion]


def test_the_two_things_of_a_scene_are_both_seen() -> None:
    scene = Scene(Actor("ball", "red", "still", -0.5), Actor("cube", "blue", "still", 0.5), "snow", "day")
    picture = render(scene, 128, 72, every=48)[0].astype(int)
    red = (picture[..., 0] - picture[..., 2] > 100)[:, :64].sum()
    blue = (picture[..., 2] - picture[..., 0] > 100)[:, 64:].sum()
    assert red > 200
    assert blue > 200


def test_the_vocabularies_cover_the_grammar() -> None:
    assert set(words_en.THINGS) == set(words_de.THINGS) == set(THINGS)
    assert set(words_en.GROUNDS) == set(words_de.GROUNDS) == set(GROUNDS)
    nouns = {word.lower() for values in words_en.THINGS.values() for word in values}
    nouns |= {word.lower() for values in words_de.THINGS.values() for word, _ in values}
    assert not nouns & set(FILLERS)


def test_captions_name_what_they_say_they_name() -> None:
    rng = random.Random(5)
    scene = Scene(Actor("pyramid", "white", "bounce"), None, "sea", "night")
    texts = {language: [caption(scene, rng, language) for _ in range(60)] for language in ("en", "de")}  # type: ignore[arg-type]
    assert any("weiße Pyramide" in t for t, _ in texts["de"])
    assert any("einem weißen Kegel" in t for t, _ in texts["de"])
    assert not any(
        re.search(r"weiße[rs] Pyramide|weiße[sr]? Pyramiden|ein weiße ", t) for t, _ in texts["de"]
    )
    for text, spoken in texts["en"]:
        assert ("white pyramid" in text or "white triangle" in text or "white cone" in text) is spoken[
            "colour"
        ]
        assert not spoken["thing2"]


def test_silence_means_the_usual_style_and_a_camera_that_stands() -> None:
    rng = random.Random(8)
    for style in STYLES:
        for camera in CAMERAS:
            scene = Scene(Actor("cat", "red", "still"), None, "sea", "day", style, camera)
            spoken = [caption(scene, rng)[1] for _ in range(30)]
            assert all(s["style"] for s in spoken) is (style != "cartoon")
            assert all(s["camera"] for s in spoken) is (camera != "static")


def test_complete_captions_leave_out_no_slot_that_matters() -> None:
    rng = random.Random(4)
    for _ in range(30):
        scene = sample_scene(rng)
        spoken = caption(scene, rng, complete=True)[1]
        silent = {slot for slot in SLOTS if not spoken[slot]}
        assert silent <= {"style", "camera"} | (
            {"thing2", "colour2", "motion2"} if scene.second is None else set()
        )


def test_disturbing_keeps_most_of_the_words() -> None:
    rng = random.Random(2)
    words = ["a", "red", "ball", "rolls", "to", "the", "left", "on", "the", "sand"]
    for _ in range(30):
        noisy = disturb(" ".join(words), rng).lower().strip(".!").split()
        assert len(set(words) & set(noisy)) >= len(set(words)) - 2
