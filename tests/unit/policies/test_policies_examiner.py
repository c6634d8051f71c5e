import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from guard.fingerprints.pdq import pdq
from policies import Action, Category, Evidence, Examiner, Judge, NgramClassifier, PolicyError, load_policy
from policies.examiner import Listening
from policies.faces import FaceFinder
from policies.hashes import HashList, HashLists, read_hashes
from policies.judges import JudgeError
from policies.transcripts import TranscriptionEndpoint
from tests.media import texture
from tests.policy import BLOCKED_WORD, HELD_WORD, write_policy

Picture = NDArray[np.uint8]
SOUND = b"RIFF sound"


class Calm:
    """A picture scorer that sees nothing."""

    id, digest = "calm", "sha256:" + "2" * 64

    def score(self, frames: Sequence[Picture]) -> list[dict[str, float]]:
        return [{"sexual": 0.0} for _ in frames]


class Reading:
    """Reads what it is told to, and counts how often it looks."""

    id, digest = "reading", "sha256:" + "3" * 64

    def __init__(self, *pages: list[str]) -> None:
        self.pages, self.looks = list(pages), 0

    def read(self, picture: Picture) -> list[str]:
        self.looks += 1
        return self.pages[min(self.looks, len(self.pages)) - 1]


class Hearing:
    id, digest = "hearing", ""

    def __init__(self, text: str, fails: str = "") -> None:
        self.text, self.fails = text, fails

    def transcribe(self, sound: bytes) -> str:
        assert sound == SOUND
        if self.fails:
            raise JudgeError(self.fails)
        return self.text


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    policy = load_policy(write_policy(tmp_path_factory.mktemp("policy") / "test.yaml"))
    return Judge(policy, NgramClassifier.embedded(), Calm())


def seen(evidence: tuple[Evidence, ...], name: str) -> Evidence:
    (item,) = (item for item in evidence if item.examiner == name)
    return item


def pictures(count: int) -> list[Picture]:
    return [np.full((72, 128, 3), 20 * number, np.uint8) for number in range(count)]


def photo(seed: int = 0) -> Picture:
    """Something like a photograph, a different one for each seed."""
    grey = texture(180, 320, seed)
    return (255 * (grey - grey.min()) / (grey.max() - grey.min())).astype(np.uint8)


def test_what_is_absent_is_said_to_be_absent(judge: Judge, tmp_path: Path) -> None:
    decision = Examiner(judge, absent={"written": "model_missing"}).judge_frames(pictures(2), sound=SOUND)
    assert decision.action is Action.ALLOW
    assert {item.examiner: (item.state, item.code) for item in decision.evidence} == {
        "pictures": ("examined", ""),
        "faces": ("absent", "not_configured"),
        "hash-lists": ("absent", "not_configured"),
        "written": ("absent", "model_missing"),
        "spoken": ("absent", "not_configured"),
    }
    assert decision.details["evidence"][0]["model_digest"] == Calm.digest
    parts = Examiner(judge, faces=FaceFinder(tmp_path), absent={"written": "model_missing"}).parts()
    assert {part.examiner: part.state for part in parts} == {
        "faces": "examined", "written": "absent", "hash-lists": "absent", "spoken": "absent",
    }  # fmt: skip


def test_text_in_pictures_goes_through_the_prompt_judge(judge: Judge) -> None:
    reader = Reading(["hello"], ["the", BLOCKED_WORD])
    decision = Examiner(judge, lettering=reader).judge_frames(pictures(4))
    assert decision.action is Action.BLOCK
    assert decision.reason == "written.rule.test.blocked"
    assert all(not match.spans for match in decision.matches)
    assert seen(decision.evidence, "written").action is Action.BLOCK
    assert seen(decision.evidence, "written").model_digest == Reading.digest
    held = Examiner(judge, lettering=Reading([HELD_WORD])).judge_frames(pictures(1), stage="input")
    assert (held.action, held.stage, held.reason) == (Action.REVIEW, "input", "written.rule.test.held")


def test_a_sentence_that_comes_word_by_word_is_one(judge: Judge) -> None:
    reader = Reading(["recruitment video"], ["for ISIS"], ["join us"])
    decision = Examiner(judge, lettering=reader).judge_frames(pictures(3))
    assert decision.action is Action.BLOCK
    assert decision.categories[0] == "terrorism_extremism"


def test_pictures_that_do_not_change_are_read_once(judge: Judge) -> None:
    reader = Reading(["hello"])
    still = [pictures(2)[1]] * 30
    decision = Examiner(judge, lettering=reader).judge_frames(still)
    assert decision.action is Action.ALLOW
    assert reader.looks == 1
    Examiner(judge, lettering=(changing := Reading(["hello"]))).judge_frames(pictures(10))
    assert changing.looks == 10


@pytest.mark.parametrize("text", ["\0\x01\x02", "", " \n ", "!!! … —", "a" * 70_000, "\ud800 hello"])
def test_odd_text_in_pictures_is_no_error(judge: Judge, text: str) -> None:
    decision = Examiner(judge, lettering=Reading([text])).judge_frames(pictures(1))
    assert decision.action is Action.ALLOW
    late = "a quiet lake. " * 4_000 + BLOCKED_WORD  # further back than the policy reads at once
    assert Examiner(judge, lettering=Reading([late])).judge_frames(pictures(1)).action is Action.BLOCK


