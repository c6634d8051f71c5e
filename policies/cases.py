"""Run the test cases that a policy document carries about itself."""

from dataclasses import dataclass

from policies.decision import Action
from policies.document import Policy
from policies.judge import Judge


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
        decision = judge.judge_text(case.text, context=case.context)
        passed = decision.action is case.expect
        if case.category is not None:
            passed = passed and case.category in decision.categories
        results.append(CaseResult(case.id, case.expect, decision.action, decision.reason, passed))
    return results
