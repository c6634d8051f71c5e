from typing import Any

import pytest

from policies import CATEGORIES, Action, Category, Context, Judge, Policy
from policies.document import TextList
from policies.expressions import SIGNALS, ExpressionError, Language, Values
from policies.finding import Finder
from policies.judges import Opinion
from policies.language import language_of
from policies.normalise import normalise, read_prompt
from policies.rules import RuleSet
from policies.signals import context_values

LISTS = ("a", "a.b", "context.art")


@pytest.fixture(scope="module")
def language() -> Language:
    return Language(LISTS)


def _bound(language: Language, *, found: tuple[str, ...] = (), score: float = 0.0, **changed: Any) -> Values:
    circumstances = context_values(Context(**changed), "en", "prompt") | {
        "names": [{"kind": "person", "country": "DE", "role": "head_of_government", "entry": "person.x"}]
    }
    return language.bind({"sexual": score}, found, circumstances)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("found.a", True),
        ("found.a.b", False),
        ("found.a && !found.context.art", True),
        ("score.sexual >= 0.5", True),
        ("score.fraud_scam > 0.0", False),
        ('audience == "under_18"', True),
        ('"EU" in regions && !("US" in regions)', True),
        ('names.exists(n, n.kind == "person" && n.country == "DE")', True),
        ('names.all(n, n.kind == "brand")', False),
        ("has_reference && reference_unexamined && !reference_has_face", True),
        ('language == "en" && stage == "prompt" && medium == "video" && tenant == "acme"', True),
    ],
)
def test_every_signal_can_be_asked_for(language: Language, expression: str, holds: bool) -> None:
    values = _bound(
        language,
        found=("a",),
        score=0.7,
        audience="under_18",
        regions=("EU",),
        tenant="acme",
        has_reference=True,
    )
    assert language.compile(expression).holds(values) is holds


