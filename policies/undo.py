"""The steps that undo what people do to hide words, each on traced text, each linear in its length."""

import base64
import binascii
import math
import re
import unicodedata
from functools import lru_cache

from policies.confusables import CONFUSABLES, FOREIGN, LEET, LEET_READINGS
from policies.emoji import EMOJI, name_of
from policies.lexicon import known, likelihood
from policies.traced import Piece, Traced

UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}
_LETTER = "a-zäöüß"
_MAX_MARKS = 3  # more marks on one letter are decoration; it also keeps reordering linear
_MAX_EXPANSION = 8  # a few compatibility characters stand for a whole phrase
_DROPPED = {"Cf", "Cc", "Cs", "Co", "Cn"}  # zero-width, bidirectional, control, private, unassigned
_SELECTORS = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x034F, 0x115F, 0x1160, 0x3164, 0xFFA0}
_REGIONAL = range(0x1F1E6, 0x1F200)
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{8,}={0,2}(?![A-Za-z0-9+/_=-])")
_CERTAIN_BASE64 = 20  # so many characters of base64 do not decode to words by chance
_INSIDE = re.compile(r"(?<=[^\W\d_])[\u2300-\u2bff\U0001f000-\U0001faff\ufe0f]+(?=[^\W\d_])")
_SQUARED = {
    **{chr(first + k): chr(97 + k) for first in (0x1F130, 0x1F150, 0x1F170) for k in range(26)},
    "⭕": "o",
    "❌": "x",
}
_WORD = re.compile(r"[^\W\d_]+")
_SPACED = re.compile(
    rf"(?<![^\W_])[{_LETTER}0-9@$]([ ._\-*/|,~+])[{_LETTER}0-9@$](?:\1[{_LETTER}0-9@$])+(?![^\W_])"
)
_TOKEN = re.compile(rf"[{_LETTER}0-9@$!|€+]+")
_LEET = re.compile(r"[0-9@$!|€+]")
_LEET_INSIDE = re.compile(rf"[{_LETTER}][0134578@$!|€+]+[{_LETTER}]|(?<![{_LETTER}0-9])\$[{_LETTER}]")
_LEET_BESIDE = re.compile(rf"[{_LETTER}][0-9@$!|€+]|[0-9@$!|€+][{_LETTER}]")
_UNIT = re.compile(r"\d+(?:[a-z]|st|nd|rd|th|[a-z]?[mlgw]|ms|fps|er|ern|km|kmh|mph|bit|am|pm|gb|mb|hz|khz)")
_STRETCHED = re.compile(rf"([{_LETTER}])\1{{2,}}")
_SHORTEST_REVERSED = 4
_PROBABLY_REVERSED = 2.0
_LONGEST_WORD = 24
_LONGEST_SPACED = 200  # letters; a longer row of single letters is not split into words


def decode_base64(text: Traced) -> Traced:
    """Put what base64 stands for in its place, if it stands for text."""
    changes: list[tuple[int, int, list[Piece]]] = []
    for match in _BASE64.finditer(text.text):
        decoded = _decoded(match.group())
        if decoded is not None:
            changes.append((match.start(), match.end(), [(decoded, match.start(), match.end())]))
    return text.rewritten(changes)


def _decoded(token: str) -> str | None:
    body = token.rstrip("=")
    if len(body) % 4 == 1:
        return None
    try:
        raw = base64.b64decode(body.translate({45: "+", 95: "/"}) + "=" * (-len(body) % 4), validate=True)
        found = raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    if not found.isprintable() or sum(char.isalpha() or char == " " for char in found) < 0.7 * len(found):
        return None
    words = [fold(Traced.of(word)).text for word in _WORD.findall(found)]
    plain = [expand_umlauts(Traced.of(word)).text for word in words]
    certain = len(token) >= _CERTAIN_BASE64 and any(map(known, plain))
    return found if certain or (plain and all(known(word) for word in plain)) else None


def name_emoji(text: Traced) -> Traced:
    """Write pictographs that mean something as words or letters, and drop those inside words."""
    plain = text.text
    if plain.isascii():
        return text
    letters = text.mapped(lambda plain: "".join(_SQUARED.get(char, char) for char in plain))
    whole = letters.rewritten((m.start(), m.end(), []) for m in _INSIDE.finditer(letters.text))
    return whole.rewritten(
        (m.start(), m.end(), [(f" {name_of(m.group())} ", m.start(), m.end())])
        for m in EMOJI.finditer(whole.text)
    )


