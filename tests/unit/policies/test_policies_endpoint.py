import json
from collections.abc import Mapping
from typing import Any

import pytest

from policies.judges import JudgeError, ModerationEndpoint
from policies.judges.endpoint import WIRE
from policies.openai_map import OPENAI_CATEGORIES


class Answering:
    """An HTTP client whose answer is set; keeps what was sent."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.sent: list[tuple[str, dict[str, Any], Mapping[str, str]]] = []

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        self.sent.append((url, json.loads(body), headers))
        return self.answer


def result(**changes: Any) -> dict[str, Any]:
    names = dict.fromkeys(WIRE, 0.01)
    one = {"flagged": False, "categories": dict.fromkeys(WIRE, False), "category_scores": names} | changes
    return {"id": "modr-1", "model": "m", "results": [one]}


def test_asks_as_the_wire_has_it() -> None:
    post = Answering(result())
    judge = ModerationEndpoint("https://example.org/v1/", "omni", "secret", post)
    opinion = judge.opinion("a quiet lake")
    ((url, body, headers),) = post.sent
    assert url == "https://example.org/v1/moderations"
    assert body == {"model": "omni", "input": "a quiet lake"}
    assert headers["authorization"] == "Bearer secret"
    assert max(opinion.scores.values()) == 0.01
    assert not opinion.flagged
    ModerationEndpoint("http://localhost:1/v1", "omni", None, post).opinion("x")
    assert "authorization" not in post.sent[1][2]


def test_every_name_of_the_wire_is_one_of_ours() -> None:
    assert set(WIRE) == set(OPENAI_CATEGORIES)
    for name, ours in WIRE.items():
        answer = result(
            flagged=True,
            categories=dict.fromkeys(WIRE, False) | {name: True},
            category_scores=dict.fromkeys(WIRE, 0.0) | {name: 0.7},
        )
        opinion = ModerationEndpoint("http://x/v1", "m", None, Answering(answer)).opinion("x")
        assert opinion.flagged == {ours}
        assert opinion.scores[ours] == 0.7


def test_scores_by_our_own_categories_count_too() -> None:
    answer = result(
        extended={"scores": {"public_figure_deepfake": 0.9, "violence_gore": 0.5, "unheard_of": 1.0}}
    )
    opinion = ModerationEndpoint("http://x/v1", "m", None, Answering(answer)).opinion("x")
    assert opinion.scores["public_figure_deepfake"] == 0.9
    assert opinion.scores["violence_gore"] == 0.5
    assert "unheard_of" not in opinion.scores


def test_open_scores_are_passed_over() -> None:
    scores = dict.fromkeys(WIRE, 0.2) | {"illicit": None, "illicit/violent": None}
    opinion = ModerationEndpoint("http://x/v1", "m", None, Answering(result(category_scores=scores))).opinion(
        "x"
    )
    assert "illicit_weapons_drugs" not in opinion.scores


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>busy</html>",
        b"[" * 100_000,
        b"\xff\xfe",
        [],
        {"results": []},
        {"results": [{}, {}]},
        {"results": [None]},
        result(category_scores={}),
        result(category_scores=[0.5]),
        result(category_scores={"hate": "0.5"}),
        result(category_scores={"hate": 1.5}),
        result(category_scores={"hate": float("nan")}),
        result(category_scores={"hate": True}),
        result(flagged="yes"),
        result(flagged=True),  # it objects, and does not say to what
        result(extended={"scores": {"sexual": -1}}),
        result(extended=None),
    ],
)
def test_what_is_no_answer_is_no_opinion(answer: Any) -> None:
    with pytest.raises(JudgeError) as caught:
        ModerationEndpoint("http://x/v1", "m", None, Answering(answer)).opinion("x")
    assert caught.value.code == "unreadable"
