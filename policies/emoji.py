"""Pictographs as words: their Unicode names where those are plain words, and a few that mean something else."""

import re
import unicodedata
from functools import lru_cache

from policies.lexicon import known

_MEANT = {
    "🍆💦": "sex",
    "🍆🍑": "sex",
    "🍑🍆": "sex",
    "👉👌": "sex",
    "🔪": "knife",
    "🗡": "dagger",
    "🩸": "blood",
    "🧨": "explosive",
    "☠": "death",
    "💀": "death",
    "🔞": "adults only",
    "💋": "kiss",
    "🖕": "middle finger",
    "🗳": "ballot",
    "💰": "money",
    "💵": "money",
    "💊": "pills",
    "💉": "syringe",
    "🚗": "car",
    "📱": "phone",
    "👮": "police",
}
_NO_WORDS = {"face", "faced", "building", "black", "white", "heavy", "sign", "symbol", "emoji"}
_LONGEST_NAME = 2  # words; "smiling face with sunglasses" is a mood, not a thing
EMOJI = re.compile("|".join(map(re.escape, _MEANT)) + "|[\U0001f300-\U0001faff\u2600-\u27bf]")


@lru_cache(maxsize=1024)
def name_of(sign: str) -> str:
    """The words for a pictograph, or nothing for one that stands for a mood or an ornament."""
    if sign in _MEANT:
        return _MEANT[sign]
    name = unicodedata.name(sign, "").lower().split()
    words = [word for word in name if word not in _NO_WORDS]
    return " ".join(words) if 0 < len(words) <= _LONGEST_NAME and all(map(known, words)) else ""
