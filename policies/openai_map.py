"""Our categories as the thirteen of the OpenAI moderation wire.

The wire has no name for deepfakes, elections, protected works, privacy, fraud or evasion: those stay
in the decision and are not squeezed into a name that means something else.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from policies.categories import OpenAiName, taxonomy
from policies.decision import Decision
from policies.taxonomy import Category

OPENAI_CATEGORIES: dict[str, tuple[Category, ...]] = {
    name: tuple(category for category, entry in taxonomy().items() if name in entry.openai)
    for name in get_args(OpenAiName)
}
"""For each wire category, ours; the highest counts.

A threat is both hateful and violent: of those two, the lower counts.
"""

_THREATENING = ("harassment/threatening", "hate/threatening")


@dataclass(frozen=True, slots=True)
class ModerationResult:
    """One entry of ``results`` on the wire.

    Attributes:
        flagged: Whether any of the categories is true. What the policy does about anything else, the decision says.
        categories: True where one of ours that stands behind the name acts.
        category_scores: 0 to 1.
        category_applied_input_types: ``["text"]`` or ``["image"]`` where that was judged, else empty.
    """

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]


def openai_map(decision: Decision, *, input_type: Literal["text", "image"] = "text") -> ModerationResult:
    """Translate a decision. Names without a score of ours behind them get 0.0, False and no input type.

    Args:
        decision: The judge's answer.
        input_type: What was judged.
    """
    acting = set(decision.categories)
    flags: dict[str, bool] = {}
    scores: dict[str, float] = {}
    applied: dict[str, list[str]] = {}
    for name, ours in OPENAI_CATEGORIES.items():
        if name in _THREATENING:
            both = (Category.HATE_HARASSMENT, Category.VIOLENCE_GORE)
            flags[name] = all(category in acting for category in both)
            scores[name] = min(decision.scores.get(category, 0.0) for category in both)
            known = all(category in decision.scores for category in both)
        else:
            flags[name] = any(category in acting for category in ours)
            scores[name] = max(decision.scores.get(category, 0.0) for category in ours)
            known = any(category in decision.scores for category in ours)
        applied[name] = [input_type] if known else []
    return ModerationResult(any(flags.values()), flags, scores, applied)
