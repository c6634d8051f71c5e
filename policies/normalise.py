"""Undo what people do to hide words, and remember where every character came from.

Compatibility forms, look-alikes, zero-width characters, accents, leetspeak, spaced and stretched letters,
reversed words, base64 and pictographs are undone (``policies.undo``). Each output character knows the span of
the original text it stands for. All steps take time linear in the length of the text.
"""

import re
import unicodedata
from dataclasses import dataclass

from policies.errors import PromptError
from policies.traced import Traced
from policies.undo import (
    decode_base64,
    expand_umlauts,
    fold,
    join_spaced,
    name_emoji,
    read_leet,
    turn_reversed,
    unmix_scripts,
    unstretch,
)

MAX_CODE_POINTS = 32_000
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the normalised text.

    Attributes:
        text: The word.
        start: Its first code point in the original text.
        end: One past its last code point in the original text.
        joined: Whether it was put together from single, spaced-out letters.
    """

    text: str
    start: int
    end: int
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Normalised:
    """Normalised text with the way back.

    Attributes:
        text: The normalised text: lower case, without accents, ``ä ö ü ß`` as ``ae oe ue ss``, so that one
            phrase covers both spellings.
        starts: For each of its characters, the first original code point it stands for; never falling.
        ends: For each of its characters, one past the last original code point.
        words: Its words.
        readable: For models that read: the text as it was written where nothing was hidden, else with all
            tricks undone, in lower case, with ``ä ö ü ß``.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    words: tuple[Word, ...]
    readable: str

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Map the stretch ``[start, end)`` of the normalised text to the original."""
        return self.starts[start], self.ends[end - 1]


def read_prompt(text: str, limit: int = MAX_CODE_POINTS) -> Normalised:
    """Check a prompt and normalise it.

    Raises:
        PromptError: ``prompt_empty``, ``prompt_too_long`` or ``prompt_unreadable``.
    """
    if len(text) > limit:
        raise PromptError("prompt_too_long", f"The text is longer than {limit} characters: shorten it.")
    if "\x00" in text:
        raise PromptError(
            "prompt_unreadable", "The text holds the control character NUL (U+0000): leave it out."
        )
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise PromptError("prompt_unreadable", "The text is not valid Unicode: send plain UTF-8.")
    normalised = normalise(text)
    if not any(unicodedata.category(char)[0] in "LNS" for char in normalised.text):
        raise PromptError("prompt_empty", "The text holds no visible words: write what is meant.")
    return normalised


def normalise(text: str) -> Normalised:
    """Normalise ``text`` without checking it."""
    folded = unmix_scripts(fold(name_emoji(decode_base64(Traced.of(text)))))
    whole, joined = join_spaced(folded)
    readable = turn_reversed(unstretch(read_leet(whole)))
    plain = expand_umlauts(readable)
    words = tuple(
        Word(m.group(), plain.starts[m.start()], plain.ends[m.end() - 1], plain.starts[m.start()] in joined)
        for m in _WORD.finditer(plain.text)
    )
    honest = readable.text == text.lower() and 4 * sum(map(str.isupper, text)) <= len(text)
    return Normalised(
        plain.text, tuple(plain.starts), tuple(plain.ends), words, text if honest else readable.text
    )


def flatten(text: str) -> str:
    """A readable text as the normalised text writes it: lower case, ``ä ö ü ß`` as ``ae oe ue ss``."""
    return expand_umlauts(fold(Traced.of(text))).text


def words_of(phrase: str) -> tuple[str, ...]:
    """The normalised words of a phrase; a ``*`` at either end of a word, or alone for one, is kept as a wildcard."""
    words: list[str] = []
    for part in phrase.split():
        if not part.strip("*"):
            words.append("*")
            continue
        inner = [word.text for word in normalise(part.strip("*")).words]
        if not inner:
            continue
        inner[0] = "*" + inner[0] if part.startswith("*") else inner[0]
        inner[-1] = inner[-1] + "*" if part.endswith("*") else inner[-1]
        words.extend(inner)
    return tuple(words)
