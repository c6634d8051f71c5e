from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from policies import Action, Judge, NgramClassifier, OpenNsfwScorer, Policy, PolicyError

Frame = NDArray[np.uint8]


class Counting:
    """A scorer that reads its answer off the picture: red means sexual. Counts its largest batch."""

    id = "counting"
    digest = "sha256:" + "2" * 64
    largest = 0

    def score(self, frames: Sequence[Frame]) -> list[dict[str, float]]:
        self.largest = max(self.largest, len(frames))
        return [{"sexual": float(frame[..., 0].mean()) / 255} for frame in frames]


@pytest.fixture(scope="module")
def classifier() -> NgramClassifier:
    return NgramClassifier.embedded()


def _frames(levels: list[int]) -> Iterator[Frame]:
    for level in levels:
        yield np.full((32, 48, 3), level, np.uint8)


def test_worst_frame_decides(policy: Policy, classifier: NgramClassifier) -> None:
    scorer = Counting()
    judge = Judge(policy, classifier, scorer)
    assert judge.judge_frames(_frames([0] * 100)).action is Action.ALLOW
    assert scorer.largest <= 16
    blocked = judge.judge_frames(_frames([0] * 50 + [250] + [0] * 20))
    assert blocked.action is Action.BLOCK
    assert blocked.reason == "frames.sexual"
    assert blocked.stage == "output"
    assert set(blocked.scores) == {"sexual"}
    assert blocked.model_id == "counting"
    assert judge.judge_frames(_frames([150]), stage="input").action is Action.REVIEW


def test_frames_fail_closed(policy: Policy, classifier: NgramClassifier) -> None:
    with pytest.raises(PolicyError) as caught:
        Judge(policy, classifier).judge_frames(_frames([0]))
    assert caught.value.code == "frame_scorer_missing"
    judge = Judge(policy, classifier, Counting())
    with pytest.raises(PolicyError) as caught:
        judge.judge_frames([])
    assert caught.value.code == "frames_empty"
    for bad in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(PolicyError) as caught:
            judge.judge_frames([bad])
        assert caught.value.code == "frame_invalid"


def test_open_nsfw_on_synthetic_pictures(judge: Judge) -> None:
    y, x = np.mgrid[0:120, 0:160]
    sky = np.stack([x + 40, y + 80, np.full_like(x, 220)], axis=-1).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    decision = judge.judge_frames([sky, noise, np.zeros((64, 64, 3), np.uint8)])
    assert decision.action is Action.ALLOW
    assert 0 <= decision.scores["sexual"] < 0.5
    assert decision == judge.judge_frames([sky, noise, np.zeros((64, 64, 3), np.uint8)])
    assert decision.model_digest.endswith("305fa")


def test_open_nsfw_refuses_another_file(tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"something else")
    for path, code in (
        (tmp_path / "other.onnx", "weights_digest"),
        (tmp_path / "none.onnx", "weights_missing"),
    ):
        with pytest.raises(PolicyError) as caught:
            OpenNsfwScorer(path).score([np.zeros((8, 8, 3), np.uint8)])
        assert caught.value.code == code
