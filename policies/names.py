"""Find named people, parties, characters, brands, artists and elections in normalised text.

The gazetteers in ``policies/gazetteers`` say what is looked for; each states its date and its limits.
A hit is a signal, not a verdict: what follows from a name is written in the rules of a policy.

Forms of a name count always, unless everyday words stand near (``strong``), or only near words of
their context (``weak``), so that a rose, a trump card and a neighbour called Scholz are not people of
public life. Reading takes time linear in the length of the text.
"""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from policies.normalise import Normalised, words_of

FOLDER = Path(__file__).parent / "gazetteers"

Exactness = Literal["name", "alias", "surname", "misspelt"]
_Mode = Literal["always", "strong", "weak", "veto"]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORD = re.compile(r"[^\W_]+")
_INFLECTED = re.compile(r"(.{3,}?)(?:s|sche[nrsm]?)")
_PLAIN_UMLAUTS = str.maketrans("äöüÄÖÜ", "aouAOU")
_OF_PERSON = re.compile(
    "-(?:deepfake|fake|video|rede|interview|stimme|double|doppelgaenger|parodie|karikatur|maske|puppe|imitat)"
)
_WITHIN = 6  # words, where a gazetteer names no other distance
_EVERYDAY_WITHIN = 4
_LONG = 8  # letters from which a lone word may be misspelt
_LONG_NAME = 10  # letters of a whole name from which one of its words may be


@dataclass(frozen=True, slots=True)
class Hit:
    """A name in a text.

    Attributes:
        entry: Identifier of the entry, ``person.angela-merkel`` for one.
        kind: ``person``, ``party``, ``character``, ``brand``, ``artist`` or ``election``.
        country: Two letters, ``EU``, or ``XX`` where the entry states none.
        role: What the entry is: ``head_of_government``, ``musician``, ``ballot`` …
        start: First code point in the original text.
        end: One past the last.
        exactness: Whether the whole name was found, another name, a surname, or a misspelling.
    """

    entry: str
    kind: str
    country: str
    role: str
    start: int
    end: int
    exactness: Exactness


@dataclass(frozen=True, slots=True)
class _Context:
    within: int
    words: str  # the key under which its words are marked in the trie


@dataclass(frozen=True, slots=True)
class _Form:
    entry: int
    mode: _Mode
    exactness: Exactness
    context: _Context | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    kind: str
    country: str
    role: str
    everyday: str


@dataclass(slots=True)
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    prefixes: dict[str, "_Node"] = field(default_factory=dict)
    forms: list[_Form] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)

    def add(self, words: tuple[str, ...]) -> "_Node":
        node = self
        for word in words:
            table = node.prefixes if word.endswith("*") else node.children
            node = table.setdefault(word.rstrip("*"), _Node())
        return node

    def follow(self, word: str) -> Iterator[tuple["_Node", bool]]:
        """Nodes that a word leads to, and whether the name may go on after it."""
        if child := self.children.get(word):
            yield child, True
        if (inflected := _INFLECTED.fullmatch(word)) and (child := self.children.get(inflected[1])):
            yield child, False
        if self.prefixes:
            for length in range(2, len(word) + 1):  # the prefixes are few and words are short
                if child := self.prefixes.get(word[:length]):
                    yield child, True


@dataclass(frozen=True, slots=True)
class _Found:
    first: int
    last: int
    form: _Form


