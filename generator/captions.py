"""English and German captions for scenes: the words the embedded model is taught.

The German side inflects its adjectives by gender and knows main, inverted and relative clauses.
"""

from __future__ import annotations

import random
from typing import Final, Literal

from generator.scenes import SLOTS, Scene, Slot

Language = Literal["en", "de"]
Words = dict[str, tuple[str, ...]]

SHAPES_EN: Final[Words] = {
    "ball": ("ball", "ball", "ball", "sphere", "circle", "orb"),
    "cube": ("cube", "cube", "box", "square", "block"),
    "pyramid": ("pyramid", "pyramid", "triangle", "cone"),
    "star": ("star",),
    "heart": ("heart",),
}
COLOURS_EN: Final[Words] = {
    "red": ("red", "red", "red", "crimson", "scarlet"),
    "orange": ("orange",),
    "yellow": ("yellow", "yellow", "golden"),
    "green": ("green", "green", "green", "emerald"),
    "blue": ("blue", "blue", "blue", "azure"),
    "purple": ("purple", "purple", "violet"),
    "white": ("white",),
}
# finite form | -ing form
MOTIONS_EN: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "left": (
        ("rolls to the left", "rolling to the left"),
        ("moves left", "moving left"),
        ("slides to the left", "sliding to the left"),
        ("flies from right to left", "flying from right to left"),
        ("goes left", "going left"),
        ("drifts leftwards", "drifting leftwards"),
    ),
    "right": (
        ("rolls to the right", "rolling to the right"),
        ("moves right", "moving right"),
        ("slides to the right", "sliding to the right"),
        ("flies from left to right", "flying from left to right"),
        ("goes right", "going right"),
        ("drifts rightwards", "drifting rightwards"),
    ),
    "rise": (
        ("rises", "rising"),
        ("floats up", "floating up"),
        ("flies upwards", "flying upwards"),
        ("moves up", "moving up"),
        ("takes off", "taking off"),
        ("climbs into the sky", "climbing into the sky"),
    ),
    "fall": (
        ("falls", "falling"),
        ("drops down", "dropping down"),
        ("falls from the sky", "falling from the sky"),
        ("moves down", "moving down"),
        ("sinks", "sinking"),
        ("lands", "landing"),
    ),
    "bounce": (
        ("bounces", "bouncing"),
        ("jumps", "jumping"),
        ("bounces up and down", "bouncing up and down"),
        ("hops up and down", "hopping up and down"),
        ("jumps up and down", "jumping up and down"),
    ),
    "still": (
        ("stands still", "standing still"),
        ("rests", "resting"),
        ("sits", "sitting"),
        ("does not move", "not moving"),
        ("lies", "lying"),
        ("stays in place", "staying in place"),
    ),
}
GROUNDS_EN: Final[Words] = {
    "meadow": (
        "on a meadow",
        "on the grass",
        "over green grass",
        "in a green field",
        "in a park",
        "on the lawn",
    ),
    "desert": ("in the desert", "on the sand", "on a beach", "over yellow sand", "among the dunes"),
    "snow": ("in the snow", "on white snow", "over a snowy field", "in winter", "on snow"),
    "sea": ("on the sea", "over the water", "over the blue ocean", "on the waves", "above a lake"),
    "city": (
        "in the city",
        "on the street",
        "in front of a skyline",
        "on a grey road",
        "before tall buildings",
    ),
}
TIMES_EN: Final[Words] = {
    "day": ("by day", "in daylight", "under a blue sky", "at noon", "in the sunshine", "during the day"),
    "sunset": ("at sunset", "at dusk", "in the evening", "in the evening light", "at sundown"),
    "night": (
        "at night",
        "under the stars",
        "in the moonlight",
        "at midnight",
        "by night",
        "under a starry sky",
    ),
}

