"""Apply a policy's phrase lists, patterns and rules to normalised text.

Phrases go into one trie over words, so a text is read once whatever the number of phrases; no
step backtracks. Word boundaries come from the words themselves. Letters that were spaced out and
joined (``n a k e d w o m a n``) have lost their word boundaries: inside them long phrases are
looked for anywhere.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from policies.decision import Action, RuleMatch, Span
from policies.document import Policy, Rule
from policies.normalise import Normalised, words_of

_MIN_INSIDE = 4  # shorter phrases would match inside harmless joined words
_LONGEST_WORD = 40  # wildcards look no deeper into a word, so a huge word stays cheap
_MAX_SPANS = 32


@dataclass(slots=True)
class _Node:
    exact: dict[str, "_Node"] = field(default_factory=dict)
    prefixes: dict[str, "_Node"] = field(default_factory=dict)
    suffixes: dict[str, "_Node"] = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)

    def child(self, word: str) -> "_Node":
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


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """An occurrence of a list: word indices ``first`` to ``last`` and a span of the original."""

    first: int
    last: int
    start: int
    end: int


class RuleSet:
    """The compiled rules of a policy."""

    def __init__(self, policy: Policy) -> None:
        self._rules = policy.rules
        self._root = _Node()
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        inside: dict[str, set[str]] = {}
        for name, phrases in policy.lists.items():
            for phrase in phrases.phrases:
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
            self._patterns.extend((name, re.compile(pattern)) for pattern in phrases.patterns)
        self._inside = inside
        self._longest = max(map(len, inside), default=0)

    def match(self, text: Normalised) -> tuple[RuleMatch, ...]:
        """All rules that fire, in the document's order, those of switched-off categories too."""
        hits = self._occurrences(text)
        matches = []
        for rule in self._rules:
            if any(hits.get(name) for name in rule.unless):
                continue
            found = self._near(rule, hits) if rule.near else _any(rule, hits)
            if found:
                spans = tuple(Span(start=h.start, end=h.end) for h in sorted(set(found))[:_MAX_SPANS])
                category = rule.category.value if rule.category else ""
                matches.append(RuleMatch(rule=rule.id, category=category, action=rule.action, spans=spans))
        return tuple(matches)

    def lowered(self, matches: tuple[RuleMatch, ...]) -> frozenset[str]:
        """Categories whose review the allow rules among ``matches`` lower to allow."""
        fired = {match.rule for match in matches if match.action is Action.ALLOW}
        return frozenset(c.value for rule in self._rules if rule.id in fired for c in rule.lowers)

    def _occurrences(self, text: Normalised) -> dict[str, list[Hit]]:
        hits: dict[str, list[Hit]] = {}
        words = text.words
        for first in range(len(words)):
            reached = [self._root]
            for last in range(first, len(words)):
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

    def _search_joined(self, text: Normalised, first: int, hits: dict[str, list[Hit]]) -> None:
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

    @staticmethod
    def _near(rule: Rule, hits: dict[str, list[Hit]]) -> list[Hit]:
        lists = [sorted(hits.get(name, ())) for name in rule.near]
        if not all(lists):
            return []
        anchors, others = lists[0], lists[1:]
        keys = [[hit.first for hit in other] for other in others]
        found: list[Hit] = []
        for anchor in anchors:
            partners = []
            for other, firsts in zip(others, keys, strict=True):
                at = bisect_left(firsts, anchor.first)
                candidates = other[max(0, at - 1) : at + 1]
                close = [h for h in candidates if h != anchor and _distance(anchor, h) <= rule.within]
                if not close:
                    break
                partners.append(close[0])
            else:
                found.extend((anchor, *partners))
        return found


def _any(rule: Rule, hits: dict[str, list[Hit]]) -> list[Hit]:
    return [hit for name in rule.any for hit in hits.get(name, ())]


def _distance(a: Hit, b: Hit) -> int:
    return max(0, max(a.first, b.first) - min(a.last, b.last))
