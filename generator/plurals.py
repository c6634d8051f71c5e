"""Plurals of the things that the embedded model draws: it learned them one at a time, and draws one of them."""

from __future__ import annotations

import re
from typing import Final

_ENGLISH: Final = (
    "apple tree", "automobile", "ball", "balloon", "block", "boat", "car", "cat", "cone", "cottage",
    "cube", "heart", "house", "hut", "kitten", "oak", "pyramid", "rocket", "sailboat", "ship", "spaceship",
    "sphere", "square", "star", "taxi", "tree", "triangle", "vehicle",
)  # fmt: skip
_GERMAN: Final = {
    "ball": "bälle bällen", "wasserball": "wasserbälle wasserbällen", "kugel": "kugeln",
    "kasten": "kästen", "quadrat": "quadrate quadraten", "block": "blöcke blöcken", "kiste": "kisten",
    "würfel": "würfeln", "pyramide": "pyramiden", "dreieck": "dreiecke dreiecken", "kegel": "kegeln",
    "stern": "sterne", "herz": "herzen", "auto": "autos", "taxi": "taxis", "haus": "häuser häusern",
    "hütte": "hütten", "baum": "bäume bäumen", "apfelbaum": "apfelbäume apfelbäumen", "eiche": "eichen",
    "boot": "boote booten", "schiff": "schiffe schiffen", "segelboot": "segelboote segelbooten",
    "ballon": "ballons ballone", "luftballon": "luftballons luftballone", "rakete": "raketen",
    "raumschiff": "raumschiffe raumschiffen", "fisch": "fische fischen", "goldfisch": "goldfische goldfischen",
    "katze": "katzen",
}  # fmt: skip
_SINGULAR: Final = (
    {f"{word}s": word for word in _ENGLISH}
    | {"boxes": "box", "fishes": "fish", "goldfishes": "goldfish", "kitties": "kitty"}
    | {form: word for word, forms in _GERMAN.items() for form in forms.split()}
)
# "The stars" are a time of day, "fir trees" a place: phrases that the model knows as they are, like "circles" and
# "unter den Sternen", which are not in the lists.
_PLURAL: Final = re.compile(
    r"(?<!\bfir )(?<!\bthe (?=stars\b))\b(?:" + "|".join(map(re.escape, _SINGULAR)) + r")\b"
)


def singular(text: str) -> str:
    """A caption in lower case with every known plural replaced by its singular."""
    return _PLURAL.sub(lambda found: _SINGULAR[found[0]], text)
