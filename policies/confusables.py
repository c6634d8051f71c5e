"""Characters that look like, or are read as, plain Latin letters.

A small table of our own: the lower-case Cyrillic, Greek, Armenian and Latin look-alikes that people
use to slip a word past a filter. Compatibility forms (full-width, mathematical, circled) are already
undone by NFKC and not repeated here.
"""

import unicodedata

_LOOKALIKES = {
    "a": "аαɑᴀаⱥ",
    "b": "ьвƅʙɓƀ",
    "c": "сϲςᴄƈȼ",
    "d": "ԁɗđᴅð",
    "e": "еєεҽɛᴇә",
    "f": "ƒꜰғ",
    "g": "ɡɢցǥ",
    "h": "һհʜħн",
    "i": "іιıɩɪї",
    "j": "јϳʝᴊ",
    "k": "кκĸᴋƙқ",
    "l": "ӏⅼʟłɫƚ",
    "m": "мᴍɱ",
    "n": "ոηɴƞпդŋ",
    "o": "оοσօᴏøө๐०",
    "p": "рρᴘƥ",
    "q": "ԛզɋ",
    "r": "гʀɾяг",
    "s": "ѕꜱʂ",
    "t": "тτᴛƭŧ",
    "u": "υսᴜцʊ",
    "v": "νѵᴠ",
    "w": "ԝωᴡшա",
    "x": "хχҳ×",
    "y": "уγʏүყ",
    "z": "ᴢʐƶ",
    "ae": "æ",
    "oe": "œ",
    "th": "þ",
}

CONFUSABLES: dict[str, str] = {char: plain for plain, chars in _LOOKALIKES.items() for char in chars}

FOREIGN = frozenset(
    char for char in CONFUSABLES if char.isalpha() and not unicodedata.name(char).startswith("LATIN")
)
"""Look-alikes that are letters of another script, and may be meant as such."""

LEET: dict[int, int] = str.maketrans("013456789@$!|€+", "oieasgtbgasilet")

LEET_READINGS: tuple[dict[int, int], ...] = tuple(
    str.maketrans("0123456789@$!|€+", letters)
    for letters in ("oizeasgtbgasilet", "olzeasgtbgasllet", "oizeasgtbgasiiet", "olzeasgtbgasilet")
)
"""Further readings of a word (``1`` and ``!`` as i or l, ``2`` as z), taken where they make a known word."""