class NameIndex:
    """All gazetteers, ready to be looked for.

    Attributes:
        digest: ``sha256:`` digest of the gazetteer files.
        as_of: For each gazetteer, the date its facts are of.
    """

    def __init__(self, gazetteers: dict[str, dict[str, Any]], digest: str = "") -> None:
        self.digest = digest
        self.as_of = {name: str(data["as_of"]) for name, data in gazetteers.items()}
        self._root = _Node()
        self._entries: list[_Entry] = []
        self._lone: dict[tuple[str, int], dict[str, list[_Form]]] = defaultdict(lambda: defaultdict(list))
        self._partners: dict[tuple[str | None, ...], list[tuple[str, _Form]]] = defaultdict(list)
        self._partner_words: set[str] = set()
        for name, data in gazetteers.items():
            self._read(name, data)

    @property
    def entries(self) -> tuple[str, ...]:
        """Identifiers of all entries."""
        return tuple(entry.id for entry in self._entries)

    def find(self, text: Normalised) -> list[Hit]:
        """All names in a text in order; inside a longer name of the same kind a shorter is not repeated."""
        words = [word.text for word in text.words]
        found, marks = self._exact(words)
        found += self._misspelt(words, {(f.form.entry, f.first) for f in found})
        vetoed = {
            (f.form.entry, i) for f in found if f.form.mode == "veto" for i in range(f.first, f.last + 1)
        }
        compounds = _compounds(text.text)
        hits: dict[tuple[int, int, str], Hit] = {}
        for one in found:
            entry, form = self._entries[one.form.entry], one.form
            if form.mode == "veto" or any((form.entry, i) in vetoed for i in range(one.first, one.last + 1)):
                continue
            near = form.context is not None and _near(one, marks[form.context.words], form.context.within)
            everyday = not near and _near(one, marks[entry.everyday], _EVERYDAY_WITHIN)
            if (form.mode == "weak" and not near) or (
                form.mode == "strong" and (everyday or one.first in compounds)
            ):
                continue
            start, end = text.words[one.first].start, text.words[one.last].end
            hit = Hit(entry.id, entry.kind, entry.country, entry.role, start, end, form.exactness)
            hits.setdefault((start, end, entry.id), hit)
        return _outermost(list(hits.values()))

    def _exact(self, words: list[str]) -> tuple[list[_Found], dict[str, list[int]]]:
        found: list[_Found] = []
        marks: dict[str, list[int]] = defaultdict(list)
        begun = {word: list(self._root.follow(word)) for word in set(words)}
        for first, word in enumerate(words):
            reached, last = begun[word], first
            while reached:
                for node, _ in reached:
                    found.extend(_Found(first, last, form) for form in node.forms)
                    for mark in node.marks:
                        marks[mark].append(first)
                last += 1
                if last == len(words):
                    break
                reached = [pair for node, goes_on in reached if goes_on for pair in node.follow(words[last])]
        return found, marks

    def _misspelt(self, words: list[str], known: set[tuple[int, int]]) -> list[_Found]:
        found: list[_Found] = []
        lone = {word: self._lone_misspelt(word) for word in set(words) if len(word) >= _LONG - 1}
        for first, word in enumerate(words):
            spans = [(first, form) for form in lone.get(word, ())]
            for size in (2, 3) if not self._partner_words.isdisjoint(words[first : first + 2]) else ():
                part = words[first : first + size]
                for gap in range(len(part)) if len(part) == size else ():
                    key = tuple(None if i == gap else w for i, w in enumerate(part))
                    near = (
                        form for right, form in self._partners.get(key, ()) if _one_edit(part[gap], right)
                    )
                    spans.extend((first + size - 1, form) for form in near)
            found.extend(_Found(first, last, f) for last, f in spans if (f.entry, first) not in known)
        return found

    def _lone_misspelt(self, word: str) -> list[_Form]:
        buckets = (self._lone.get((word[0], len(word) + step), {}) for step in (-1, 0, 1))
        return [
            f
            for bucket in buckets
            for right, forms in bucket.items()
            if _one_edit(word, right)
            for f in forms
        ]

    def _read(self, gazetteer: str, data: dict[str, Any]) -> None:
        everyday = f"{gazetteer}/everyday"
        self._mark(everyday, data.get("everyday", ()))
        contexts: dict[str | None, _Context | None] = {}
        for name, raw in data.get("contexts", {}).items():
            contexts[name] = _Context(raw["within"], f"{gazetteer}/{name}")
            self._mark(f"{gazetteer}/{name}", raw["words"])
        for number, group in enumerate(data["groups"]):
            context = contexts.get(group.get("context"))
            if "near" in group:
                context = _Context(_WITHIN, f"{gazetteer}/{number}")
                self._mark(context.words, group["near"])
            for item in group["entries"]:
                entry = item if isinstance(item, dict) else {"name": item}
                role = entry.get("role", group.get("role", data["kind"]))
                country = entry.get("country", group.get("country", "XX"))
                identifier = f"{data['kind']}.{_slug(entry['name'])}"
                self._entries.append(_Entry(identifier, data["kind"], country, role, everyday))
                self._forms(entry, context, contexts.get(group.get("title"), context))

    def _forms(self, raw: dict[str, Any], context: _Context | None, title: _Context | None) -> None:
        number = len(self._entries) - 1
        own = title if len(words_of(raw["name"])) == 1 else context
        name = _Form(number, "weak" if raw.get("weak_name") else "always", "name", own)
        self._add(raw["name"], name, joined=True)
        for text in raw.get("aliases", ()):
            self._add(text, _Form(number, "always", "alias", context), joined=True)
        for text in raw.get("strong", ()):
            self._add(text, _Form(number, "strong", "surname", context))
        for text in raw.get("weak", ()):
            self._add(text, _Form(number, "weak", "surname", context))
        for text in raw.get("unless", ()):
            self._add(text, _Form(number, "veto", "name"))

    def _add(self, text: str, form: _Form, joined: bool = False) -> None:
        spellings = {text, text.translate(_PLAIN_UMLAUTS)}
        for words in {words_of(spelling) for spelling in spellings}:
            self._root.add(words).forms.append(form)
            whole = "".join(words)
            if joined and len(words) > 1 and len(whole) >= _LONG and "*" not in whole:
                self._root.add((whole,)).forms.append(form)
            named = self._entries[form.entry].kind not in ("election", "party")  # those are words, not names
            if named and form.mode in ("always", "strong") and "*" not in whole:
                self._add_misspelt(words, _Form(form.entry, form.mode, "misspelt", form.context))

    def _add_misspelt(self, words: tuple[str, ...], form: _Form) -> None:
        if len(words) == 1 and len(words[0]) >= _LONG:
            self._lone[words[0][0], len(words[0])][words[0]].append(form)
        elif len(words) in (2, 3) and sum(map(len, words)) >= _LONG_NAME:
            self._partner_words.update(words)
            for gap, right in enumerate(words):
                if len(right) >= 4:
                    key = tuple(None if i == gap else w for i, w in enumerate(words))
                    self._partners[key].append((right, form))

    def _mark(self, name: str, phrases: list[str]) -> None:
        for phrase in phrases:
            self._root.add(words_of(phrase)).marks.add(name)


