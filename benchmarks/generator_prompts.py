"""The prompts that the generator is measured with: thirty as people type them, ninety drawn from held-out scenes.

The thirty were written before any clip of the model had been seen, and nothing was fitted to them since.
"""

from __future__ import annotations

from collections.abc import Sequence

from generator.training.evaluate import Asked, prompts

COUNT = 120
_DRAWN_SINGLE, _DRAWN_PAIRS = 72, 18
_SEED = 20261125


def _asked(language: str, text: str, first: str, second: str = "", **rest: str) -> Asked:
    """`first` and `second` are thing, colour and motion; "-" for what the prompt leaves open."""
    slots = dict(rest)
    for which, said in (("", first), ("2", second)):
        for slot, value in zip(("thing", "colour", "motion"), said.split(), strict=False):
            if value != "-":
                slots[slot + which] = value
    return Asked(text, "en" if language == "en" else "de", slots)


BY_HAND: tuple[Asked, ...] = (
    _asked("en", "a red ball bouncing on a beach", "ball red bounce", ground="desert"),
    _asked(
        "en",
        "A small green boat sails to the left across the ocean at sunset.",
        "boat green left",
        ground="sea",
        time="sunset",
    ),
    _asked("en", "please make a video of a white cat sitting in the snow", "cat white still", ground="snow"),
    _asked("en", "blue car driving through the city at night", "car blue -", ground="city", time="night"),
    _asked(
        "en",
        "A yellow balloon floats up into the sky above the mountains",
        "balloon yellow rise",
        ground="mountains",
    ),
    _asked(
        "en",
        "a purple rocket takes off at night, pixel art",
        "rocket purple rise",
        time="night",
        style="pixel",
    ),
    _asked("en", "an orange fish swims from left to right in the sea", "fish orange right", ground="sea"),
    _asked(
        "en",
        "Watercolour painting of a pink heart that slowly grows over a meadow",
        "heart pink grow",
        ground="meadow",
        style="watercolour",
    ),
    _asked(
        "en",
        "a golden star spinning in the night sky over a forest",
        "star yellow spin",
        ground="forest",
        time="night",
    ),
    _asked(
        "en",
        "A little white house in a forest in the evening, the camera zooms in",
        "house white -",
        ground="forest",
        time="sunset",
        camera="zoom in",
    ),
    _asked(
        "en",
        "the green tree gets smaller and smaller in the desert, daytime",
        "tree green shrink",
        ground="desert",
        time="day",
    ),
    _asked(
        "en",
        "camera pans right over a snowy field, a blue cube stands there",
        "cube blue still",
        ground="snow",
        camera="pan right",
    ),
    _asked(
        "en",
        "a red car drives to the right and a white cat is sitting on the street",
        "car red right",
        "cat white still",
        ground="city",
    ),
    _asked(
        "en",
        "a yellow balloon rises while a blue ball bounces on the grass",
        "balloon yellow rise",
        "ball blue bounce",
        ground="meadow",
    ),
    _asked(
        "en",
        "a pink pyramid and a green cube next to each other in the desert at night",
        "pyramid pink -",
        "cube green -",
        ground="desert",
        time="night",
    ),
    _asked("de", "Ein blauer Ball hüpft auf der Wiese", "ball blue bounce", ground="meadow"),
    _asked(
        "de", "eine weiße Katze sitzt nachts in der Stadt", "cat white still", ground="city", time="night"
    ),
    _asked(
        "de",
        "Bitte ein Video von einem roten Auto, das nach links durch die Wüste fährt",
        "car red left",
        ground="desert",
    ),
    _asked(
        "de",
        "Ein gelber Luftballon steigt bei Sonnenuntergang über dem Meer auf",
        "balloon yellow rise",
        ground="sea",
        time="sunset",
    ),
    _asked("de", "Lila Rakete startet in den Bergen", "rocket purple rise", ground="mountains"),
    _asked(
        "de",
        "ein grünes Segelboot fährt nach rechts übers Meer, am Tag",
        "boat green right",
        ground="sea",
        time="day",
    ),
    _asked(
        "de",
        "Ein rosa Herz wird immer größer, als Aquarell, im Schnee",
        "heart pink grow",
        ground="snow",
        style="watercolour",
    ),
    _asked(
        "de",
        "Stern dreht sich am Nachthimmel, orange, Pixelgrafik",
        "star orange spin",
        time="night",
        style="pixel",
    ),
    _asked(
        "de",
        "ein kleines rotes Haus im Wald, Kamera zoomt heran",
        "house red -",
        ground="forest",
        camera="zoom in",
    ),
    _asked("de", "Ein orangefarbener Fisch schwimmt im Kreis", "fish orange circle"),
    _asked("de", "der Würfel fällt vom Himmel auf die Straße, er ist weiß", "cube white fall", ground="city"),
    _asked(
        "de",
        "Im Abendlicht steht ein grüner Baum auf einer Wiese, die Kamera schwenkt nach links",
        "tree green still",
        ground="meadow",
        time="sunset",
        camera="pan left",
    ),
    _asked(
        "de",
        "Ein roter Ball rollt nach rechts und eine blaue Katze springt auf und ab, im Schnee",
        "ball red right",
        "cat blue bounce",
        ground="snow",
    ),
    _asked(
        "de",
        "Ein gelbes Auto und ein lila Haus in der Stadt bei Nacht",
        "car yellow -",
        "house purple -",
        ground="city",
        time="night",
    ),
    _asked(
        "de",
        "Eine Rakete in Weiß fliegt nach oben, daneben schrumpft ein rosa Ballon, in der Wüste am Tag",
        "rocket white rise",
        "balloon pink shrink",
        ground="desert",
        time="day",
    ),
)


def all_prompts() -> list[Asked]:
    """The whole list, always the same: those by hand first, half of the drawn ones German."""
    drawn = [
        *prompts(_DRAWN_SINGLE // 2, _SEED, language="en", two=0),
        *prompts(_DRAWN_SINGLE // 2, _SEED + 1, language="de", two=0),
        *prompts(_DRAWN_PAIRS // 2, _SEED + 2, language="en", two=1),
        *prompts(_DRAWN_PAIRS // 2, _SEED + 3, language="de", two=1),
    ]
    return [*BY_HAND, *drawn]


def some_prompts(count: int) -> Sequence[Asked]:
    """At most `count` of the list, evenly taken."""
    everything = all_prompts()
    count = min(count, len(everything))
    return [everything[i * len(everything) // count] for i in range(count)]
