"""Which of several equally strict categories a decision is said to be about."""

from collections.abc import Mapping

from policies.taxonomy import CATEGORIES, FLOOR, Category

RULED = 1.0
"""The evidence that a rule is which asks for the action."""
COMPARABLE = 0.05
"""The floor is named first where its evidence lies at most so far below the strongest."""
_SAYS_MORE = {Category.SEXUAL_MINORS: Category.SEXUAL, Category.NONCONSENSUAL_INTIMATE: Category.SEXUAL}
"""Categories that say what another says and more: evidence of that one is none against them."""


def foremost(evidence: Mapping[str, float]) -> list[str]:
    """Categories that all ask for the same action, the one to be named first.

    The strongest evidence comes first, but for the floor, which comes before what is hardly stronger: a request for a
    bomb is about weapons unless it is about terrorism as well. Nothing is left out.

    Args:
        evidence: For each category its own: ``RULED``, or its score, 0 to 1.
    """
    strength = {
        c: max(own, evidence.get(_SAYS_MORE.get(Category(c), ""), 0.0)) for c, own in evidence.items()
    }
    needed = max(strength.values(), default=0.0) - COMPARABLE
    return sorted(
        evidence,
        key=lambda c: (not (c in FLOOR and strength[c] >= needed), -strength[c], CATEGORIES.index(c)),
    )