@cache
def load_names() -> NameIndex:
    """The index over the gazetteers of this room; read once."""
    files = sorted(FOLDER.glob("*.yaml"))
    content = {path.stem: path.read_bytes() for path in files}
    digest = hashlib.sha256(b"".join(content[name] for name in sorted(content))).hexdigest()
    loaded = {name: yaml.load(data, _Loader) for name, data in content.items()}  # noqa: S506 - a safe loader
    return NameIndex(loaded, f"sha256:{digest}")


def _slug(name: str) -> str:
    return "-".join(word.strip("*") for word in words_of(name))


def _near(one: _Found, places: list[int], within: int) -> bool:
    """Whether a marked word stands within so many words before or after."""
    before = bisect_left(places, one.first - within)
    after = bisect_right(places, one.last)
    return (before < len(places) and places[before] < one.first) or (
        after < len(places) and places[after] <= one.last + within
    )


def _compounds(text: str) -> set[int]:
    """Numbers of words that are part of a hyphenated word, as in ``Merkel-Raute``: a thing, not the person."""
    parts: set[int] = set()
    for number, word in enumerate(_WORD.finditer(text)):
        before, after = text[max(0, word.start() - 2) : word.start()], text[word.end() : word.end() + 2]
        follows = len(after) == 2 and after[0] == "-" and after[1].isalpha()
        precedes = len(before) == 2 and before[1] == "-" and before[0].isalnum()
        if precedes or (follows and not _OF_PERSON.match(text, word.end())):
            parts.add(number)
    return parts


def _outermost(hits: list[Hit]) -> list[Hit]:
    hits.sort(key=lambda hit: (hit.kind, hit.start, -hit.end, hit.exactness != "name"))
    kept: list[Hit] = []
    reach: dict[str, tuple[int, int]] = {}
    for hit in hits:
        start, end = reach.get(hit.kind, (-1, -1))
        if hit.end < end or (hit.end == end and hit.start > start):
            continue
        kept.append(hit)
        reach[hit.kind] = (hit.start, hit.end)
    return sorted(kept, key=lambda hit: (hit.start, -hit.end, hit.kind, hit.entry))


def _one_edit(word: str, right: str) -> bool:
    """Whether exactly one letter was left out, put in, swapped for another or with its neighbour."""
    if word == right or abs(len(word) - len(right)) > 1:
        return False
    i = 0
    while i < min(len(word), len(right)) and word[i] == right[i]:
        i += 1
    a, b = word[i:], right[i:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (len(a) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:])
    return a[1:] == b if len(a) > len(b) else a == b[1:]
