"""English and German captions for scenes.

The German side inflects its adjectives by gender and knows main, inverted and relative clauses.
"""

from __future__ import annotations

import random
from typing import Final, Literal

from generator.training import words_de, words_en
from generator.training.scenes import SLOTS, Actor, Scene

Language = Literal["en", "de"]
Spoken = dict[str, bool]
_ENDING: Final = {"m": "er", "f": "e", "n": "es"}
_ARTICLE: Final = {"m": "ein", "f": "eine", "n": "ein"}
_DATIVE: Final = {"m": "einem", "f": "einer", "n": "einem"}
_RELATIVE: Final = {"m": "der", "f": "die", "n": "das"}
_PLAIN: Final = 0.5
_SILENT: Final = {"colour": 0.1, "colour2": 0.1, "ground": 0.2, "time": 0.4}
_SILENT_STILL, _SILENT_MOVING = 0.5, 0.02


def caption(
    scene: Scene, rng: random.Random, language: Language | None = None, *, complete: bool = False
) -> tuple[str, Spoken]:
    """A caption for the scene, and which slots it names; what it leaves out is left to the model.

    Style and camera go unsaid only where they are the usual ones, so that these are what silence means; of motions,
    it is mostly standing still that goes unsaid. With `complete` everything else is said.
    """
    language = language or rng.choice(("en", "de"))
    spoken: Spoken = dict.fromkeys(SLOTS, True)
    if not complete and rng.random() > _PLAIN:
        spoken |= {slot: rng.random() > rate for slot, rate in _SILENT.items()}
        for slot in ("motion", "motion2"):
            rate = _SILENT_STILL if scene.slot(slot) == "still" else _SILENT_MOVING
            spoken[slot] = rng.random() > rate
    spoken["style"] = scene.style != "cartoon" or rng.random() < 0.2
    spoken["camera"] = scene.camera != "static" or rng.random() < 0.1
    if scene.second is None:
        spoken |= dict.fromkeys(("thing2", "colour2", "motion2"), False)
    return (_english if language == "en" else _german)(scene, rng, spoken), spoken


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _with(text: str, rng: random.Random, extras: list[str]) -> str:
    """Style and camera before or after the rest."""
    extras = [extra for extra in extras if extra]
    rng.shuffle(extras)
    for extra in extras:
        text = f"{extra}{rng.choice((':', ','))} {text}" if rng.random() < 0.25 else f"{text}, {extra}"
    return text


def _english(scene: Scene, rng: random.Random, spoken: Spoken) -> str:
    place = rng.choice(words_en.GROUNDS[scene.ground]) if spoken["ground"] else ""
    when = rng.choice(words_en.TIMES[scene.time]) if spoken["time"] else ""
    extras = [
        rng.choice(words_en.STYLES[scene.style]) if spoken["style"] else "",
        rng.choice(words_en.CAMERAS[scene.camera]) if spoken["camera"] else "",
    ]
    if scene.second is not None:
        one = _clause_en(scene.first, rng, spoken, "")
        two = _clause_en(scene.second, rng, spoken, "2")
        link = rng.choice((" and ", " and ", ", ", " while ", " next to ", " with "))
        form = 2 if link in (" next to ", " with ") else rng.choice((1, 2))
        both = _join(one[0], one[form]) + link + _join(two[0], two[form])
        body = rng.choice(
            (
                _join(both, place, when),
                _join(f"{when or place}," if when or place else "", both, place if when else ""),
            )
        )
        return _with(body, rng, extras)
    thing, finite, going = _clause_en(scene.first, rng, spoken, "")
    match rng.randrange(6):
        case 0:
            text = _join(f"{when}," if when else "", thing, finite, place)
        case 1:
            text = _join(rng.choice(("a video of", "a clip of", "animation of")), thing, going, place, when)
        case 2:
            text = _join(thing, going, place, when)
        case 3:
            text = _join(thing, place, when, finite)
        case _:
            text = _join(thing, finite, place, when)
    return _with(text, rng, extras)


def _clause_en(actor: Actor, rng: random.Random, spoken: Spoken, which: str) -> tuple[str, str, str]:
    """The thing with its article, and what it does as finite verb and as participle."""
    noun = _join(
        rng.choice(words_en.COLOURS[actor.colour]) if spoken["colour" + which] else "",
        rng.choice(words_en.THINGS[actor.thing]),
    )
    article = rng.choice(("a", "a", "the", "one"))
    if article == "a" and noun[0] in "aeiou":
        article = "an"
    finite, going = rng.choice(words_en.MOTIONS[actor.motion]) if spoken["motion" + which] else ("", "")
    return f"{article} {noun}", finite, going


def _german(scene: Scene, rng: random.Random, spoken: Spoken) -> str:
    place = rng.choice(words_de.GROUNDS[scene.ground]) if spoken["ground"] else ""
    when = rng.choice(words_de.TIMES[scene.time]) if spoken["time"] else ""
    extras = [
        rng.choice(words_de.STYLES[scene.style]) if spoken["style"] else "",
        rng.choice(words_de.CAMERAS[scene.camera]) if spoken["camera"] else "",
    ]
    thing, dative, gender = _thing_de(scene.first, rng, spoken, "")
    verb, after = rng.choice(words_de.MOTIONS[scene.first.motion]) if spoken["motion"] else ("", "")
    if scene.second is not None:
        other, other_dative, _ = _thing_de(scene.second, rng, spoken, "2")
        verb2, after2 = rng.choice(words_de.MOTIONS[scene.second.motion]) if spoken["motion2"] else ("", "")
        if verb2:
            link = rng.choice((" und ", " und ", ", ", ", während "))
            two = _join(other, after2, verb2) if link == ", während " else _join(other, verb2, after2)
        else:
            link = rng.choice((" und ", " neben ", " mit "))
            two = other if link == " und " else other_dative
        body = _join(thing, verb, after) + link + two
        if verb and when and rng.random() < 0.3:  # inverted
            return _with(_join(when, verb, thing, after) + link + _join(two, place), rng, extras)
        return _with(_join(body, place, when), rng, extras)
    match rng.randrange(6):
        case 0 if verb:
            reflexive = verb.endswith(" sich")
            text = (
                _join(when or place, verb, thing, after, place if when else "")
                if reflexive
                else _join(when or place, verb, thing, place if when else "", after)
            )
        case 1:
            clause = (
                f", {_RELATIVE[gender]} " + _join(place, when, after, verb)
                if verb
                else f" {_join(place, when)}"
            )
            text = f"{rng.choice(('ein Video von', 'ein Clip mit'))} {dative}{clause}"
        case 2:
            text = _join(thing, place, when, verb, after)
        case 3:
            text = _join(f"{when}:" if when else "", thing, verb, after, place)
        case 4:
            text = _join(thing, verb, place, after, when)
        case _:
            text = _join(thing, verb, after, place, when)
    return _with(text.strip(), rng, extras)


def _thing_de(actor: Actor, rng: random.Random, spoken: Spoken, which: str) -> tuple[str, str, str]:
    """The thing in the nominative and the dative, with its article, and its gender."""
    noun, gender = rng.choice(words_de.THINGS[actor.thing])
    stem = rng.choice(words_de.COLOURS[actor.colour]) if spoken["colour" + which] else ""
    bare = stem.endswith("-") or not stem
    stem = stem.removesuffix("-")
    return (
        _join(_ARTICLE[gender], stem + ("" if bare else _ENDING[gender]), noun),
        _join(_DATIVE[gender], stem + ("" if bare else "en"), noun),
        gender,
    )
