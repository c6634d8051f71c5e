"""Run the test cases that a policy document carries about itself."""

from dataclasses import dataclass

from policies.decision import Action
from policies.document import Case, Policy, Thresholds
from policies.judge import Judge
from policies.judges.opinion import Opinion


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went; holds no text of the case.

    Attributes:
        id: Of the case.
        expected: Action that it names.
        category: Category that it names, if any.
        got: Action that was decided on.
        reason: Of the decision.
        highest: Category with the highest score, where a matched rule counts as its threshold.
        score: That score, 0 to 1.
        thresholds: From which scores on that category acts; None where it is switched off.
        rules: Rules that matched.
        passed: Whether action, and category where one is named, agree.
    """

    id: str
    expected: Action
    category: str | None
    got: Action
    reason: str
    highest: str
    score: float
    thresholds: Thresholds | None
    rules: tuple[str, ...]
    passed: bool


def run_cases(policy: Policy, judge: Judge) -> list[CaseResult]:
    """Judge every case of ``policy``. A case passes when action, and category where given, agree."""
    results = []
    for case in policy.cases:
        decision = judge.decide(judge.read(case.text, context=case.context), _heard(case))
        passed = decision.action is case.expect
        if case.category is not None:
            passed = passed and case.category in decision.categories
        highest, score = decision.highest
        results.append(
            CaseResult(
                id=case.id,
                expected=case.expect,
                category=case.category,
                got=decision.action,
                reason=decision.reason,
                highest=highest,
                score=score,
                thresholds=judge.thresholds(case.context).get(highest),
                rules=tuple(match.rule for match in decision.matches),
                passed=passed,
            )
        )
    return results


def _heard(case: Case) -> dict[str, Opinion | None] | None:
    if case.judges is None:
        return None
    return {
        name: None if said is None else Opinion(dict(said.scores.items()), frozenset(said.flagged))
        for name, said in case.judges.items()
    }
