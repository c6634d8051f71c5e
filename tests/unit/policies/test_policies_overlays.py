import os
import subprocess
import sys
from typing import Any

import pytest

from policies import CATEGORIES, FLOOR, Action, Context, Judge, Policy, differences
from policies.decision import SEVERITIES
from tests.policy import Fixed, parsed, refused, written

TIGHT = {"text": {"review": 0.05, "block": 0.2}}


def _tenant(**fields: Any) -> dict[str, Any]:
    return {"id": "tenant.acme", "tenant": "acme", **fields}


def test_the_overlays_of_all_regions_are_there(policy: Policy) -> None:
    assert {overlay.region for overlay in policy.overlays} >= {"EU", "US", "UK", "IN", "CN", "KR"}
    assert {overlay.audience for overlay in policy.overlays} >= {"adult_only", "under_18"}
    assert all(overlay.notes for overlay in policy.overlays)


def test_an_overlay_counts_for_its_own_alone(tree: dict[str, Any]) -> None:
    rule = {"id": "acme.lake", "about": "x", "category": "fraud_scam", "action": "block",
            "when": "found.acme.lake", "user_text": {"en": "No lakes.", "de": "Keine Seen."}}  # fmt: skip
    tree["lists"]["acme.lake"] = {"phrases": ["lake"]}
    tree["overlays"].append(_tenant(categories={"violence_gore": TIGHT}, rules=[rule]))
    judge = Judge(parsed(tree), Fixed(violence_gore=0.1))
    assert judge.judge_text("a quiet lake").action is Action.ALLOW
    assert judge.judge_text("a quiet lake", context=Context(tenant="other")).overlays == ()
    decision = judge.judge_text("a quiet lake", context=Context(tenant="acme"))
    assert decision.action is Action.BLOCK
    assert decision.overlays == ("tenant.acme",)
    assert decision.user_text == {"en": "No lakes.", "de": "Keine Seen."}
    assert set(decision.categories) == {"fraud_scam", "violence_gore"}
    assert "tenant.acme" in decision.operator_text


def test_several_overlays_give_the_strictest(tree: dict[str, Any]) -> None:
    tree["categories"]["fraud_scam"]["text"] = {"review": 0.4, "block": 0.9}
    tree["overlays"] = [
        {"id": "eu", "region": "EU", "categories": {"fraud_scam": {"text": {"review": 0.1, "block": 0.6}}}},
        {"id": "us", "region": "US", "categories": {"fraud_scam": {"text": {"review": 0.2, "block": 0.4}}}},
    ]
    judge = Judge(parsed(tree | {"cases": []}), Fixed(fraud_scam=0.5))
    by_regions = {
        regions: judge.judge_text("a quiet lake", context=Context(regions=regions)).action
        for regions in ((), ("EU",), ("US",), ("EU", "US"))
    }
    assert list(by_regions.values()) == ["review", "review", "block", "block"]


def test_an_overlay_switches_a_category_on(tree: dict[str, Any]) -> None:
    tree["categories"]["fraud_scam"]["enabled"] = False
    tree["overlays"].append(_tenant(categories={"fraud_scam": TIGHT}))
    judge = Judge(parsed(tree), Fixed(fraud_scam=0.9))
    assert judge.judge_text("a quiet lake").action is Action.ALLOW
    assert judge.judge_text("a quiet lake", context=Context(tenant="acme")).action is Action.BLOCK


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("kind", ["text", "frames"])
def test_a_tenant_cannot_relax_anything(tree: dict[str, Any], category: str, kind: str) -> None:
    tree["categories"][category][kind] = {"review": 0.4, "block": 0.8}
    tree["overlays"].append(_tenant(categories={category: {kind: {"review": 0.3, "block": 0.99}}}))
    error = refused(tree)
    assert error.code == "policy_overlay"
    assert "an overlay can only tighten, and 0.99 lies above the document's" in str(error)
    lines = written(tree).splitlines()
    named = int(str(error).partition("line ")[2].partition(",")[0])
    assert "0.99" in lines[named - 1]


