"""Undo what people do to hide words, and remember where every character came from.

The result is lower-case and without accents; German umlauts become ``ae oe ue`` and ``ß`` becomes
``ss``, so one phrase covers both spellings. Each output character knows the span of the original
text it stands for. All steps take time linear in the length of the text.
"""

import re
import unicodedata
from dataclasses import dataclass

from policies.confusables import CONFUSABLES, LEET, UMLAUTS
from policies.errors import PromptError

MAX_CODE_POINTS = 32_000
_MAX_MARKS = 3  # more marks on one letter are decoration; it also keeps reordering linear
_MAX_EXPANSION = 8  # a few compatibility characters stand for a whole phrase
_DROPPED = {"Cf", "Cc", "Cs", "Co", "Cn"}  # zero-width, bidirectional, control, private, unassigned
_SELECTORS = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x034F, 0x115F, 0x1160, 0x3164, 0xFFA0}
_REGIONAL = range(0x1F1E6, 0x1F200)
_SPACED = re.compile(r"(?<![^\W_])[a-z0-9@$]([ ._\-*/|,~+])[a-z0-9@$](?:\1[a-z0-9@$])+(?![^\W_])")
_TOKEN = re.compile(r"[a-z0-9@$!|€+]+")
_LEET = re.compile(r"[0134578@$!|€+]")
_LEET_INSIDE = re.compile(r"[a-z][0134578@$!|€+]+[a-z]|(?<![a-z0-9])\$[a-z]")
_LEET_BESIDE = re.compile(r"[a-z][0134578@$!|€+]|[0134578@$!|€+][a-z]")
_STRETCHED = re.compile(r"([a-z])\1{2,}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
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
        text: The normalised text.
        starts: For each of its characters, the first original code point it stands for.
        ends: For each of its characters, one past the last original code point.
        words: Its words.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    words: tuple[Word, ...]

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
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise PromptError("prompt_unreadable", "The text is not valid Unicode: send plain UTF-8.")
    normalised = normalise(text)
    if not any(unicodedata.category(char)[0] in "LNS" for char in normalised.text):
        raise PromptError("prompt_empty", "The text holds no visible words: write what is meant.")
    return normalised


def normalise(text: str) -> Normalised:
    """Normalise ``text`` without checking it."""
    chars, starts, ends = _fold(text)
    folded, starts, ends, joined = _join_spaced("".join(chars), starts, ends)
    folded = _read_leet(folded)
    folded, starts, ends = _unstretch(folded, starts, ends)
    words = tuple(
        Word(m.group(), starts[m.start()], ends[m.end() - 1], starts[m.start()] in joined)
        for m in _WORD.finditer(folded)
    )
    return Normalised(folded, tuple(starts), tuple(ends), words)


def words_of(phrase: str) -> tuple[str, ...]:
    """The normalised words of a phrase; a ``*`` at either end of a word is kept as a wildcard."""
    words: list[str] = []
    for part in phrase.split():
        inner = [word.text for word in normalise(part.strip("*")).words]
        if not inner:
            continue
        inner[0] = "*" + inner[0] if part.startswith("*") else inner[0]
        inner[-1] = inner[-1] + "*" if part.endswith("*") else inner[-1]
        words.extend(inner)
    return tuple(words)


def _fold(text: str) -> tuple[list[str], list[int], list[int]]:
    """Fold each cluster (a character and its combining marks) to plain lower-case letters."""
    if text.isascii() and not _CONTROL.search(text):
        low = [char if char.isprintable() else " " for char in text.lower()]
        return low, list(range(len(text))), list(range(1, len(text) + 1))
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    i, n = 0, len(text)
    while i < n:
        j = i + 1
        while j < n and (unicodedata.combining(text[j]) or ord(text[j]) in _SELECTORS):
            j += 1
        for char in _fold_cluster(text[i : min(j, i + 1 + _MAX_MARKS)]):
            chars.append(char)
            starts.append(i)
            ends.append(j)
        i = j
    return chars, starts, ends


def _fold_cluster(cluster: str) -> str:
    first = cluster[0]
    if first in "\t\n\r\v\f\u2028\u2029":
        return " "
    if ord(first) in _REGIONAL:
        return chr(ord("a") + ord(first) - _REGIONAL.start)
    if unicodedata.category(first) in _DROPPED or ord(first) in _SELECTORS:
        return ""
    composed = unicodedata.normalize("NFKC", cluster).casefold()
    out: list[str] = []
    for char in composed:
        plain = UMLAUTS.get(char) or CONFUSABLES.get(char)
        if plain is None:
            plain = "".join(
                CONFUSABLES.get(part, part)
                for part in unicodedata.normalize("NFKD", char)
                if not unicodedata.combining(part) and unicodedata.category(part) not in _DROPPED
            )
        out.append(" " if plain.isspace() else plain)
    return "".join(out)[:_MAX_EXPANSION]


def _join_spaced(text: str, starts: list[int], ends: list[int]) -> tuple[str, list[int], list[int], set[int]]:
    """Join runs of three or more single letters, ``s p a c e d`` or ``d.o.t.t.e.d``."""
    keep: list[str] = []
    kept: list[int] = []
    joined: set[int] = set()
    position = 0
    for match in _SPACED.finditer(text):
        if sum(char.isalpha() for char in match.group()) < 2:
            continue
        keep.append(text[position : match.start()])
        kept.extend(range(position, match.start()))
        letters = range(match.start(), match.end(), 2)
        run = "".join(text[k] for k in letters)
        keep.append(run.translate(LEET) if sum(char.isalpha() for char in run) > 1 else run)
        kept.extend(letters)
        joined.add(starts[match.start()])
        position = match.end()
    if not kept:
        return text, starts, ends, joined
    keep.append(text[position:])
    kept.extend(range(position, len(text)))
    return "".join(keep), [starts[k] for k in kept], [ends[k] for k in kept], joined


def _read_leet(text: str) -> str:
    """Read digits and signs as letters in words that have them between or beside their letters.

    One such word is decoded by itself. In a text with several, every word that mixes letters and
    digits is, for then it is a habit and not a file type or a unit.
    """
    if not _LEET.search(text):
        return text
    habit = sum(1 for match in _TOKEN.finditer(text) if _LEET_INSIDE.search(match.group())) > 1
    decided = _LEET_BESIDE if habit else _LEET_INSIDE

    def decode(match: re.Match[str]) -> str:
        token = match.group()
        core = token.rstrip("!+|")  # punctuation after the word, not part of it
        if not decided.search(core):
            return token
        return core.replace("11", "ll").translate(LEET) + token[len(core) :]

    return _TOKEN.sub(decode, text)


def _unstretch(text: str, starts: list[int], ends: list[int]) -> tuple[str, list[int], list[int]]:
    """Shorten three or more equal letters to one, unless the word is nothing else."""
    kept: list[int] = []
    position = 0
    for match in _STRETCHED.finditer(text):
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        if not (before.isalnum() or after.isalnum()):
            continue
        kept.extend(range(position, match.start() + 1))
        ends[match.start()] = ends[match.end() - 1]
        position = match.end()
    if position == 0:
        return text, starts, ends
    kept.extend(range(position, len(text)))
    return "".join(text[k] for k in kept), [starts[k] for k in kept], [ends[k] for k in kept]
