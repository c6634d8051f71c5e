from pathlib import Path

import numpy as np
import pytest

from guard.judging import FACES, examiner
from guard.settings import Settings
from policies import Action, Examiner, PolicyError
from policies.faces import WEIGHTS, FaceFinder
from tests import drawn
from tests.fetched import fetched
from tests.media import texture
from tests.policy import write_policy


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory) -> Examiner:
    folder = tmp_path_factory.mktemp("faces")
    fetched(FACES, folder / "models")
    policy = write_policy(folder / "policy.yaml")
    return examiner(Settings(data=folder, policy=policy), folder / "models")


def photo(seed: int = 0) -> drawn.Picture:
    """Something like a photograph, a different one for each seed."""
    grey = texture(180, 320, seed)
    return (255 * (grey - grey.min()) / (grey.max() - grey.min())).astype(np.uint8)


def test_faces_are_told_from_other_pictures(looking: Examiner) -> None:
    assert looking.shows_face(drawn.face())
    assert looking.shows_face(drawn.face(96))
    for other in (drawn.lettered("A sign"), photo(), np.zeros((40, 300, 3), np.uint8), photo()[:, :1]):
        assert looking.shows_face(other) is False


def test_a_face_in_a_clip_is_written_down_and_asks_for_nothing(looking: Examiner) -> None:
    wide = np.full((400, 1200, 3), 90, np.uint8)
    wide[:, 700:1100] = drawn.face()
    for frames, found in (([photo(), wide, photo(1)], True), ([photo()], False)):
        decision = looking.judge_frames(frames)
        (faces,) = (item for item in decision.evidence if item.examiner == "faces")
        assert (faces.state, faces.model_id, faces.action) == ("examined", FaceFinder.id, None)
        assert (faces.scores["face"] > 0.5) is found
        assert decision.action is Action.ALLOW


def test_nobody_looks_where_nothing_was_fetched(tmp_path: Path) -> None:
    assert examiner(Settings(data=tmp_path), tmp_path / "models").shows_face(drawn.face()) is None


def test_weights_that_are_gone_or_altered_are_an_error(tmp_path: Path) -> None:
    finder = FaceFinder(tmp_path)
    for code in ("weights_missing", "weights_digest"):
        with pytest.raises(PolicyError, match="guard models fetch face-detector") as caught:
            finder.score(drawn.face())
        assert caught.value.code == code
        (tmp_path / WEIGHTS).write_bytes(b"something else")