def fold(text: Traced) -> Traced:
    """Fold each cluster (a character and its combining marks) to plain lower-case letters and ``äöüß``."""
    plain = text.text
    if _PRINTABLE.fullmatch(plain):
        return Traced(plain.lower(), text.starts, text.ends)
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    i, n = 0, len(plain)
    while i < n:
        j = i + 1
        while (
            j < n and plain[j] > "\u02ff" and (unicodedata.combining(plain[j]) or ord(plain[j]) in _SELECTORS)
        ):
            j += 1
        folded = _fold_cluster(plain[i : min(j, i + 1 + _MAX_MARKS)])
        chars.append(folded)
        starts.extend([text.starts[i]] * len(folded))
        ends.extend([text.ends[j - 1]] * len(folded))
        i = j
    return Traced("".join(chars), starts, ends)


@lru_cache(maxsize=4096)
def _fold_cluster(cluster: str) -> str:
    first = cluster[0]
    if first in "\t\n\r\v\f\u2028\u2029":
        return " "
    if ord(first) in _REGIONAL:
        return chr(ord("a") + ord(first) - _REGIONAL.start)
    if unicodedata.category(first) in _DROPPED or ord(first) in _SELECTORS:
        return ""
    out: list[str] = []
    # Lower, not casefold: that would already write ß as ss.
    for char in unicodedata.normalize("NFKC", cluster).lower():
        if char in UMLAUTS:
            out.append(char)
            continue
        for part in (char,) if char in CONFUSABLES else unicodedata.normalize("NFKD", char):
            if not unicodedata.combining(part) and unicodedata.category(part) not in _DROPPED:
                out.append(part if part in FOREIGN else CONFUSABLES.get(part, part.casefold()))
    folded = "".join(" " if char.isspace() else char for char in out)
    return folded[:_MAX_EXPANSION]


def unmix_scripts(text: Traced) -> Traced:
    """Read letters of other scripts as the Latin ones they look like, where a word mixes scripts.

    A word made of look-alikes alone is read as Latin too, unless the text is in that script (it has words
    with letters that look like no Latin one) and the result is no known word.
    """
    plain = text.text
    if plain.isascii():
        return text
    words = [m for m in _WORD.finditer(plain) if not m.group().isascii()]
    foreign = [m for m in words if any(char in FOREIGN for char in m.group())]
    if not foreign:
        return text
    genuine = any(
        not any(_is_latin(char) for char in m.group()) and not all(char in FOREIGN for char in m.group())
        for m in words
    )
    changes: list[tuple[int, int, list[Piece]]] = []
    for match in foreign:
        word = match.group()
        read = "".join(CONFUSABLES.get(char, char) for char in word)
        mixed = any(_is_latin(char) for char in word)
        disguised = all(char in FOREIGN for char in word) and (not genuine or known(read))
        if mixed or disguised:
            at = match.start()
            pieces = [(CONFUSABLES.get(char, char), at + k, at + k + 1) for k, char in enumerate(word)]
            changes.append((at, match.end(), pieces))
    return text.rewritten(changes)


def _is_latin(char: str) -> bool:
    return char.isascii() or char in UMLAUTS


def join_spaced(text: Traced) -> tuple[Traced, set[int]]:
    """Join runs of three or more single letters, ``s p a c e d`` or ``d.o.t.t.e.d``, and part them into words.

    Returns:
        The text, and the original places where joined words begin.
    """
    joined: set[int] = set()
    changes: list[tuple[int, int, list[Piece]]] = []
    for match in _SPACED.finditer(text.text):
        if sum(char.isalpha() for char in match.group()) < 2:
            continue
        places = range(match.start(), match.end(), 2)
        run = "".join(text.text[k] for k in places)
        letters = run.translate(LEET) if sum(char.isalpha() for char in run) > 1 else run
        pieces: list[Piece] = []
        at = 0
        for word in _parted(letters):
            if at:
                pieces.append((" ", places[at - 1], places[at - 1] + 1))
            joined.add(text.starts[places[at]])
            pieces.extend((char, places[at + k], places[at + k] + 1) for k, char in enumerate(word))
            at += len(word)
        changes.append((match.start(), match.end(), pieces))
    return text.rewritten(changes), joined


def _parted(letters: str) -> list[str]:
    """Split letters without spaces into known words; letters that belong to none stay together."""
    if len(letters) > _LONGEST_SPACED or known(expand(letters)):
        return [letters]
    # Fewest pieces; a letter outside every known word costs as much as three.
    best: list[tuple[int, int, bool]] = [(0, 0, True)]
    for end in range(1, len(letters) + 1):
        options = [(best[end - 1][0] + 3, end - 1, False)]
        for start in range(max(0, end - _LONGEST_WORD), end - 1):
            if known(expand(letters[start:end])):
                cost = 1 if end - start > 2 else 2
                options.append((best[start][0] + cost, start, True))
        best.append(min(options))
    if best[-1][0] >= len(letters):
        return [letters]
    words: list[str] = []
    end = len(letters)
    loose = False
    while end:
        _, start, whole = best[end]
        if not whole and loose:
            words[-1] = letters[start:end] + words[-1]
        else:
            words.append(letters[start:end])
        loose, end = not whole, start
    return words[::-1]


