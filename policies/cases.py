"""Run the test cases that a policy document carries about itself."""

from dataclasses import dataclass

from policies.decision import Action
from policies.document import Case, Policy
from policies.judge import Judge
from policies.judges.opinion import Opinion


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went; holds no text of the case."""

    id: str
    expected: Action
    got: Action
    reason: str
    passed: bool


def run_cases(policy: Policy, judge: Judge) -> list[CaseResult]:
    """Judge every case of ``policy``. A case passes when action, and category where given, agree."""
    results = []
    for case in policy.cases:
        decision = judge.decide(judge.read(case.text, context=case.context), _heard(case))
        passed = decision.action is case.expect
        if case.category is not None:
            passed = passed and case.category in decision.categories
        results.append(CaseResult(case.id, case.expect, decision.action, decision.reason, passed))
    return results


def _heard(case: Case) -> dict[str, Opinion | None] | None:
    if case.judges is None:
        return None
    return {
        name: None if said is None else Opinion(dict(said.scores.items()), frozenset(said.flagged))
        for name, said in case.judges.items()
    }
