"""Find a policy's lists in normalised text.

Phrases go into one trie over words, so a text is read once whatever the number of phrases; no
step backtracks. Word boundaries come from the words themselves. Letters that were spaced out and
joined (``n a k e d w o m a n``) have lost their word boundaries: inside them long phrases are
looked for anywhere.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from policies.document import TextList
from policies.normalise import Normalised, words_of
from policies.signals import NAME_PREFIX, NameHit

_MIN_INSIDE = 4  # shorter phrases would match inside harmless joined words
_LONGEST_WORD = 40  # wildcards look no deeper into a word, so a huge word stays cheap
_ALLOW = "allow of "  # no list's name has a space


@dataclass(slots=True)
class _Node:
    exact: dict[str, "_Node"] = field(default_factory=dict)
    prefixes: dict[str, "_Node"] = field(default_factory=dict)
    suffixes: dict[str, "_Node"] = field(default_factory=dict)
    infixes: dict[str, "_Node"] = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)

    def child(self, word: str) -> "_Node":
        if word.startswith("*") and word.endswith("*"):
            return self.infixes.setdefault(word.strip("*"), _Node())
        if word.startswith("*"):
            return self.suffixes.setdefault(word[1:], _Node())
        if word.endswith("*"):
            return self.prefixes.setdefault(word[:-1], _Node())
        return self.exact.setdefault(word, _Node())

    def following(self, word: str) -> Iterable["_Node"]:
        if word in self.exact:
            yield self.exact[word]
        if self.prefixes:
            for n in range(1, min(len(word), _LONGEST_WORD) + 1):
                if word[:n] in self.prefixes:
                    yield self.prefixes[word[:n]]
        if self.suffixes:
            for n in range(max(0, len(word) - _LONGEST_WORD), len(word)):
                if word[n:] in self.suffixes:
                    yield self.suffixes[word[n:]]
        for inner, node in self.infixes.items():
            if inner in word[:_LONGEST_WORD]:
                yield node


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """An occurrence of a list: word indices ``first`` to ``last`` and a span of the original."""

    first: int
    last: int
    start: int
    end: int


Found = dict[str, list[Hit]]


class Finder:
    """The compiled lists of a policy.

    Args:
        lists: By name.
    """

    def __init__(self, lists: Mapping[str, TextList]) -> None:
        self._near = {name: entry for name, entry in lists.items() if entry.near}
        self._longest_texts = {name: entry.longest for name, entry in lists.items() if entry.longest}
        self._allowing = [name for name, entry in lists.items() if entry.allow]
        self._root = _Node()
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        inside: dict[str, set[str]] = {}
        for name, entry in lists.items():
            self._plant(name, entry.phrases, inside)
            self._plant(_ALLOW + name, entry.allow, inside)
            self._patterns.extend((name, re.compile(pattern)) for pattern in entry.patterns)
        self._inside = inside
        self._longest = max(map(len, inside), default=0)

    def find(self, text: Normalised, names: Sequence[NameHit] = ()) -> Found:
        """Where each list occurs; lists that do not are left out.

        Args:
            text: Normalised.
            names: Named entities in it; they fill the lists ``names.KIND``.
        """
        found = self._occurrences(text)
        starts = [word.start for word in text.words]
        for entity in names:
            first = max(0, bisect_left(starts, entity.start + 1) - 1)
            last = max(first, bisect_left(starts, entity.end) - 1)
            found.setdefault(NAME_PREFIX + entity.kind, []).append(Hit(first, last, entity.start, entity.end))
        for name, longest in self._longest_texts.items():
            if len(text.words) > longest:
                found.pop(name, None)
        for name in self._allowing:
            allowed = found.pop(_ALLOW + name, None)
            if allowed and name in found:
                found[name] = [hit for hit in found[name] if not any(_within(hit, a) for a in allowed)]
        for name, entry in self._near.items():
            found[name] = _near(entry, found)
        return {name: hits for name, hits in found.items() if hits}

    def _plant(self, name: str, phrases: Sequence[str], inside: dict[str, set[str]]) -> None:
        for phrase in phrases:
            words = words_of(phrase)
            if not words:
                continue
            node = self._root
            for word in words:
                node = node.child(word)
            node.lists.add(name)
            joined = "".join(words).replace("*", "")
            if len(joined) >= _MIN_INSIDE:
                inside.setdefault(joined, set()).add(name)

    def _occurrences(self, text: Normalised) -> Found:
        hits: Found = {}
        words = text.words
        begun = {word: list(self._root.following(word)) for word in {word.text for word in words}}
        for first in range(len(words)):
            reached = begun[words[first].text]
            for last in range(first, len(words)):
                if last > first:
                    reached = [child for node in reached for child in node.following(words[last].text)]
                if not reached:
                    break
                for name in {name for node in reached for name in node.lists}:
                    hits.setdefault(name, []).append(Hit(first, last, words[first].start, words[last].end))
            if words[first].joined and not (first and words[first - 1].joined):
                self._search_joined(text, first, hits)
        if self._patterns:
            starts = [word.start for word in words]
            for name, pattern in self._patterns:
                for match in pattern.finditer(text.text):
                    start, end = text.span(match.start(), match.end())
                    word = max(0, bisect_left(starts, start + 1) - 1)
                    hits.setdefault(name, []).append(Hit(word, word, start, end))
        return hits

    def _search_joined(self, text: Normalised, first: int, hits: Found) -> None:
        """Look anywhere inside a row of joined words, which is taken as one."""
        owners: list[int] = []  # for each letter, the word it belongs to
        letters = ""
        for index in range(first, len(text.words)):
            if not text.words[index].joined:
                break
            letters += text.words[index].text
            owners.extend([index] * len(text.words[index].text))
        for start in range(len(letters)):
            for end in range(start + _MIN_INSIDE, min(len(letters), start + self._longest) + 1):
                for name in self._inside.get(letters[start:end], ()):
                    begin, last = owners[start], owners[end - 1]
                    span = text.words[begin].start, text.words[last].end
                    hits.setdefault(name, []).append(Hit(begin, last, *span))


def _near(entry: TextList, found: Found) -> list[Hit]:
    lists = [sorted(found.get(name, ())) for name in entry.near]
    if not all(lists):
        return []
    anchors, others = lists[0], lists[1:]
    keys = [[hit.first for hit in other] for other in others]
    close: list[Hit] = []
    for anchor in anchors:
        partners = []
        for other, firsts in zip(others, keys, strict=True):
            at = bisect_left(firsts, anchor.first)
            candidates = other[max(0, at - 1) : at + 1]
            partner = [h for h in candidates if h != anchor and _distance(anchor, h) <= entry.within]
            if not partner:
                break
            partners.append(partner[0])
        else:
            close.extend((anchor, *partners))
    return close


def _within(hit: Hit, other: Hit) -> bool:
    return other.first <= hit.first and hit.last <= other.last


def _distance(a: Hit, b: Hit) -> int:
    return max(0, max(a.first, b.first) - min(a.last, b.last))