# noun, gender
SHAPES_DE: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "ball": (("Ball", "m"), ("Ball", "m"), ("Kugel", "f"), ("Kreis", "m")),
    "cube": (
        ("Würfel", "m"),
        ("Würfel", "m"),
        ("Kasten", "m"),
        ("Quadrat", "n"),
        ("Block", "m"),
        ("Kiste", "f"),
    ),
    "pyramid": (("Pyramide", "f"), ("Pyramide", "f"), ("Dreieck", "n"), ("Kegel", "m")),
    "star": (("Stern", "m"),),
    "heart": (("Herz", "n"),),
}
# stem; a trailing "-" marks a word that takes no ending
COLOURS_DE: Final[Words] = {
    "red": ("rot", "rot", "knallrot"),
    "orange": ("orange-", "orangefarben", "orang"),
    "yellow": ("gelb", "gelb", "golden"),
    "green": ("grün", "grün", "hellgrün"),
    "blue": ("blau", "blau", "tiefblau"),
    "purple": ("lila-", "violett"),
    "white": ("weiß", "weiss"),
}
# finite verb | what follows it
MOTIONS_DE: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "left": (
        ("rollt", "nach links"),
        ("bewegt sich", "nach links"),
        ("gleitet", "nach links"),
        ("fliegt", "von rechts nach links"),
        ("wandert", "nach links"),
        ("rutscht", "nach links"),
    ),
    "right": (
        ("rollt", "nach rechts"),
        ("bewegt sich", "nach rechts"),
        ("gleitet", "nach rechts"),
        ("fliegt", "von links nach rechts"),
        ("wandert", "nach rechts"),
        ("rutscht", "nach rechts"),
    ),
    "rise": (
        ("steigt", "auf"),
        ("steigt", "nach oben"),
        ("schwebt", "nach oben"),
        ("fliegt", "in die Höhe"),
        ("hebt", "ab"),
        ("bewegt sich", "nach oben"),
    ),
    "fall": (
        ("fällt", ""),
        ("fällt", "herunter"),
        ("fällt", "vom Himmel"),
        ("sinkt", "herab"),
        ("bewegt sich", "nach unten"),
        ("landet", ""),
    ),
    "bounce": (
        ("hüpft", ""),
        ("springt", ""),
        ("hüpft", "auf und ab"),
        ("springt", "auf und ab"),
        ("springt", "hoch und runter"),
    ),
    "still": (
        ("steht", "still"),
        ("ruht", ""),
        ("liegt", ""),
        ("bewegt sich", "nicht"),
        ("steht", ""),
        ("bleibt", "stehen"),
    ),
}
GROUNDS_DE: Final[Words] = {
    "meadow": (
        "auf einer Wiese",
        "auf der grünen Wiese",
        "im Gras",
        "über einem Feld",
        "im Park",
        "auf dem Rasen",
    ),
    "desert": ("in der Wüste", "im Sand", "am Strand", "auf gelbem Sand", "über den Dünen"),
    "snow": ("im Schnee", "auf weißem Schnee", "über einem verschneiten Feld", "im Winter", "auf Schnee"),
    "sea": ("auf dem Meer", "über dem Wasser", "über dem blauen Ozean", "auf den Wellen", "über einem See"),
    "city": (
        "in der Stadt",
        "auf der Straße",
        "vor einer Skyline",
        "auf einer grauen Straße",
        "vor Hochhäusern",
    ),
}
TIMES_DE: Final[Words] = {
    "day": ("am Tag", "bei Tag", "unter blauem Himmel", "am Mittag", "im Sonnenschein", "tagsüber"),
    "sunset": ("bei Sonnenuntergang", "in der Dämmerung", "am Abend", "im Abendlicht", "in der Abendsonne"),
    "night": ("bei Nacht", "in der Nacht", "nachts", "unter den Sternen", "im Mondschein", "um Mitternacht"),
}
_ENDING = {"m": "er", "f": "e", "n": "es"}
_ARTICLE = {"m": "ein", "f": "eine", "n": "ein"}
_DATIVE = {"m": "einem", "f": "einer", "n": "einem"}
_RELATIVE = {"m": "der", "f": "die", "n": "das"}
_PLAIN_RATE: Final = 0.5


def caption(
    scene: Scene, rng: random.Random, language: Language | None = None
) -> tuple[str, dict[Slot, bool]]:
    """A caption for the scene and which slots it names; what it leaves out is left to the model."""
    language = language or rng.choice(("en", "de"))
    spoken: dict[Slot, bool] = dict.fromkeys(SLOTS, True)
    if rng.random() > _PLAIN_RATE:
        for slot, rate in (("colour", 0.1), ("motion", 0.15), ("ground", 0.2), ("time", 0.4)):
            spoken[slot] = rng.random() > rate  # type: ignore[index]
    text = _english(scene, rng, spoken) if language == "en" else _german(scene, rng, spoken)
    return text, spoken


def _join(*parts: str) -> str:
    return " ".join(p for p in parts if p)


def _english(s: Scene, rng: random.Random, spoken: dict[Slot, bool]) -> str:
    noun = _join(rng.choice(COLOURS_EN[s.colour]) if spoken["colour"] else "", rng.choice(SHAPES_EN[s.shape]))
    article = rng.choice(("a", "a", "the", "one"))
    thing = f"an {noun}" if article == "a" and noun[0] in "aeiou" else f"{article} {noun}"
    finite, going = rng.choice(MOTIONS_EN[s.motion]) if spoken["motion"] else ("", "")
    place = rng.choice(GROUNDS_EN[s.ground]) if spoken["ground"] else ""
    when = rng.choice(TIMES_EN[s.time]) if spoken["time"] else ""
    form = rng.randrange(6)
    if form == 0:
        return _join(f"{when}," if when else "", thing, finite, place)
    if form == 1:
        return _join(rng.choice(("a video of", "a clip of", "animation of")), thing, going, place, when)
    if form == 2:
        return _join(thing, going, place, when)
    if form == 3:
        return _join(thing, place, when, finite)
    return _join(thing, finite, place, when)


def _german(s: Scene, rng: random.Random, spoken: dict[Slot, bool]) -> str:
    noun, gender = rng.choice(SHAPES_DE[s.shape])
    stem = rng.choice(COLOURS_DE[s.colour]) if spoken["colour"] else ""
    plain = stem.endswith("-")
    stem = stem.removesuffix("-")
    ending = "" if plain or not stem else _ENDING[gender]
    thing = _join(_ARTICLE[gender], stem + ending, noun)
    verb, after = rng.choice(MOTIONS_DE[s.motion]) if spoken["motion"] else ("", "")
    place = rng.choice(GROUNDS_DE[s.ground]) if spoken["ground"] else ""
    when = rng.choice(TIMES_DE[s.time]) if spoken["time"] else ""
    form = rng.randrange(6)
    if form == 0 and verb:
        reflexive = verb.endswith(" sich")
        return (
            _join(when or place, verb, thing, place if when else "", after)
            if not reflexive
            else _join(when or place, verb, thing, after, place if when else "")
        )
    if form == 1:
        dative = _join(_DATIVE[gender], stem + ("" if plain or not stem else "en"), noun)
        clause = _join(f", {_RELATIVE[gender]}", place, when, after, verb) if verb else _join(place, when)
        return (
            _join(rng.choice(("ein Video von", "ein Clip mit")), dative) + (" " if not verb else "") + clause
        )
    if form == 2:
        return _join(thing, place, when, verb, after)
    if form == 3:
        return _join(f"{when}:" if when else "", thing, verb, after, place)
    return (
        _join(thing, verb, place, after, when)
        if rng.random() < 0.5
        else _join(thing, verb, after, place, when)
    )
