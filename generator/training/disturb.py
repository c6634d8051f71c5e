"""What users add to a caption: other words, invented words, slips of the keyboard."""

from __future__ import annotations

import random
from typing import Final

_WORDS: Final = """
beautiful nice slowly fast very cinematic realistic hd quality please show me make create generate
short film scene little small big large bright dark shiny lovely with and there is which that 3d
simple schön schöne langsam schnell sehr bitte zeige mir mach erstelle kurzer film szene klein
kleiner kleine kleines großer große großes hell dunkel glänzend mit und da ist es gibt einfach dabei
sieht man wie gerade friedlich quiet dog man woman child bird horse table music dance eats drinks
reads sings hund mann frau kind vogel pferd tisch musik tanz isst trinkt geht liest singt what who
how many three old young new was wer wie viele drei alt jung neu das der die den dem des for from
into shot aufnahme view blick smooth sanft gently colourful bunt epic detailed photo bild happy
funny lustig fröhlich cute süß quickly rasch high hoch far weit alone allein magic
"""
FILLERS: Final = tuple(_WORDS.split())


def disturb(text: str, rng: random.Random) -> str:
    """Add what users add: other words, invented words, slips of the keyboard, other case."""
    words = text.split()
    for _ in range(rng.choice((0, 0, 0, 1, 2, 3))):
        extra = rng.choice(FILLERS) if rng.random() < 0.7 else _invented(rng)
        words.insert(rng.randrange(len(words) + 1), extra)
    words = [_slip(w, rng) if len(w) > 4 and rng.random() < 0.05 else w for w in words]
    text = " ".join(words)
    return text.capitalize() + rng.choice(("", ".", "!")) if rng.random() < 0.3 else text


def _invented(rng: random.Random) -> str:
    return "".join(rng.choice("bdfgklmnprstvw") + rng.choice("aeiou") for _ in range(rng.randint(1, 4)))


def _slip(word: str, rng: random.Random) -> str:
    i = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (
            word[:i] + word[i + 1 :],
            word[:i] + word[i] + word[i:],
            word[:i] + word[i + 1] + word[i] + word[i + 2 :],
        )
    )
