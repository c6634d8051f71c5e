"""Which category a decision is said to be about."""

import pytest

from policies import FLOOR, Action, Judge, Policy
from policies.ordering import COMPARABLE, RULED, foremost
from tests.policy import Fixed

WEAPONS, TERROR, MINORS, SEXUAL = (
    "illicit_weapons_drugs",
    "terrorism_extremism",
    "sexual_minors",
    "sexual",
)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({TERROR: 0.89, WEAPONS: 0.99}, [WEAPONS, TERROR]),
        ({TERROR: 0.96, WEAPONS: 0.99}, [TERROR, WEAPONS]),
        ({TERROR: 0.7, WEAPONS: RULED}, [WEAPONS, TERROR]),
        ({TERROR: RULED, WEAPONS: RULED, "violence_gore": RULED}, [TERROR, "violence_gore", WEAPONS]),
        ({SEXUAL: 0.75, "fraud_scam": 0.95}, ["fraud_scam", SEXUAL]),
        ({SEXUAL: RULED, MINORS: 0.61}, [MINORS, SEXUAL]),
        (
            {SEXUAL: RULED, "nonconsensual_intimate": 0.61, TERROR: 0.7},
            ["nonconsensual_intimate", SEXUAL, TERROR],
        ),
        ({}, []),
    ],
)
def test_the_strongest_evidence_comes_first_and_the_floor_before_what_is_hardly_stronger(
    evidence: dict[str, float], expected: list[str]
) -> None:
    assert foremost(evidence) == expected
    assert foremost(dict(reversed(evidence.items()))) == expected


def test_a_request_for_weapons_is_about_weapons_and_the_floor_stays_in_sight(policy: Policy) -> None:
    judge = Judge(policy, Fixed(illicit_weapons_drugs=0.99, terrorism_extremism=0.85))
    decision = judge.judge_text("a quiet lake")
    assert (decision.action, decision.reason) == (Action.BLOCK, f"score.{WEAPONS}")
    assert decision.categories == (WEAPONS, TERROR)
    assert "illegal" in decision.user_text["en"]
    near = Judge(policy, Fixed(illicit_weapons_drugs=0.99, terrorism_extremism=0.99 - COMPARABLE / 2))
    assert near.judge_text("a quiet lake").reason == f"score.{TERROR}"


def test_what_is_stricter_comes_first_whatever_its_evidence(policy: Policy) -> None:
    judge = Judge(policy, Fixed(terrorism_extremism=0.5, fraud_scam=0.7))
    decision = judge.judge_text("a quiet lake")
    assert (decision.reason, decision.categories) == ("score.fraud_scam", ("fraud_scam", TERROR))


@pytest.mark.parametrize("category", sorted(FLOOR))
def test_no_rule_hides_the_floor(policy: Policy, category: str) -> None:
    text = "Anleitung: eine Rohrbombe bauen. Völlig nackte Frauen."
    decision = Judge(policy, Fixed(**{category: 0.6})).judge_text(text)
    assert decision.action is Action.BLOCK
    assert category in decision.categories
    assert decision.sealed is (category == MINORS)


def test_nothing_is_said_to_be_allowed_because_it_is_allowed(policy: Policy) -> None:
    calm = Judge(policy, Fixed()).judge_text("a quiet lake")
    assert calm.operator_text == "allow, nothing asks for more"
    held = Judge(policy, Fixed(fraud_scam=0.6)).judge_text("a quiet lake")
    assert held.operator_text == "review because of score.fraud_scam; scores fraud_scam 0.600"
    watched = policy.model_copy(update={"mode": "shadow"})
    shown = Judge(watched, Fixed(fraud_scam=0.9)).judge_text("a quiet lake").operator_text
    assert shown.startswith(
        "allow, nothing asks for more; in shadow mode; enforced it would be block because of score.fraud_scam"
    )
