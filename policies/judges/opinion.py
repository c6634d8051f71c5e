"""What a further judge of texts says, and how it says that it cannot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Opinion:
    """One judge's view of one text.

    Attributes:
        scores: Probability, 0 to 1, for those of our categories that the judge knows.
        flagged: Categories that the judge itself calls a violation, whatever their score.
    """

    scores: Mapping[str, float]
    flagged: frozenset[str] = field(default_factory=frozenset)


class JudgeError(Exception):
    """A judge gave no opinion.

    Args:
        code: ``timeout``, ``unreachable``, ``refused``, ``unreadable``, or the code of what is wrong with its weights.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TextJudge(Protocol):
    """A judge of texts beside the embedded classifier."""

    @property
    def id(self) -> str:
        """Name and version of the model."""

    @property
    def digest(self) -> str:
        """``sha256:`` digest of its weights; empty where they are out of sight, or not loaded yet."""

    def opinion(self, text: str) -> Opinion:
        """Judge one text.

        Raises:
            JudgeError: It cannot.
        """


def worst(opinions: list[Opinion]) -> Opinion:
    """Of several stretches of one text, the worst counts in each category."""
    scores: dict[str, float] = {}
    for opinion in opinions:
        for category, score in opinion.scores.items():
            scores[category] = max(score, scores.get(category, 0.0))
    return Opinion(scores, frozenset().union(*(opinion.flagged for opinion in opinions)))