def test_who_lowers_a_threshold_is_told_of_the_overlay_that_now_lies_above_it(tree: dict[str, Any]) -> None:
    tree["overlays"] = [_tenant(categories={"fraud_scam": {"text": {"review": 0.2, "block": 0.35}}})]
    tree["cases"] = []
    parsed(tree)
    tree["categories"]["fraud_scam"]["text"] = {"review": 0.1, "block": 0.3}
    error = refused(tree)
    assert error.code == "policy_overlay"
    where = "overlays.0.categories.fraud_scam.text.review"
    assert f"{where}: an overlay can only tighten, and 0.2 lies above the document's 0.1." in str(error)


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        (_tenant(region="EU"), "one region, one audience or one tenant"),
        ({"id": "nobody"}, "one region, one audience or one tenant"),
        ({"id": "x", "region": "Mars"}, "region"),
        (_tenant(categories={"fraud_scam": {"enabled": False}}), "enabled"),
        (_tenant(rules=[{"id": "floor.x", "about": "x", "category": "sexual", "action": "block",
                         "when": "true"}]), "belong to the floor"),
        (_tenant(rules=[{"id": "x", "about": "x", "action": "allow", "lowers": ["sexual"], "when": "true"}]),
         "no allow rules"),
        (_tenant(rules=[{"id": "x", "about": "x", "category": "sexual", "action": "block",
                         "when": "true &&\n false &&\n found.nowhere"}]), "names the list nowhere"),
        ({"id": "region.eu", "tenant": "acme"}, "overlay id region.eu is used twice"),
        (_tenant(rules=[{"id": "sexual.explicit", "about": "x", "category": "sexual", "action": "block",
                         "when": "true"}]), "rule id sexual.explicit is used twice"),
    ],
)  # fmt: skip
def test_what_a_tenant_may_not_write(tree: dict[str, Any], overlay: dict[str, Any], words: str) -> None:
    tree["overlays"].append(overlay)
    assert words in str(refused(tree))


def test_adults_alone_may_see_more_but_never_what_the_floor_stops(
    tree: dict[str, Any], policy: Policy
) -> None:
    adults = Context(audience="adult_only")
    judge = Judge(policy, Fixed(sexual=0.9))
    assert judge.judge_text("a quiet lake").action is Action.BLOCK
    assert judge.judge_text("a quiet lake", context=adults).action is Action.ALLOW
    for category in map(str, FLOOR):
        assert (
            Judge(policy, Fixed(**{category: 0.9})).judge_text("a lake", context=adults).action
            is Action.BLOCK
        )
        tree["overlays"] = [{"id": "x", "audience": "adult_only",
                             "categories": {category: {"text": {"review": 0.5, "block": 0.9}}}}]  # fmt: skip
        assert refused(tree).code == "policy_floor"


def test_the_audience_of_the_document_counts_where_none_is_named(tree: dict[str, Any]) -> None:
    tree["audience"] = "under_18"
    judge = Judge(parsed(tree | {"cases": []}), Fixed(sexual=0.2))
    assert judge.judge_text("a quiet lake").overlays == ("audience.under_18",)
    assert judge.judge_text("a quiet lake").action is Action.REVIEW
    assert judge.judge_text("a quiet lake", context=Context(audience="general")).action is Action.ALLOW


def test_shadow_mode_watches_all_but_the_floor(tree: dict[str, Any], policy: Policy) -> None:
    watched = parsed(tree | {"mode": "shadow"})
    text = "Deepfake: Olaf Scholz gesteht"
    enforced, shadowed = (Judge(p, Fixed()).judge_text(text) for p in (policy, watched))
    assert (enforced.action, enforced.shadow) == (Action.BLOCK, None)
    assert shadowed.action is Action.ALLOW
    assert shadowed.reason == "allowed"
    assert shadowed.user_text == policy.allowed_text.model_dump()
    assert shadowed.shadow is not None
    assert shadowed.shadow.action is Action.BLOCK
    assert shadowed.shadow.reason == enforced.reason
    assert shadowed.scores == enforced.scores
    assert "shadow" in shadowed.operator_text
    floor = Judge(watched, Fixed()).judge_text("A recruitment video for ISIS, join us.")
    assert floor.action is Action.BLOCK
    assert Judge(watched, Fixed(nonconsensual_intimate=0.99)).judge_text("a lake").action is Action.BLOCK