@pytest.mark.parametrize(
    ("expression", "line", "words"),
    [
        ("found.a &&\n found.nothing", 2, "names the list nothing, which does not exist (column 7)"),
        ("score.nothing > 1.0", 1, "names the category nothing"),
        ("score > 1.0", 1, "names the category score"),
        ("reference == 1", 1, "reference is neither a signal nor a function"),
        ("found.a ==\n\n 1", 1, "no matching overload"),
        ("found.a ||", 1, "Syntax error"),
        ("1 + 1", 1, "it must be true or false"),
        ("open('/etc/passwd')", 1, "open"),
        ("(" * 500 + "found.a" + ")" * 500, 1, "limit"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_read(
    language: Language, expression: str, line: int, words: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        language.compile(expression)
    assert caught.value.line == line
    assert words in caught.value.reason


@pytest.fixture(scope="module")
def judged() -> Language:
    return Language(LISTS, ("omni", "qwen-3"))


SAID = {"omni": Opinion({"sexual": 0.7}, frozenset({"sexual"})), "qwen-3": None}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("judge.omni.sexual > 0.6", True),
        ("judge.omni.fraud_scam > 0.0", False),
        ("judge.omni.flagged", True),
        ("judge.omni.flags.sexual && !judge.omni.flags.hate_harassment", True),
        ("judge.omni.answered && !judge.qwen_3.answered", True),
        ("judge.qwen_3.sexual > 0.5", None),
        ("judge.qwen_3.answered && judge.qwen_3.sexual > 0.5", False),
        ("found.a && judge.qwen_3.flagged", None),
        ("!found.a && judge.qwen_3.flagged", False),
        ("found.a || judge.qwen_3.flagged", True),
    ],
)
def test_what_further_judges_say_can_be_asked_for(
    judged: Language, expression: str, holds: bool | None
) -> None:
    circumstances = context_values(Context(), "en", "prompt") | {"names": []}
    condition = judged.compile(expression)
    assert condition.asks
    assert condition.holds(judged.bind({}, ("a",), circumstances, SAID)) is holds


def test_what_nobody_was_asked_for_cannot_be_said(judged: Language) -> None:
    circumstances = context_values(Context(), "en", "prompt") | {"names": []}
    values = judged.bind({}, ("a",), circumstances)
    assert judged.compile("!judge.omni.answered").holds(values) is None
    assert judged.compile("found.a || judge.omni.flagged").holds(values) is True
    assert not judged.compile('found.a && tenant != "judge.omni.flagged"').asks


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("judge.other.sexual > 0.5", "names the judge other, which 'judges' does not list (column 12)"),
        ("judge.omni.sexaul > 0.5", "asks the judge omni for sexaul; it can be asked for answered, flagged"),
        ("judge.omni.flags.sexaul", "asks the judge omni for sexaul"),
        ("judge.omni", "asks the judge omni for nothing"),
        ("judge.qwen-3.sexual > 0.5", "names the judge qwen, which"),
        ("judge.omni.sexual", "it must be true or false"),
    ],
)
def test_what_a_judge_does_not_say_is_refused(judged: Language, expression: str, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        judged.compile(expression)
    assert words in caught.value.reason


def test_what_cannot_be_said_is_neither_true_nor_false(language: Language) -> None:
    values = _bound(language)
    assert language.compile("1 / int(score.sexual) == 1").holds(values) is None
    assert language.compile('names[7].kind == "person"').holds(values) is None
    assert language.compile('names[0].colour == "red"').holds(values) is None


def test_an_expression_cannot_run_for_long(language: Language) -> None:
    circumstances = context_values(Context(), "en", "prompt") | {"names": [{"kind": "person"}] * 2000}
    values = language.bind({}, (), circumstances)
    nested = language.compile(
        "names.all(a, names.all(b, names.all(c, a.kind == b.kind && b.kind == c.kind)))"
    )
    assert nested.holds(values) is None


def test_spans_come_from_lists_that_are_not_negated(language: Language) -> None:
    condition = language.compile('(found.a || found . a.b) && !found.context.art && "found.x" != tenant')
    assert condition.lists == ("a", "a.b")


def test_every_signal_has_a_value() -> None:
    assert set(context_values(Context(), "", "prompt")) | {"names"} == set(SIGNALS)


def test_a_rule_that_nobody_can_evaluate_fires_unless_it_allows(policy: Policy) -> None:
    broken = {"when": "1 / int(score.sexual * 0.0) == 1"}
    rules = [rule for rule in policy.rules if rule.id in ("violence.graphic", "allow.body")]
    changed = policy.model_copy(
        update={"rules": tuple(r.model_copy(update=broken) for r in rules), "overlays": ()}
    )
    circumstances = context_values(Context(), "en", "prompt") | {"names": []}
    matches = RuleSet(changed).match({}, dict.fromkeys(CATEGORIES, 0.0), circumstances)
    assert [match.rule for match in matches] == ["violence.graphic"]


def test_what_lies_in_an_allowed_phrase_does_not_count() -> None:
    finder = Finder({"king": TextList(phrases=("king", "kings"), allow=("king of hearts", "king size*"))})
    for text, spans in [
        ("the king rides", [(4, 8)]),
        ("he plays the king of hearts", []),
        ("a king in a king sized bed", [(2, 6)]),
    ]:
        found = finder.find(read_prompt(text)).get("king", [])
        assert [(hit.start, hit.end) for hit in found] == spans


def test_the_language_is_told_by_its_small_words() -> None:
    for text, expected in [
        ("a dog runs over the meadow", "en"),
        ("ein Hund läuft über die Wiese", "de"),
        ("sunset beach cinematic 4k", "und"),
        ("Frankfurt", "und"),
    ]:
        assert language_of(normalise(text)) == expected


class _Name:
    entry, kind, country, role = "person.x", "person", "DE", "head_of_government"
    start, end = 10, 16


class _Names:
    def find(self, text: object) -> list[_Name]:
        return [_Name()]


def test_names_are_a_signal_and_a_list(policy: Policy, judge: Judge) -> None:
    rule = policy.rules[-1].model_copy(
        update={"id": "person", "action": Action.REVIEW, "category": Category.IP_COPYRIGHT, "lowers": (),
                "when": 'found.names.person && names.exists(n, n.role == "head_of_government")'}
    )  # fmt: skip
    changed = policy.model_copy(update={"rules": (rule,), "overlays": ()})
    decision = Judge(changed, judge._classifier, names=_Names()).judge_text("A film of Müller at a lake")
    assert decision.reason == "rule.person"
    assert [(span.start, span.end) for span in decision.matches[0].spans] == [(10, 16)]
