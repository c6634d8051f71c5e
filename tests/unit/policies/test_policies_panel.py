import threading
import time
from typing import Any

import pytest

from policies import Action, Evidence, Examiner, Judge, NgramClassifier, PolicyError
from policies.judges import JudgeError, Member, Opinion, Panel
from policies.loading import load_policy

HARMLESS = "a quiet lake in the morning"


class Saying:
    """A judge that says what it is told to."""

    id, digest = "saying", "sha256:" + "7" * 64

    def __init__(self, scores: dict[str, float] | None = None, *, flagged: str = "", fails: str = "") -> None:
        self.scores, self.flagged, self.fails = scores or {}, flagged, fails
        self.asked = 0

    def opinion(self, text: str) -> Opinion:
        self.asked += 1
        if self.fails == "broken":
            raise RuntimeError("a defect")
        if self.fails:
            raise JudgeError(self.fails)
        return Opinion(self.scores, frozenset([self.flagged] if self.flagged else []))


class Hanging:
    """A judge that does not come back before it is let go."""

    id, digest = "hanging", ""

    def __init__(self) -> None:
        self.released = threading.Event()

    def opinion(self, text: str) -> Opinion:
        self.released.wait(20)
        return Opinion({})


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(load_policy(), NgramClassifier.embedded())


def examiner(judge: Judge, *members: Member) -> Examiner:
    return Examiner(judge, panel=Panel(members))


def by_name(evidence: tuple[Evidence, ...]) -> dict[str, Evidence]:
    return {item.examiner: item for item in evidence}


def test_a_judge_that_must_pass_acts_by_its_thresholds(judge: Judge) -> None:
    for score, action in ((0.3, Action.ALLOW), (0.5, Action.REVIEW), (0.7, Action.BLOCK)):
        decision = examiner(judge, Member("second", Saying({"violence_gore": score}))).judge_text(HARMLESS)
        assert decision.action is action
        if action is not Action.ALLOW:
            assert decision.reason == "judge.second.violence_gore"
            assert decision.categories == ("violence_gore",)
            limits = judge.policy.categories["violence_gore"].text  # type: ignore[index]
            assert decision.scores["violence_gore"] >= (
                limits.block if action is Action.BLOCK else limits.review
            )
            assert decision.user_text["de"]
        seen = by_name(decision.evidence)["second"]
        assert (seen.state, seen.action, seen.scores) == ("examined", action, {"violence_gore": score})
        assert seen.model_digest == Saying.digest
        assert decision.model_id.endswith("+1")
        assert decision.model_digest not in (Saying.digest, judge.judge_text(HARMLESS).model_digest)


def test_a_flag_blocks_whatever_the_score(judge: Judge) -> None:
    said = Saying({"sexual": 0.01}, flagged="sexual")
    assert examiner(judge, Member("second", said)).judge_text(HARMLESS).action is Action.BLOCK


def test_the_same_text_has_the_same_answer(judge: Judge) -> None:
    asked = examiner(judge, Member("second", Saying({"sexual": 0.5})))
    assert asked.judge_text(HARMLESS) == asked.judge_text(HARMLESS)


def test_an_advisory_judge_is_heard_and_changes_nothing(judge: Judge) -> None:
    member = Member("second", Saying({"violence_gore": 1.0}), role="advisory", on_failure="ignore")
    decision = examiner(judge, member).judge_text(HARMLESS)
    assert decision.action is Action.ALLOW
    assert decision.reason == "allowed"
    seen = by_name(decision.evidence)["second"]
    assert (seen.action, seen.code, seen.scores["violence_gore"]) == (Action.BLOCK, "advisory", 1.0)


@pytest.mark.parametrize(
    "code", ["timeout", "unreachable", "refused", "unreadable", "weights_missing", "broken"]
)
def test_a_judge_that_fails_fails_closed(judge: Judge, code: str) -> None:
    decision = examiner(judge, Member("second", Saying(fails=code))).judge_text(HARMLESS)
    assert decision.action is Action.BLOCK
    assert decision.reason == "unavailable.second"
    assert decision.categories == ()
    assert "try again" in decision.user_text["en"]
    seen = by_name(decision.evidence)["second"]
    assert (seen.state, seen.code) == ("failed", code)
    held = examiner(judge, Member("second", Saying(fails=code), on_failure="review")).judge_text(HARMLESS)
    assert held.action is Action.REVIEW
    ignored = Member("second", Saying(fails=code), role="advisory", on_failure="ignore")
    assert examiner(judge, ignored).judge_text(HARMLESS).action is Action.ALLOW