def read_leet(text: Traced) -> Traced:
    """Read digits and signs as letters where that makes a word.

    A word with signs between its letters is decoded by itself. One with signs at its edges is, if the
    result is a known word, or if the text has several such words: then it is a habit and not a unit.
    """
    plain = text.text
    if not _LEET.search(plain):
        return text
    habit = sum(1 for match in _TOKEN.finditer(plain) if _LEET_INSIDE.search(match.group())) > 1

    def decode(match: re.Match[str]) -> str:
        token = match.group()
        core = token.rstrip("!+|")  # punctuation after the word, not part of it
        if not _LEET_BESIDE.search(core) or _UNIT.fullmatch(core):
            return token
        readings = [core.translate(table) for table in LEET_READINGS]
        words = [read for read in readings if len(read) > 2 and known(expand(read))]
        if words:
            return words[0] + token[len(core) :]
        certain = _LEET_INSIDE.search(core) or habit
        return core.replace("11", "ll").translate(LEET) + token[len(core) :] if certain else token

    return text.mapped(lambda plain: _TOKEN.sub(decode, plain))


def unstretch(text: Traced) -> Traced:
    """Shorten three or more equal letters to one, unless the word is nothing else."""
    plain = text.text
    changes: list[tuple[int, int, list[Piece]]] = []
    for match in _STRETCHED.finditer(plain):
        before, after = plain[match.start() - 1 : match.start()], plain[match.end() : match.end() + 1]
        if before.isalnum() or after.isalnum():
            changes.append((match.start(), match.end(), [(match.group(1), match.start(), match.end())]))
    return text.rewritten(changes)


def turn_reversed(text: Traced) -> Traced:
    """Turn round words that are known only backwards, and where there are several, those that look it.

    If no word was written forwards, it cannot be told whether each word or the whole was reversed: then
    both orders are read, and each word stands for the whole stretch.
    """
    words = [m for m in _WORD.finditer(text.text) if len(m.group()) <= _LONGEST_WORD]
    long = [m for m in words if len(m.group()) >= _SHORTEST_REVERSED]
    turned = [m for m in long if not known(expand(m.group())) and known(expand(m.group()[::-1]))]
    if not turned or (len(turned) == 1 and _looks_reversed(turned[0].group()) < _PROBABLY_REVERSED):
        return text  # "desserts" alone hides nothing
    direction = {word: _direction(word) for word in {m.group() for m in words}}
    if len(turned) > 1 or len(turned) * 3 >= len(long):
        turned = [m for m in long if direction[m.group()] >= _PROBABLY_REVERSED]
    if len(turned) < 2 or any(direction[m.group()] < 0 for m in long):
        if 2 * len(turned) >= len(long):  # short words are known both ways too often to begin with
            turned = [m for m in words if direction[m.group()] >= _PROBABLY_REVERSED]
        return text.rewritten((m.start(), m.end(), [(m.group()[::-1], m.start(), m.end())]) for m in turned)
    begin, end = words[0].start(), words[-1].end()
    read = [word[::-1] if direction[word] >= 0 else word for word in (m.group() for m in words)]
    return text.rewritten([(begin, end, [(f"{' '.join(read)} . {' '.join(read[::-1])}", begin, end)])])


def _direction(word: str) -> float:
    """How surely a word was written backwards: 0 if it is known both ways, negative if it rather was not."""
    forwards, reverse = known(expand(word)), known(expand(word[::-1]))
    if forwards != reverse:
        return math.inf if reverse else -math.inf
    return 0.0 if forwards else _looks_reversed(word)


def _looks_reversed(word: str) -> float:
    """How much likelier a word's letters are from its end."""
    return likelihood(expand(word[::-1])) - likelihood(expand(word))


def expand_umlauts(text: Traced) -> Traced:
    """Write ``ä ö ü ß`` as ``ae oe ue ss``."""
    if text.text.isascii():
        return text
    return text.rewritten(
        (k, k + 1, [(UMLAUTS[char], k, k + 1)]) for k, char in enumerate(text.text) if char in UMLAUTS
    )


def expand(word: str) -> str:
    """Write ``ä ö ü ß`` of a bare word as ``ae oe ue ss``."""
    return word if word.isascii() else "".join(UMLAUTS.get(char, char) for char in word)
