"""Several judges asked at once, each with its own time, and what follows from what they say or fail to say."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Literal

from policies.decision import Action
from policies.errors import PolicyError
from policies.judges.opinion import JudgeError, Opinion, TextJudge

Role = Literal["must_pass", "advisory"]
OnFailure = Literal["block", "review", "ignore"]


@dataclass(frozen=True)
class Member:
    """One judge and its say.

    Attributes:
        name: How it is called in decisions.
        judge: What is asked.
        role: ``must_pass`` acts like the policy's own classifier; ``advisory`` is written down, and changes only what
            the policy's rules make of it.
        timeout: Seconds from the question to the answer, waiting for its turn included.
        on_failure: What happens without an answer; ``ignore`` is for advisory judges alone.
        review: Score from which a person looks at it.
        block: Score from which it is blocked.
        at_once: How many texts it judges at the same time.
    """

    name: str
    judge: TextJudge
    role: Role = "must_pass"
    timeout: float = 5.0
    on_failure: OnFailure = "block"
    review: float = 0.4
    block: float = 0.6
    at_once: int = 1
    pool: ThreadPoolExecutor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.role == "must_pass" and self.on_failure == "ignore":
            raise PolicyError(
                "judge_ignored",
                f"The judge {self.name} must pass, so its failure cannot be ignored: block or review.",
            )
        if self.review > self.block:
            raise PolicyError(
                "judge_thresholds", f"The judge {self.name} must not review above what it blocks."
            )
        threads = ThreadPoolExecutor(self.at_once, thread_name_prefix=f"judge-{self.name}")
        object.__setattr__(self, "pool", threads)

    def action(self, category: str, opinion: Opinion) -> Action:
        """What its opinion asks for in one category."""
        score = opinion.scores.get(category, 0.0)
        if category in opinion.flagged or score >= self.block:
            return Action.BLOCK
        return Action.REVIEW if score >= self.review else Action.ALLOW


@dataclass(frozen=True)
class Heard:
    """What came of asking a member.

    Attributes:
        member: Who was asked.
        opinion: Its answer; None if there was none.
        failure: Why there was none, as a stable code; empty if there was one.
    """

    member: Member
    opinion: Opinion | None
    failure: str = ""

    @property
    def said(self) -> Opinion | None:
        """The opinion as rules see it: flagged is what the member asks to block, by its own flag or its score."""
        if self.opinion is None:
            return None
        scores = self.opinion.scores
        asked = {*scores, *self.opinion.flagged}
        blocked = (c for c in asked if self.member.action(c, self.opinion) is Action.BLOCK)
        return Opinion(scores, frozenset(blocked))


class Panel:
    """Asks its members side by side.

    Args:
        members: Who is asked, in the order in which their answers are given.
    """

    def __init__(self, members: Sequence[Member] = ()) -> None:
        self.members = tuple(members)
        if len({member.name for member in self.members}) < len(self.members):
            raise PolicyError("judge_twice", "Two judges have the same name.")

    def hear(self, text: str) -> tuple[Heard, ...]:
        """Each member's answer to one text, or why it has none; takes as long as the longest timeout."""
        start = time.monotonic()
        asked = [(member, member.pool.submit(member.judge.opinion, text)) for member in self.members]
        return tuple(_heard(member, future, start + member.timeout) for member, future in asked)


def _heard(member: Member, future: "Future[Opinion]", until: float) -> Heard:
    try:
        return Heard(member, future.result(timeout=max(0.0, until - time.monotonic())))
    except FutureTimeout:
        future.cancel()  # unless it has begun; then it ends by itself, and its answer is not heard
        return Heard(member, None, "timeout")
    except JudgeError as error:
        return Heard(member, None, error.code)
    except Exception:  # noqa: BLE001 - whatever a judge breaks at, it has no opinion
        return Heard(member, None, "broken")