def test_one_judge_down_does_not_silence_another(judge: Judge) -> None:
    down = Member("down", Saying(fails="timeout"), on_failure="review")
    other = Member("other", Saying({"sexual_minors": 0.9}))
    decision = examiner(judge, down, other).judge_text(HARMLESS)
    assert decision.action is Action.BLOCK
    assert decision.reason == "judge.other.sexual_minors"
    assert decision.sealed
    assert by_name(decision.evidence)["down"].state == "failed"


def test_a_judge_that_hangs_is_left_behind_in_time(judge: Judge) -> None:
    hanging = Hanging()
    asked = examiner(judge, Member("hanging", hanging, timeout=0.2))
    try:
        start = time.monotonic()
        for _ in range(3):  # the second and third question wait for their turn in vain
            assert asked.judge_text(HARMLESS).reason == "unavailable.hanging"
        assert time.monotonic() - start < 5
    finally:
        hanging.released.set()
    deadline = time.monotonic() + 10
    while asked.judge_text(HARMLESS).action is not Action.ALLOW:
        assert time.monotonic() < deadline, "it does not recover"


def test_judges_are_asked_side_by_side(judge: Judge) -> None:
    meeting = threading.Barrier(2, timeout=10)

    class Meeting(Saying):
        def opinion(self, text: str) -> Opinion:
            meeting.wait()  # each comes back only if the other is asked at the same time
            return Opinion({})

    members = [Member(name, Meeting(), timeout=20) for name in ("one", "two")]
    assert examiner(judge, *members).judge_text(HARMLESS).action is Action.ALLOW


def test_what_the_policy_blocks_is_shown_to_nobody_else(judge: Judge) -> None:
    second = Saying({})
    decision = examiner(judge, Member("second", second)).judge_text("A recruitment video for ISIS, join us.")
    assert decision.action is Action.BLOCK
    assert second.asked == 0
    assert by_name(decision.evidence)["second"].state == "skipped"


def test_a_category_that_is_off_stays_off() -> None:
    policy = load_policy()
    off = policy.categories["ip_copyright"].model_copy(update={"enabled": False})  # type: ignore[index]
    changed = policy.model_copy(update={"categories": policy.categories | {"ip_copyright": off}})
    judge = Judge(changed, NgramClassifier.embedded())
    member = Member("second", Saying({"ip_copyright": 1.0}))
    assert examiner(judge, member).judge_text(HARMLESS).action is Action.ALLOW


def test_in_shadow_mode_only_the_floor_is_enforced() -> None:
    policy = load_policy().model_copy(update={"mode": "shadow"})
    judge = Judge(policy, NgramClassifier.embedded())
    watched = examiner(judge, Member("second", Saying({"violence_gore": 0.9}))).judge_text(HARMLESS)
    assert watched.action is Action.ALLOW
    assert watched.categories == ()
    assert watched.shadow is not None
    assert (watched.shadow.action, watched.shadow.reason) == (Action.BLOCK, "judge.second.violence_gore")
    both = Saying({"violence_gore": 0.9, "sexual_minors": 0.5})
    enforced = examiner(judge, Member("second", both)).judge_text(HARMLESS)
    assert (enforced.action, enforced.reason) == (Action.REVIEW, "judge.second.sexual_minors")
    assert enforced.categories == ("sexual_minors",)
    assert enforced.shadow is not None
    assert enforced.shadow.action is Action.BLOCK


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"on_failure": "ignore"}, "judge_ignored"),
        ({"review": 0.9, "block": 0.1}, "judge_thresholds"),
    ],
)
def test_a_member_that_makes_no_sense_is_refused(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Member("second", Saying(), **fields)
    assert caught.value.code == code


def test_two_judges_of_one_name_are_refused() -> None:
    with pytest.raises(PolicyError) as caught:
        Panel([Member("one", Saying()), Member("one", Saying())])
    assert caught.value.code == "judge_twice"
