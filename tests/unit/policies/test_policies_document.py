import time
from pathlib import Path
from typing import Any

import pytest

from policies import Policy, PolicyError, load_policy
from policies.loading import parse_policy
from policies.patterns import check_pattern
from tests.policy import parsed, refused, written


def test_default_is_valid_and_carries_the_floor(policy: Policy) -> None:
    assert policy.id == "default"
    assert policy.version >= 1
    assert any(rule.id.startswith("floor.") for rule in policy.rules)
    assert len(policy.cases) >= 20


def test_digest_depends_on_content_alone(tree: dict[str, Any], policy: Policy) -> None:
    assert parsed(tree).digest == policy.digest == load_policy().digest
    assert policy.digest.startswith("sha256:")
    assert len(policy.digest) == 71
    shuffled = dict(reversed(list(tree.items())))
    assert parsed(shuffled).digest == policy.digest
    tree["version"] += 1
    assert parsed(tree).digest != policy.digest


def test_unknown_field_is_refused_with_its_line(tree: dict[str, Any]) -> None:
    tree["categories"]["sexual"]["colour"] = "red"
    error = refused(tree)
    assert error.code == "policy_invalid"
    lines = written(tree).splitlines()
    number = next(n for n, line in enumerate(lines, 1) if "colour" in line)
    assert f"mine.yaml, line {number}, categories.sexual.colour" in str(error)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("version",), 0, "version"),
        (("id",), "Not An Id!", "id"),
        (("categories", "sexual", "text"), {"review": 0.9, "block": 0.2}, "review must not lie above block"),
        (("categories", "sexual", "severity", "low"), 0.95, "must rise"),
        (("categories", "unheard_of"), {}, "unheard_of"),
        (("limits", "max_code_points"), 40_000, "32000"),
        (("rules", 0, "when"), "found.no.such.list", "names the list no.such.list, which does not exist"),
        (("rules", 0, "when"), "score.sexaul > 0.5", "names the category sexaul, which does not exist"),
        (("rules", 0, "when"), "colour == 'red'", "colour is neither a signal nor a function"),
        (("rules", 0, "when"), "score.sexual >", "Syntax error"),
        (("rules", 0, "when"), "score.sexual > 'a'", "no matching overload"),
        (("rules", 0, "when"), "score.sexual", "it must be true or false"),
        (("rules", 0, "when"), "(" * 40 + "true" + ")" * 40, "recursion limit"),
        (("lists", "hate.dehumanising", "near"), ["hate.groups"], "at least two lists"),
        (("lists", "hate.dehumanising", "near"), ["hate.groups", "no.such"], "which does not exist"),
        (("lists", "hate.dehumanising", "near"), ["hate.groups", "deepfake.office"], "a 'near' itself"),
        (("lists", "hate.dehumanising", "phrases"), ["a word"], "or it has 'near'"),
        (("lists", "context.art", "phrases"), ["* *"], "context.art.phrases.0"),
        (("lists", "some.import"), {"phrases": ["a word"]}, "a word of the expressions' language"),
        (("rules", 1, "id"), "sexual.explicit", "used twice"),
        (("lists", "context.art", "patterns"), ["(a+)+b"], "without a bound"),
        (("cases", 0, "expect"), "maybe", "expect"),
        (
            ("rules", 0, "when"),
            "judge.omni.sexual > 0.5",
            "names the judge omni, which 'judges' does not list",
        ),
        (("overlays", 0, "rules", 0, "when"), "judge.omni.flagged", "names the judge omni"),
        (("cases", 0, "judges"), {"omni": None}, "names the judge omni, which 'judges' does not list"),
        (("judges",), ["for"], "a word of the expressions' language"),
        (("judges",), ["4omni"], "judges.0"),
    ],
)
def test_invalid_documents_say_why(
    tree: dict[str, Any], path: tuple[Any, ...], value: object, words: str
) -> None:
    place = tree
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    error = refused(tree)
    assert error.code == "policy_invalid"
    assert words in str(error)
    assert "line " in str(error)


def test_missing_category_isrefused(tree: dict[str, Any]) -> None:
    del tree["categories"]["fraud_scam"]
    assert "fraud_scam" in str(refused(tree))


@pytest.mark.parametrize("category", ["sexual_minors", "nonconsensual_intimate", "terrorism_extremism"])
def test_floor_cannot_be_switched_off_or_relaxed(tree: dict[str, Any], category: str) -> None:
    tree["categories"][category]["enabled"] = False
    assert refused(tree).code == "policy_floor"
    tree["categories"][category]["enabled"] = True
    tree["categories"][category]["text"] = {"review": 1.0, "block": 1.0}
    assert refused(tree).code == "policy_floor"
    tree["categories"][category]["text"] = {"review": 0.5, "block": 0.9}
    tree["categories"][category]["frames"] = {"review": 0.95, "block": 1.0}
    assert refused(tree).code == "policy_floor"


def test_floor_rules_cannot_be_replaced_or_allowed_away(tree: dict[str, Any]) -> None:
    allow = {
        "id": "x",
        "about": "x",
        "action": "allow",
        "when": "found.context.art",
        "lowers": ["sexual_minors"],
    }
    tree["rules"].append(allow)
    assert "floor category sexual_minors" in str(refused(tree))
    tree["rules"][-1] = allow | {"id": "floor.minors.term", "lowers": ["sexual"]}
    assert refused(tree).code == "policy_floor"
    tree["rules"].pop()
    tree["lists"]["floor.minors"] = {"phrases": ["nothing"]}
    assert refused(tree).code == "policy_floor"


def test_a_document_without_rules_still_has_the_floor(tree: dict[str, Any]) -> None:
    tree["rules"], tree["lists"], tree["overlays"], tree["cases"] = [], {}, [], []
    policy = parsed(tree)
    assert policy.rules
    assert all(rule.id.startswith("floor.") for rule in policy.rules)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"id: [", "line"),
        (b"id: a\nid: b\n", "line 2: id is given twice"),
        (b"a: &x [1]\nb: *x\n", "aliases"),
        (b"\xff\xfe\x00", "not"),
        (b"x" * 2_000_001, "larger"),
        (b"!!python/object/apply:os.system [ls]", "line 1"),
        (b"[" * 5000, ""),
    ],
)
def test_unreadable_yaml(data: bytes, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(data, "bad.yaml")
    assert caught.value.code == "policy_unreadable"
    assert words in str(caught.value)


def test_empty_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(PolicyError) as caught:
        load_policy(tmp_path / "empty.yaml")
    assert caught.value.code == "policy_invalid"
    with pytest.raises(PolicyError) as caught:
        load_policy(tmp_path / "absent.yaml")
    assert caught.value.code == "policy_unreadable"


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "a*b",
        ".{0,50}.{0,50}.{0,50}",
        r"(a)\1",
        "(?=a)b",
        "(?:a{1,9}){1,9}",
        "a{0,3}",
        "(",
        "(?:ab|cd|ef){9}",
    ],
)
def test_slow_or_broken_patterns_arerefused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        check_pattern(pattern)


def test_allowed_patterns_stay_fast() -> None:
    import re

    pattern = r"\b(?:x{1,15}|xy)[a-z]{1,12}!"
    check_pattern(pattern)
    started = time.process_time()
    re.compile(pattern).search("x" * 32_000)
    assert time.process_time() - started < 3.0
