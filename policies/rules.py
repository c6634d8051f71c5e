"""Apply a policy's rules: find its lists, bind the signals, and evaluate each rule's condition."""

from collections.abc import Mapping, Sequence
from typing import Any

from policies.decision import Action, RuleMatch, Span
from policies.document import Overlay, Policy
from policies.expressions import Language
from policies.finding import Finder, Found
from policies.judges.opinion import Opinion
from policies.normalise import Normalised
from policies.signals import NAME_LISTS, NameHit

_MAX_SPANS = 32


class RuleSet:
    """The compiled rules of a policy.

    Raises:
        ExpressionError: A rule's condition cannot be used; ``load_policy`` has checked them all.
    """

    def __init__(self, policy: Policy) -> None:
        self._finder = Finder(policy.lists)
        self._language = Language((*policy.lists, *NAME_LISTS), policy.judges)
        self._base = policy.rules
        self._conditions = {rule.id: self._language.compile(rule.when) for rule in policy.all_rules}

    def find(self, text: Normalised, names: Sequence[NameHit] = ()) -> Found:
        """Where the policy's lists occur in a text."""
        return self._finder.find(text, names)

    def match(
        self,
        found: Found,
        scores: Mapping[str, float],
        circumstances: Mapping[str, Any],
        overlays: Sequence[Overlay] = (),
        heard: Mapping[str, Opinion | None] | None = None,
    ) -> tuple[RuleMatch, ...]:
        """All rules whose condition is met, the document's first, those of switched-off categories too.

        A condition of which nobody can say whether it is met counts as met, unless the rule allows. Where further
        judges have not been asked, one that turns on what they say does not count.

        Args:
            found: Where the lists occur.
            scores: Probability per category.
            circumstances: A value for each of ``expressions.SIGNALS``.
            overlays: Those that count.
            heard: What each further judge says, None if it did not answer; None if nobody was asked.
        """
        values = self._language.bind(scores, found, circumstances, heard)
        matches = []
        for rule in (*self._base, *(rule for overlay in overlays for rule in overlay.rules)):
            condition = self._conditions[rule.id]
            holds = condition.holds(values)
            waits = heard is None and condition.asks
            if holds or (holds is None and rule.action is not Action.ALLOW and not waits):
                hits = sorted({hit for name in condition.lists for hit in found.get(name, ())})
                spans = tuple(Span(start=hit.start, end=hit.end) for hit in hits[:_MAX_SPANS])
                category = rule.category.value if rule.category else ""
                matches.append(RuleMatch(rule=rule.id, category=category, action=rule.action, spans=spans))
        return tuple(matches)
