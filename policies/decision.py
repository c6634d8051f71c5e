"""What the judge answers. Nothing in here holds text that a user wrote."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from policies.signals import Context
from policies.taxonomy import SEALED

Stage = Literal["prompt", "input", "output"]


SEVERITIES = ("none", "low", "medium", "high")
"""From least to most."""


class Action(StrEnum):
    """What happens to a request; later members are stricter."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def rank(self) -> int:
        """0 for allow, 1 for review, 2 for block."""
        return list(Action).index(self)


ALLOWED = "allowed"
"""The reason of what nothing is held against."""


def because(action: Action, reason: str) -> str:
    """An action and its reason, for the operator."""
    if reason == ALLOWED:
        return f"{action.value}, nothing asks for more"
    return f"{action.value} because of {reason}"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(_Frozen):
    """A stretch of the original text: code points ``start`` (inclusive) to ``end`` (exclusive)."""

    start: int
    end: int


class RuleMatch(_Frozen):
    """A rule of the policy that fired, and where."""

    rule: str
    category: str
    action: Action
    spans: tuple[Span, ...]


class Evidence(_Frozen):
    """One examiner's part in a decision.

    Attributes:
        examiner: What looked, or would have: ``prompt-classifier``, ``pictures``, ``faces``, ``written``, ``spoken``,
            ``hash-lists``, or the name of a further judge.
        state: ``examined``; ``skipped`` where nothing was left to find out; ``absent`` where it is not configured or
            not installed; ``failed``.
        model_id: Name and version of the model.
        model_digest: ``sha256:`` digest of its weights; empty where they are out of sight.
        action: What it asks for; None where it has no say.
        scores: What it found, 0 to 1: by category, or ``face``.
        code: Why it is absent, or how it failed.
    """

    examiner: str
    state: Literal["examined", "skipped", "absent", "failed"]
    model_id: str = ""
    model_digest: str = ""
    action: Action | None = None
    scores: dict[str, float] = {}
    code: str = ""


class Unenforced(_Frozen):
    """What a policy in shadow mode would have done."""

    action: Action
    reason: str
    categories: tuple[str, ...]


class Decision(_Frozen):
    """The judge's answer to one prompt or one set of pictures.

    Attributes:
        action: What to do. Under a policy in shadow mode, what the floor alone says.
        reason: Stable code: ``allowed``, ``rule.<rule id>``, ``score.<category>`` or ``frames.<category>``; the first
            three after ``written.`` or ``spoken.`` for text in pictures and speech; ``judge.<name>.<category>``,
            ``hash.<list>``, or ``unavailable.<examiner>``.
        categories: Categories that asked for review or block, strictest first; among equally strict ones that with the
            strongest evidence, the floor before what is hardly stronger (see ``policies.ordering``).
        scores: Probability per category, 0 to 1. Where a rule fired, at least the threshold
            that the rule's action stands for.
        severities: ``none``, ``low``, ``medium`` or ``high`` per category.
        matches: Rules that fired.
        policy_id: Identifier of the policy document.
        policy_version: Version of the policy document.
        policy_digest: ``sha256:`` digest of the policy's canonical JSON.
        model_id: The scorer that was used.
        model_digest: ``sha256:`` digest of its weights.
        user_text: Words for the user, by language (``en``, ``de``).
        operator_text: Words for the operator.
        stage: What was judged.
        mode: Whether the policy is enforced, or only watched.
        shadow: In shadow mode, what the whole policy says; else None.
        overlays: Overlays of the policy that counted.
        language: Of the text: ``en``, ``de``, or ``und``; None where there was none.
        context: The circumstances it was judged under.
        evidence: Who looked, and what each of them says.
    """

    action: Action
    reason: str
    categories: tuple[str, ...]
    scores: dict[str, float]
    severities: dict[str, str]
    matches: tuple[RuleMatch, ...]
    policy_id: str
    policy_version: int
    policy_digest: str
    model_id: str
    model_digest: str
    user_text: dict[str, str]
    operator_text: str
    stage: Stage
    mode: Literal["enforce", "shadow"] = "enforce"
    shadow: Unenforced | None = None
    overlays: tuple[str, ...] = ()
    language: str | None = None
    context: Context = Context()
    evidence: tuple[Evidence, ...] = ()

    @property
    def highest(self) -> tuple[str, float]:
        """The category with the highest score, and that score."""
        return max(self.scores.items(), key=lambda item: item[1])

    @property
    def sealed(self) -> bool:
        """Whether what was judged may be seen by nobody but those whom the operator names for it."""
        on_a_list = any(one.examiner == "hash-lists" and one.action is Action.BLOCK for one in self.evidence)
        return on_a_list or not SEALED.isdisjoint(self.categories)

    @property
    def details(self) -> dict[str, Any]:
        """What a record keeps of it besides action, reason, scores and digests."""
        kept = {
            "severities",
            "matches",
            "user_text",
            "operator_text",
            "mode",
            "shadow",
            "overlays",
            "language",
            "evidence",
        }
        return self.model_dump(mode="json", include=kept | {"context"})
