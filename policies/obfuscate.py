"""Hide the words of a prompt the way people do, to measure whether they are still found.

The tables are written for this purpose and shared with nothing that undoes them. The same text, kind
and seed always give the same result.
"""

import base64
import random
import re
from collections.abc import Callable

_LEET = {
    "a": "4@",
    "b": "8",
    "e": "3",
    "g": "9",
    "i": "1!",
    "l": "1|",
    "o": "0",
    "s": "5$",
    "t": "7+",
    "z": "2",
}
_HOMOGLYPHS = {
    "a": "аɑ", "b": "Ь", "c": "сϲ", "d": "ԁ", "e": "еҽ", "g": "ɡ", "h": "һ", "i": "іı", "j": "ј", "k": "к",
    "l": "ӏ", "m": "м", "n": "ո", "o": "оο", "p": "рρ", "q": "ԛ", "s": "ѕ", "t": "т", "u": "υ", "v": "ν",
    "w": "ԝ", "x": "хχ", "y": "уү",
}  # fmt: skip
_INVISIBLE = "\u200b\u200c\u200d\u2060\u00ad\ufeff"
_SEPARATORS = " .-_*"
_ALPHABETS = (0x1D41A, 0x1D44E + 26 * 2, 0x1D552, 0x1D5BA, 0x24D0, 0xFF41)  # first letters of styled a to z
_EMOJI_LETTERS = {"a": "🅰️", "b": "🅱️", "i": "ℹ️", "m": "Ⓜ️", "o": "⭕", "p": "🅿️", "x": "❌"}
_EMOJI_WORDS = {
    "🔪": ("knife", "messer"), "🔫": ("gun", "pistol", "pistole", "waffe"), "💣": ("bomb", "bombe"),
    "🩸": ("blood", "blut"), "💀": ("dead", "death", "tot", "tod"), "💊": ("pills", "tabletten", "pillen"),
    "🔥": ("fire", "feuer"), "👶": ("baby",), "👧": ("girl", "mädchen"), "👦": ("boy", "junge"),
    "💋": ("kiss", "kuss"), "🐀": ("rats", "ratten"), "🗳️": ("ballots", "stimmzettel"), "💰": ("money", "geld"),
    "📱": ("phone", "handy"), "🏦": ("bank",), "👮": ("police", "polizei"), "🚗": ("car", "auto"),
    "🐺": ("wolf",), "🐭": ("mouse", "maus"), "🏠": ("house", "haus"), "🛏️": ("bed", "bett"),
}  # fmt: skip
_AS_EMOJI = {word: emoji for emoji, words in _EMOJI_WORDS.items() for word in words}
_WORD = re.compile(r"[^\W\d_]{4,}")
_SHARE = 0.7  # of the longer words are hidden; people leave the rest readable


def leetspeak(text: str, rng: random.Random) -> str:
    """Write digits and signs for letters."""
    return _words(text, rng, lambda word: _letters(word, _LEET, rng))


def homoglyphs(text: str, rng: random.Random) -> str:
    """Write Cyrillic, Greek and other look-alikes for letters."""
    return _words(text, rng, lambda word: _letters(word, _HOMOGLYPHS, rng))


def zero_width(text: str, rng: random.Random) -> str:
    """Put invisible characters between letters."""
    return _words(text, rng, lambda word: "".join(c + rng.choice(_INVISIBLE) for c in word[:-1]) + word[-1])


def spacing(text: str, rng: random.Random) -> str:
    """Put one separator between all letters of a word."""
    return _words(text, rng, lambda word: rng.choice(_SEPARATORS).join(word))


def reversed_words(text: str, rng: random.Random) -> str:
    """Write words backwards."""
    return _words(text, rng, lambda word: word[::-1])


def encoded(text: str, rng: random.Random) -> str:
    """Encode the text in base64, whole or after its first words."""
    words = text.split()
    kept = rng.choice((0, 0, min(3, len(words) - 1)))
    code = base64.b64encode(" ".join(words[kept:]).encode()).decode()
    return " ".join([*words[:kept], code])


def emoji(text: str, rng: random.Random) -> str:
    """Write emoji for words and letters, or between letters."""

    def hide(word: str) -> str:
        if word.lower() in _AS_EMOJI:
            return _AS_EMOJI[word.lower()]
        swapped = "".join(_EMOJI_LETTERS.get(c.lower(), c) for c in word)
        return swapped if swapped != word else rng.choice("✨🙈🌶").join((word[:2], word[2:]))

    return re.sub(r"[^\W\d_]{3,}", lambda m: hide(m.group()) if rng.random() < _SHARE else m.group(), text)


def mixed_scripts(text: str, rng: random.Random) -> str:
    """Write every hidden word in another styled alphabet of Unicode."""

    def hide(word: str) -> str:
        first = rng.choice(_ALPHABETS)
        return "".join(chr(first + ord(c) - ord("a")) if "a" <= c <= "z" else c for c in word.lower())

    return _words(text, rng, hide)


KINDS: dict[str, Callable[[str, random.Random], str]] = {
    "leetspeak": leetspeak,
    "homoglyphs": homoglyphs,
    "zero_width": zero_width,
    "spacing": spacing,
    "reversed_words": reversed_words,
    "base64": encoded,
    "emoji": emoji,
    "mixed_scripts": mixed_scripts,
}


def obfuscate(text: str, kind: str, seed: int = 0) -> str:
    """The obfuscated twin of a prompt.

    Args:
        text: The plain prompt.
        kind: One of ``KINDS``.
        seed: Same seed, same twin.
    """
    return KINDS[kind](text, random.Random(f"{seed}/{kind}/{text}"))  # noqa: S311 - not for secrets


def _words(text: str, rng: random.Random, hide: Callable[[str], str]) -> str:
    return _WORD.sub(lambda m: hide(m.group()) if rng.random() < _SHARE else m.group(), text)


def _letters(word: str, table: dict[str, str], rng: random.Random) -> str:
    """Swap letters for those of the table: each with even odds, at least one where any can be."""
    places = [i for i, c in enumerate(word) if c.lower() in table]
    if not places:
        return word
    chosen = {i for i in places if rng.random() < 0.5} or {rng.choice(places)}
    return "".join(rng.choice(table[c.lower()]) if i in chosen else c for i, c in enumerate(word))