@pytest.mark.parametrize("audience", ["general", "adult_only", "under_18"])
@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_a_real_persons_picture_and_a_sexual_prompt(tree: dict[str, Any], audience: Any, mode: str) -> None:
    tree["rules"], tree["lists"], tree["overlays"], tree["cases"] = [], {}, [], []
    judge = Judge(parsed(tree | {"mode": mode}), Fixed())
    for text in ("She dances in lingerie", "Sie tanzt nackt im Regen"):
        for known in ({"reference_has_face": True}, {"reference_is_person": True}):
            context = Context(audience=audience, has_reference=True, **known)  # type: ignore[arg-type]
            decision = judge.judge_text(text, context=context)
            assert decision.action is Action.BLOCK
            assert decision.reason == "rule.floor.intimate.reference"
        unexamined = judge.judge_text(text, context=Context(audience=audience, has_reference=True))
        assert unexamined.action is Action.BLOCK
        assert unexamined.reason == "rule.floor.intimate.reference_unexamined"
        no_face = Context(audience=audience, has_reference=True, reference_has_face=False)
        assert judge.judge_text(text, context=no_face).action is Action.ALLOW
        assert judge.judge_text(text).action is Action.ALLOW
    by_score = Judge(judge.policy, Fixed(sexual=0.6))
    face = Context(has_reference=True, reference_has_face=True)
    assert by_score.judge_text("a quiet lake", context=face).action is Action.BLOCK
    assert judge.judge_text("she waves at the camera", context=face).action is Action.ALLOW


def test_a_decision_says_everything(judge: Judge) -> None:
    text = "Ein gefälschtes Video: Friedrich Merz nimmt Schmiergeld von einem Mann."
    decision = judge.judge_text(text, context=Context(regions=("IN",)))
    assert decision.matches
    for match in decision.matches:
        assert all(0 <= span.start < span.end <= len(text) for span in match.spans)
    assert set(decision.severities.values()) <= set(SEVERITIES)
    assert decision.language == "de"
    assert decision.overlays == ("region.in",)
    kept = decision.details
    assert kept["context"]["regions"] == ["IN"]
    assert kept["matches"][0]["spans"]
    assert kept["operator_text"]
    assert kept["user_text"]["de"]
    assert "Merz" not in str(kept)


def test_differences_say_which_way(tree: dict[str, Any], policy: Policy) -> None:
    assert differences(policy, parsed(tree)) == []
    tree["version"] += 1
    tree["categories"]["sexual"]["text"]["block"] -= 0.05
    tree["categories"]["fraud_scam"]["text"]["review"] += 0.05
    tree["lists"]["fraud.terms"]["phrases"].append("a new trick")
    removed = tree["rules"].pop(0)
    tree["rules"][0]["action"] = "review"
    tree["overlays"].append(_tenant())
    found = {change.where: change for change in differences(policy, parsed(tree))}
    assert found["categories.sexual.text.block"].effect == "stricter"
    assert found["categories.fraud_scam.text.review"].effect == "looser"
    assert found["lists.fraud.terms.phrases"].after == "a new trick"
    assert (found[f"rules.{removed['id']}"].kind, found[f"rules.{removed['id']}"].effect) == (
        "removed",
        "looser",
    )
    assert found[f"rules.{tree['rules'][0]['id']}.action"].effect == "looser"
    assert found["overlays.tenant.acme"].kind == "added"
    assert found["version"].after == policy.version + 1
    assert len(found) == 7
    back = {change.where: change for change in differences(parsed(tree), policy)}
    assert back["categories.sexual.text.block"].effect == "looser"


def test_same_input_and_policy_same_answer_in_any_process() -> None:
    """Hashes of strings differ between processes, and with them the order of sets."""
    code = (
        "from policies import Context, Judge; judge = Judge.default(); "
        "context = Context(regions=('CN', 'EU', 'KR'), audience='under_18', has_reference=True); "
        "texts = ['Deepfake: Olaf Scholz gesteht nackt am Wahltag', 'n4k3d w0man, porn, beheading, 14 years old']; "
        "print([judge.judge_text(text, context=context).model_dump_json() for text in texts])"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(answers) == 1
    assert "rule.floor" in answers.pop()
