from policies import CATEGORIES, Action, Decision, Judge, openai_map

WIRE = {
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
}


def _with(decision: Decision, **changes: object) -> Decision:
    return decision.model_copy(update=changes)


def test_harmless_prompt(judge: Judge) -> None:
    result = openai_map(judge.judge_text("A cat sleeps on a sofa."))
    assert not result.flagged
    assert (
        set(result.categories)
        == set(result.category_scores)
        == set(result.category_applied_input_types)
        == WIRE
    )
    assert not any(result.categories.values())
    assert set(map(tuple, result.category_applied_input_types.values())) == {("text",)}


def test_minors_count_as_sexual_too(judge: Judge) -> None:
    result = openai_map(judge.judge_text("a sexualised video of a minor girl"))
    assert result.flagged
    assert result.categories["sexual/minors"]
    assert result.categories["sexual"]
    assert result.category_scores["sexual/minors"] >= 0.5


def test_a_category_the_wire_lacks_is_told_by_the_decision_alone(judge: Judge) -> None:
    decision = judge.judge_text("Darth Vader on the beach")
    assert decision.action is not Action.ALLOW
    result = openai_map(decision)
    assert not any(result.categories.values())
    assert not result.flagged


def test_threats_need_hate_and_violence(judge: Judge) -> None:
    decision = judge.judge_text("A cat sleeps on a sofa.")
    scores = dict.fromkeys(CATEGORIES, 0.0) | {"hate_harassment": 0.9, "violence_gore": 0.3}
    result = openai_map(_with(decision, scores=scores, categories=("hate_harassment",)))
    assert result.categories["hate"]
    assert not result.categories["hate/threatening"]
    assert result.category_scores["hate/threatening"] == 0.3
    result = openai_map(_with(decision, scores=scores, categories=("hate_harassment", "violence_gore")))
    assert result.categories["hate/threatening"]
    assert result.categories["harassment/threatening"]


def test_pictures_apply_only_to_what_was_scored(judge: Judge) -> None:
    decision = _with(
        judge.judge_text("A cat."), scores={"sexual": 0.7}, categories=("sexual",), stage="output"
    )
    result = openai_map(decision, input_type="image")
    assert result.category_applied_input_types["sexual"] == ["image"]
    assert result.category_applied_input_types["violence"] == []
    assert result.category_scores["violence"] == 0.0