def test_speech_goes_through_the_prompt_judge(judge: Judge) -> None:
    def heard(text: str, fails: str = "", **more: Any) -> Examiner:
        return Examiner(judge, listening=Listening(Hearing(text, fails), **more))

    blocked = heard(f"look at the {BLOCKED_WORD}").judge_frames(pictures(1), sound=SOUND)
    assert (blocked.action, blocked.reason) == (Action.BLOCK, "spoken.rule.test.blocked")
    calm = heard("good morning").judge_frames(pictures(1), sound=SOUND)
    assert calm.action is Action.ALLOW
    assert seen(calm.evidence, "spoken").action is Action.ALLOW
    silent = heard("").judge_frames(pictures(1), sound=SOUND)
    assert seen(silent.evidence, "spoken").code == "nothing_to_judge"
    mute = heard("").judge_frames(pictures(1))
    assert (seen(mute.evidence, "spoken").state, mute.action) == ("skipped", Action.ALLOW)
    down = heard("", fails="timeout").judge_frames(pictures(1), sound=SOUND)
    assert (down.action, down.reason) == (Action.BLOCK, "unavailable.spoken")
    assert seen(down.evidence, "spoken").code == "timeout"
    held = heard("", fails="timeout", on_failure="review").judge_frames(pictures(1), sound=SOUND)
    assert held.action is Action.REVIEW


def test_known_pictures_are_blocked_and_sealed(judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    known = photo()
    path.write_text(f"# from an authority\n{pdq(known)[0].hex()}, 31\n\n{'0' * 64}\n")
    lists = HashLists([HashList("authority", path, Category.SEXUAL_MINORS)], pdq)
    assert lists.counts() == {"authority": 2}
    examiner = Examiner(judge, hash_lists=lists)
    decision = examiner.judge_frames([photo(5), known, photo(6)], stage="input")
    assert (decision.action, decision.reason) == (Action.BLOCK, "hash.authority")
    assert decision.categories == ("sexual_minors",)
    assert decision.sealed
    mirrored = np.ascontiguousarray(known[:, ::-1])
    brighter = np.clip(known.astype(np.int16) + 12, 0, 255).astype(np.uint8)
    for copy in (mirrored, brighter, known[::2, ::2]):
        assert examiner.judge_frames([copy]).action is Action.BLOCK
    for other in (photo(7), np.zeros((100, 100, 3), np.uint8), known[:40, :40]):
        assert examiner.judge_frames([other]).action is Action.ALLOW
    other_list = HashLists([HashList("brand", path, Category.IP_COPYRIGHT)], pdq)
    assert Examiner(judge, hash_lists=other_list).judge_frames([known]).sealed


def test_a_list_that_is_replaced_counts_at_the_next_picture(judge: Judge, tmp_path: Path) -> None:
    path, new = tmp_path / "list.txt", tmp_path / "new.txt"
    path.write_text(f"{'0' * 64}\n")
    examiner = Examiner(judge, hash_lists=HashLists([HashList("own", path, Category.VIOLENCE_GORE)], pdq))
    known = photo()
    assert examiner.judge_frames([known]).action is Action.ALLOW
    new.write_text(f"{pdq(known)[0].hex()}\n")
    new.replace(path)
    assert examiner.judge_frames([known]).reason == "hash.own"
    path.write_text("nonsense\n")
    os.utime(path, ns=(1, 1))
    with pytest.raises(PolicyError) as caught:  # never on without the list
        examiner.judge_frames([known])
    assert caught.value.code == "hash_list_invalid"
    path.unlink()
    with pytest.raises(PolicyError) as caught:
        examiner.judge_frames([known])
    assert caught.value.code == "hash_list_unreadable"


@pytest.mark.parametrize("text", ["", "# nothing\n", "abc\n", "g" * 64, "0" * 63, "ä" * 64])
def test_what_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text, "utf-8")
    with pytest.raises(PolicyError) as caught:
        read_hashes(path)
    assert caught.value.code in ("hash_list_invalid", "hash_list_unreadable")
    assert "ä" not in str(caught.value)


def test_in_shadow_mode_a_list_of_the_floor_is_enforced_and_text_is_watched(tmp_path: Path) -> None:
    policy = load_policy(write_policy(tmp_path / "test.yaml")).model_copy(update={"mode": "shadow"})
    judge = Judge(policy, NgramClassifier.embedded(), Calm())
    watched = Examiner(judge, lettering=Reading([BLOCKED_WORD])).judge_frames(pictures(1))
    assert watched.action is Action.ALLOW
    assert watched.shadow is not None
    assert watched.shadow.reason == "written.rule.test.blocked"
    path = tmp_path / "list.txt"
    path.write_text(f"{pdq(photo())[0].hex()}\n")
    lists = HashLists([HashList("authority", path, Category.SEXUAL_MINORS)], pdq)
    assert Examiner(judge, hash_lists=lists).judge_frames([photo()]).action is Action.BLOCK


def test_a_transcription_is_asked_for_as_the_wire_has_it() -> None:
    sent: list[tuple[str, bytes, Any]] = []

    def post(url: str, body: bytes, headers: Any) -> bytes:
        sent.append((url, body, headers))
        return b'{"text": "good morning"}'

    endpoint = TranscriptionEndpoint("https://example.org/v1", "whisper-1", "secret", post)
    assert endpoint.transcribe(SOUND) == "good morning"
    ((url, body, headers),) = sent
    assert url == "https://example.org/v1/audio/transcriptions"
    assert headers["authorization"] == "Bearer secret"
    mark = headers["content-type"].partition("boundary=")[2].encode()
    assert body.startswith(b"--" + mark)
    assert body.endswith(b"--" + mark + b"--\r\n")
    assert b'name="model"\r\n\r\nwhisper-1\r\n' in body
    assert SOUND in body
    for answer in (b"", b"[]", b"{}", b'{"text": 5}', b'{"text": null}'):
        with pytest.raises(JudgeError) as caught:
            TranscriptionEndpoint("http://x", "m", None, lambda *_, a=answer: a).transcribe(SOUND)
        assert caught.value.code == "unreadable"
