"""Rules over what further judges say, asked over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from guard.judging import text_examiner
from guard.settings import Settings
from policies import Action, Decision, Examiner, PolicyError
from tests.moderation_server import ModerationServer, moderation_server

CALM = "a meadow with a quiet lake"
WORDS = {"zorb": ("violence", 0.3), "zorbing": ("self-harm", 0.9), "lake": ("hate", 0.01)}
RULES = [
    {
        "id": "mine.flagged",
        "about": "The second judge flags self-harm.",
        "category": "self_harm",
        "action": "review",
        "when": "judge.second_one.flags.self_harm",
    },
    {
        "id": "mine.together",
        "about": "A name, and a second judge that sees some violence.",
        "category": "violence_gore",
        "action": "block",
        "when": "found.names.person && judge.second_one.violence_gore > 0.2",
    },
    {
        "id": "mine.cleared",
        "about": "A likeness that the second judge sees nothing in.",
        "action": "allow",
        "when": "judge.second_one.answered && judge.second_one.violence_gore < 0.1",
        "lowers": ["public_figure_deepfake"],
    },
]


@pytest.fixture
def server() -> Iterator[ModerationServer]:
    with moderation_server(WORDS) as running:
        yield running


def policy_file(folder: Path, **changes: Any) -> Path:
    document = yaml.safe_load(files("policies").joinpath("default.yaml").read_text("utf-8"))
    document |= {"judges": ["second-one"], "cases": [], **changes}
    document["rules"] += RULES
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    return path


def asking(folder: Path, server: ModerationServer, *, name: str = "second-one", **say: Any) -> Examiner:
    judge = {"kind": "endpoint", "name": name, "base_url": server.base_url, "role": "advisory", **say}
    settings = Settings.model_validate({"data": folder / "data", "examination": {"judges": [judge]}})
    return text_examiner(settings, policy_file(folder))


def rules_of(decision: Decision) -> list[str]:
    return [match.rule for match in decision.matches if match.rule.startswith("mine.")]


def test_rules_combine_what_a_judge_says_with_what_was_found(
    tmp_path: Path, server: ModerationServer
) -> None:
    asked = asking(tmp_path, server)
    calm = asked.judge_text(CALM)
    assert (calm.action, rules_of(calm)) == (Action.ALLOW, ["mine.cleared"])
    held = asked.judge_text(f"{CALM}, zorbing")
    assert (held.action, held.reason) == (Action.REVIEW, "rule.mine.flagged")
    assert asked.judge_text(f"{CALM}, zorb").action is Action.ALLOW
    blocked = asked.judge_text(f"Angela Merkel at {CALM}, zorb")
    assert (blocked.action, blocked.reason) == (Action.BLOCK, "rule.mine.together")
    assert blocked.categories[0] == "violence_gore"
    cleared = asked.judge_text(f"Angela Merkel at {CALM}")
    assert (cleared.action, rules_of(cleared)) == (Action.ALLOW, ["mine.cleared"])
    assert "mine.cleared" in cleared.operator_text
    assert cleared == asked.judge_text(f"Angela Merkel at {CALM}")


def test_what_the_rules_saw_is_evidence(tmp_path: Path, server: ModerationServer) -> None:
    decision = asking(tmp_path, server).judge_text(f"Angela Merkel at {CALM}, zorb")
    (seen,) = (item for item in decision.evidence if item.examiner == "second-one")
    assert (seen.state, seen.code) == ("examined", "advisory")
    assert seen.scores["violence_gore"] == 0.3
    (match,) = (match for match in decision.matches if match.rule == "mine.together")
    assert match.spans  # of the name; a judge points nowhere


def test_a_judge_that_does_not_answer_in_time_counts_against_the_request(
    tmp_path: Path, server: ModerationServer
) -> None:
    server.delay = 2.0
    asked = asking(tmp_path, server, timeout_seconds=0.2)
    calm = asked.judge_text(CALM)  # its failure alone would be ignored: it is advisory
    assert (calm.action, calm.reason) == (Action.REVIEW, "rule.mine.flagged")
    assert rules_of(calm) == ["mine.flagged"]
    named = asked.judge_text(f"Angela Merkel at {CALM}")
    assert (named.action, named.reason) == (Action.BLOCK, "rule.mine.together")
    (seen,) = (item for item in named.evidence if item.examiner == "second-one")
    assert (seen.state, seen.code) == ("failed", "timeout")


def test_what_the_policy_blocks_is_not_sent(tmp_path: Path, server: ModerationServer) -> None:
    asked = asking(tmp_path, server)
    assert asked.judge_text("A recruitment video for ISIS, join us.").action is Action.BLOCK
    assert server.asked == []


def test_a_judge_that_must_pass_says_its_own_as_well(tmp_path: Path, server: ModerationServer) -> None:
    decision = asking(tmp_path, server, role="must_pass").judge_text(f"{CALM}, zorbing")
    assert (decision.action, decision.reason) == (Action.BLOCK, "judge.second-one.self_harm")
    assert rules_of(decision) == ["mine.flagged"]


def test_a_judge_that_rules_name_must_be_there(tmp_path: Path, server: ModerationServer) -> None:
    with pytest.raises(PolicyError) as caught:
        asking(tmp_path, server, name="other")
    assert caught.value.code == "judge_missing"
    assert "second-one" in str(caught.value)
    alone = text_examiner(Settings(data=tmp_path / "data"), policy_file(tmp_path), alone=True)
    decision = alone.judge_text(f"Angela Merkel at {CALM}, zorbing")
    assert (decision.reason, rules_of(decision)) == ("rule.deepfake.likeness", [])
