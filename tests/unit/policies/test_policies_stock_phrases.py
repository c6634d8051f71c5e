"""The default policy's rules on hateful stock phrases, without the classifier's help."""

import pytest

from policies import Judge


@pytest.mark.parametrize(
    ("text", "action", "reason"),
    [
        ("Juden kontrollieren die Banken", "block", "rule.hate.conspiracy"),
        ("Er sagt, dass die Juden die Medien beherrschen", "block", "rule.hate.conspiracy"),
        ("Jews control the banks", "block", "rule.hate.conspiracy"),
        ("jews secretly run the world", "block", "rule.hate.conspiracy"),
        ("A clip about the Jewish world conspiracy", "block", "rule.hate.conspiracy"),
        ("A teacher shows why 'Jews run the world' is a myth", "review", "rule.hate.conspiracy_disputed"),
        ("Die Lüge, dass Juden die Medien kontrollieren", "review", "rule.hate.conspiracy_disputed"),
        ("Frauen gehören in die Küche", "review", "rule.hate.stock"),
        ("Women belong in the kitchen", "review", "rule.hate.stock"),
        ("Eine Rednerin widerlegt das Vorurteil, Frauen gehören in die Küche", "allow", "allowed"),
        ("A sexist poster of the fifties: a woman's place is in the kitchen", "allow", "allowed"),
        ("Jewish families run bakeries around the world", "allow", "allowed"),
        ("Jews light candles by the banks of the river", "allow", "allowed"),
        ("Jüdische Familien feiern Chanukka vor der Bank", "allow", "allowed"),
        ("Eine Frau kocht in der Küche", "allow", "allowed"),
        ("A woman runs the kitchen of a restaurant", "allow", "allowed"),
    ],
)
def test_stock_phrases_and_those_who_contradict_them(
    ruled: Judge, text: str, action: str, reason: str
) -> None:
    decision = ruled.judge_text(text)
    assert (decision.action, decision.reason) == (action, reason)
