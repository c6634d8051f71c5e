"""`guard policy`: documents are tested, compared, tried on files and on what is on record."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from guard.cli.checking import one_line
from policies import Judge, load_policy
from tests.policy import BLOCKED_WORD, SEALED_WORD, Fixed, write_policy, written


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return write_policy(tmp_path / "mine.yaml")


def change(path: Path, **fields: Any) -> Path:
    document = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
    changed = path.with_name("changed.yaml")
    changed.write_text(written(document | fields), "utf-8")
    return changed


def test_a_document_passes_its_own_cases_or_says_which_fail(guard: Any, mine: Path) -> None:
    passed = guard("policy", "test", mine, "--json")
    assert (passed.code, passed.json["failed"]) == (0, [])
    assert passed.json["cases"] == len(passed.json["results"]) > 30
    wrong = [{"id": "wrong", "language": "en", "text": f"a {BLOCKED_WORD}", "expect": "allow"}]
    failed = guard("policy", "test", change(mine, cases=wrong))
    assert failed.code == 1
    assert "failed: wrong: wanted allow, got block (rule.test.blocked)" in failed.err
    limits = yaml.load(mine.read_text("utf-8"), yaml.CSafeLoader)["categories"]["ip_copyright"]["text"]
    acts = f"review from {limits['review']}, block from {limits['block']}"
    assert f"highest score ip_copyright {limits['block']:.3f} ({acts}); rules test.blocked" in failed.err
    wanting = [
        {"id": "lake", "language": "en", "text": "a lake", "expect": "block", "category": "fraud_scam"}
    ]
    lacking = guard("policy", "test", change(mine, cases=wanting))
    assert "failed: lake: wanted block for fraud_scam, got allow (allowed)" in lacking.err
    assert "; no rule matched" in lacking.err
    assert guard("policy", "test", change(mine, cases=wrong), "--json").json["failed"] == ["wrong"]


def test_an_invalid_document_is_refused_with_its_line(guard: Any, mine: Path) -> None:
    text = mine.read_text("utf-8").replace("found.test.blocked", "found.test.blokked")
    mine.write_text(text, "utf-8")
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "blokked" in each)
    ran = guard("policy", "test", mine)
    assert ran.code == 1
    assert f"mine.yaml, line {line}, rules." in ran.err
    assert "names the list test.blokked, which does not exist" in ran.err


def test_a_file_of_prompts_is_decided_on_line_by_line(
    guard: Any, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        {"text": "a quiet lake", "id": "first", "label": "safe"},
        {"text": f"a {BLOCKED_WORD} zyxwort"},
        {"text": "a quiet lake", "context": {"audience": "under_18", "regions": ["EU", "KR"]}},
    ]
    file = tmp_path / "prompts.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n", "utf-8")
    ran = guard("policy", "check", file, "--policy", mine, "--json")
    assert ran.code == 0
    first, second, third = map(json.loads, ran.out.splitlines())
    assert (first["line"], first["id"], first["action"], first["reason"]) == (1, "first", "allow", "allowed")
    assert (second["line"], second["action"], second["reason"]) == (2, "block", "rule.test.blocked")
    assert second["matches"][0]["spans"] == [{"start": 2, "end": 2 + len(BLOCKED_WORD)}]
    assert third["overlays"] == ["audience.under_18", "region.eu", "region.kr"]
    assert {"scores", "severities", "policy_digest", "model_digest", "user_text", "operator_text"} <= set(
        first
    )
    assert "zyxwort" not in ran.out
    assert guard("policy", "check", file, "--policy", mine, "--json").out == ran.out
    summary = guard("policy", "check", file, "--policy", mine)
    shown = summary.out.splitlines()
    limit = yaml.load(mine.read_text("utf-8"), yaml.CSafeLoader)["categories"]["ip_copyright"]["text"][
        "block"
    ]
    assert shown[0].startswith("first  allow   allowed  ")
    assert shown[1] == f"2  block   rule.test.blocked  ip_copyright {limit:.3f}"
    assert shown[2].startswith("3  allow   allowed  ")
    assert shown[4] == "2 allow, 0 review, 1 block"
    assert "zyxwort" not in summary.out
    monkeypatch.setattr("sys.stdin", io.StringIO(file.read_text("utf-8")))
    assert guard("policy", "check", "-", "--policy", mine, "--json").out == ran.out


def test_single_prompts_need_no_file(guard: Any, mine: Path) -> None:
    given = ("--text", "a quiet lake", "--text", f"a {BLOCKED_WORD}", "--policy", mine)
    ran = guard("policy", "check", *given)
    assert ran.code == 0
    assert [line.split()[:3] for line in ran.out.splitlines()[:2]] == [
        ["1", "allow", "allowed"],
        ["2", "block", "rule.test.blocked"],
    ]
    decisions = list(map(json.loads, guard("policy", "check", *given, "--json").out.splitlines()))
    assert [(one["line"], one["action"]) for one in decisions] == [(1, "allow"), (2, "block")]
    assert "1: The text holds no visible words" in guard("policy", "check", "--text", "").err
    assert guard("policy", "check").code == 2
    assert guard("policy", "check", "prompts.jsonl", "--text", "a quiet lake").code == 2


def test_the_score_that_acted_is_shown_and_not_a_higher_one_that_did_not(mine: Path) -> None:
    policy = load_policy(mine)
    violence, hate = (policy.categories[name].text for name in ("violence_gore", "hate_harassment"))
    below, reached = violence.review - 0.001, hate.review
    assert below > reached
    for scores, shown in (
        ({"violence_gore": below, "hate_harassment": reached}, f"hate_harassment {reached:.3f}"),
        ({"violence_gore": below}, f"violence_gore {below:.3f}"),
    ):
        decision = Judge(policy, Fixed(**scores)).judge_text("a quiet lake")
        assert one_line({"line": 1}, decision).endswith(shown)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": 5}', "1: text must be a string"),
        ('{"id": 1}', "1: text is missing"),
        ('{"text": "zyxwort", "context": []}', "1: context must be an object."),
        (
            '{"text": "zyxwort", "context": {"zyxwort": 1}}',
            "unknown key, known are audience, medium, regions",
        ),
        (
            '{"text": "zyxwort", "context": {"audience": "zyxwort"}}',
            "context.audience: input should be 'general', 'adult_only' or 'under_18'.",
        ),
        (
            '{"text": "zyxwort", "context": {"regions": ["Mars"]}}',
            "context.regions.0: input should be 'EU', 'US'",
        ),
        ('{"text": "a\\u0000zyxwort"}', "control character NUL"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(guard: Any, tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(line, "utf-8")
    ran = guard("policy", "check", file)
    assert words in " ".join(ran.err.split())
    assert "zyxwort" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("given", "label"),
    [("7", "7"), ('"clip 7"', "clip 7"), ('"a\\nb"', "1"), ('""', "1"), ("[7]", "1"), (f'"{"x" * 65}"', "1")],
)
def test_an_id_that_is_no_name_gives_way_to_the_number(
    guard: Any, tmp_path: Path, given: str, label: str
) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(f'{{"text": "a quiet lake", "id": {given}}}', "utf-8")
    assert guard("policy", "check", file).out.startswith(f"{label}  allow ")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nonsense zyxwort", "line_invalid"),
        ('["zyxwort"]', "line_invalid"),
        ('{"text": 7}', "line_invalid"),
        ('{"text": ""}', "prompt_empty"),
        ('{"text": "a\\u0000zyxwort"}', "prompt_unreadable"),
        ('{"text": "zyxwort", "context": {"regions": ["Mars"]}}', "context_invalid"),
        ('{"text": "zyxwort", "context": "EU"}', "context_invalid"),
        ('{"text": "' + "a" * 1_000_001 + '"}', "line_too_long"),
    ],
)
def test_a_line_that_cannot_be_decided_on_has_a_code(
    guard: Any, tmp_path: Path, line: str, code: str
) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(line + '\n{"text": "a quiet lake"}\n', "utf-8")
    ran = guard("policy", "check", file, "--json")
    assert ran.code == 1
    wrong, right = map(json.loads, ran.out.splitlines())
    assert (wrong["line"], wrong["error"]["code"]) == (1, code)
    assert right["action"] == "allow"
    assert "zyxwort" not in ran.out + ran.err
    assert guard("policy", "check", file).code == 1
    assert guard("policy", "check", tmp_path / "absent.jsonl").code == 1


def test_two_documents_are_compared(guard: Any, mine: Path) -> None:
    same = guard("policy", "diff", mine, mine)
    assert (same.code, same.out) == (0, "Both decide alike.\n")
    changed = guard("policy", "diff", "default", mine, "--json")
    assert changed.code == 1
    where = {change["where"]: change for change in changed.json["changes"]}
    assert where["rules.test.blocked"]["effect"] == "stricter"
    assert where["lists.test.blocked"]["kind"] == "added"
    shown = guard("policy", "diff", mine, change(mine, mode="shadow"))
    assert shown.out == 'changed  mode (looser): "enforce" -> "shadow"\n'


def test_what_is_on_record_is_decided_on_again(here: Any, mine: Path) -> None:
    decisions = {}
    for word in (BLOCKED_WORD, SEALED_WORD):
        ran = here("generate", f"a {word} zyxwort", "--size", "640x360", "--seconds", "2", "--json")
        assert ran.code == 1
        decisions[word] = ran.json["decision_id"]
    document = yaml.load(mine.read_text("utf-8"), yaml.CSafeLoader)
    rules = [rule for rule in document["rules"] if rule["id"] not in ("test.blocked", "test.sealed")]
    milder = change(mine, rules=rules)
    ran = here("policy", "replay", "--policy", milder, "--since", "1d", "--json")
    assert ran.code == 0
    changed = {entry["decision"]: entry for entry in ran.json["changed"]}
    assert set(decisions.values()) <= set(changed)
    entry = changed[decisions[BLOCKED_WORD]]
    assert (entry["before"], entry["after"], entry["reason_before"]) == (
        "block",
        "allow",
        "rule.test.blocked",
    )
    assert ran.json["decided"] == sum(move["count"] for move in ran.json["moves"])
    assert "zyxwort" not in ran.out + ran.err
    told = here("policy", "replay", "--policy", milder, "--since", "1d", "--texts", "--json").json["changed"]
    texts = {entry["decision"]: entry.get("text") for entry in told}
    assert texts[decisions[BLOCKED_WORD]] == f"a {BLOCKED_WORD} zyxwort"
    assert texts[decisions[SEALED_WORD]] is None
    same = here("policy", "replay", "--policy", mine, "--since", "1d", "--json").json
    assert set(decisions.values()).isdisjoint(entry["decision"] for entry in same["changed"])
    assert here("policy", "replay", "--policy", mine, "--since", "2100-01-01", "--json").json["decided"] == 0
    table = here("policy", "replay", "--policy", milder, "--since", "1d")
    assert "on record" in table.out
    assert f"{decisions[BLOCKED_WORD]}  block -> allow (allowed)" in table.out
    here("prompts", "erase", decisions[BLOCKED_WORD])
    left = here("policy", "replay", "--policy", milder, "--since", "1d", "--json").json
    assert left["skipped"]["prompt_erased"] >= 1


def test_a_time_that_is_none_is_refused(here: Any, mine: Path) -> None:
    assert here("policy", "replay", "--policy", mine, "--since", "yesterday").code == 2


def test_what_is_sealed_is_listed_opened_and_destroyed(here: Any, tmp_path: Path) -> None:
    prompt = f"a {SEALED_WORD} with wings"
    ran = here("generate", prompt, "--size", "640x360", "--seconds", "2", "--json")
    sealed = here("sealed", "list", "--json").json[-1]
    assert sealed["decision"] == ran.json["decision_id"]
    assert (sealed["state"], sealed["told"]) == ("sealed", None)
    assert SEALED_WORD not in here("sealed", "list").out
    refused = here("prompts", "erase", sealed["decision"])
    assert (refused.code, "prompt_sealed" in refused.err) == (1, True)
    assert here("sealed", "tell").code == 1
    (file,) = here("sealed", "open", sealed["id"], "--out", tmp_path / "report", "--json").json["files"]
    assert Path(file).read_text("utf-8") == prompt
    assert "folder_exists" in here("sealed", "open", sealed["id"], "--out", tmp_path / "report").err
    assert here("sealed", "destroy", sealed["id"]).code == 2
    assert here("sealed", "destroy", sealed["id"], "--yes", "--json").json["state"] == "destroyed"
    assert sealed["id"] not in {each["id"] for each in here("sealed", "list", "--json").json}
    assert sealed["id"] in {each["id"] for each in here("sealed", "list", "--all", "--json").json}
    assert "prompt_erased" in here("sealed", "open", sealed["id"], "--out", tmp_path / "again").err


@pytest.fixture
def with_a_judge(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings name a further judge, which does not answer, and a policy."""
    policy = str(write_policy(tmp_path / "settings-policy.yaml"))
    away = {"kind": "endpoint", "name": "second", "base_url": "http://127.0.0.1:1/v1"}
    config = tmp_path / "guard.yaml"
    config.write_text(yaml.safe_dump({"policy": policy, "examination": {"judges": [away]}}))
    monkeypatch.setenv("GUARD_CONFIG", str(config))
    return here


def test_files_are_decided_on_as_the_settings_say(with_a_judge: Any, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"text": "a quiet lake"}\n' + json.dumps({"text": f"a {BLOCKED_WORD}"}), "utf-8")

    def reasons(*more: str) -> list[str]:
        ran = with_a_judge("policy", "check", file, "--json", *more)
        assert ran.code == 0
        return [json.loads(line)["reason"] for line in ran.out.splitlines()]

    assert reasons() == ["unavailable.second", "rule.test.blocked"]
    assert reasons("--alone") == ["allowed", "rule.test.blocked"]


def test_further_judges_are_asked_again_but_not_of_what_is_sealed(with_a_judge: Any, mine: Path) -> None:
    ran = with_a_judge("generate", f"a {SEALED_WORD}", "--size", "640x360", "--seconds", "2", "--json")
    document = yaml.load(mine.read_text("utf-8"), yaml.CSafeLoader)
    milder = change(mine, rules=[rule for rule in document["rules"] if rule["id"] != "test.sealed"])
    asked = with_a_judge("policy", "replay", "--policy", milder, "--since", "1d", "--json").json
    alone = with_a_judge("policy", "replay", "--policy", milder, "--since", "1d", "--alone", "--json").json
    assert (asked["judges"], alone["judges"]) == (["second"], [])
    for found, others in ((asked, {"unavailable.second"}), (alone, set())):
        reasons = {entry["decision"]: entry["reason"] for entry in found["changed"]}
        assert reasons.pop(ran.json["decision_id"]) == "allowed"
        assert others <= set(reasons.values()) <= others | {"allowed"}
    assert {"before": "allow", "after": "block"}.items() <= asked["moves"][0].items()
