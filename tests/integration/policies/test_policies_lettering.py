from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guard.judging import LETTERING, examiner
from guard.models import locate, named
from guard.settings import Settings
from policies import Action, PolicyError
from policies.lettering import TextReader
from tests import drawn
from tests.fetched import fetched
from tests.policy import BLOCKED_WORD, write_policy


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    fetched(LETTERING, folder)
    return folder


@pytest.fixture(scope="module")
def reader(store: Path) -> TextReader:
    return TextReader(locate(LETTERING, store=store), named(LETTERING).digest)


def test_lines_are_read_from_top_to_bottom(reader: TextReader) -> None:
    picture = drawn.lettered("Harbour festival\nStage 7, from 9 pm\nEnter by the north gate")
    wanted = ["Harbour festival", "Stage 7, from 9 pm", "Enter by the north gate"]
    assert reader.read(picture) == wanted
    assert reader.read(picture) == wanted
    tall = np.asarray(Image.fromarray(picture).resize((1920, 1080)))
    assert reader.read(tall) == wanted


def test_turned_lines_are_read_too(reader: TextReader) -> None:
    picture = Image.fromarray(drawn.lettered("ENTER BY THE NORTH GATE"))
    for degrees in (12, 180, 90):
        turned = np.asarray(picture.rotate(degrees, expand=True, fillcolor=(30, 70, 130)))
        assert "ENTER BY THE NORTH GATE" in reader.read(turned), degrees


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (6, 6), (64, 64), (33, 2000)])
def test_small_and_narrow_pictures_have_no_text(reader: TextReader, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert reader.read(random) == []
    assert reader.read(np.zeros((*shape, 3), np.uint8)) == []


def test_no_text_where_there_is_none(reader: TextReader) -> None:
    assert reader.read(drawn.face()) == []


def test_the_text_of_a_clip_is_judged(store: Path, tmp_path: Path) -> None:
    policy = write_policy(tmp_path / "policy.yaml")
    judge = examiner(Settings(data=tmp_path, policy=policy), store)
    calm = [drawn.lettered("Harbour festival")] * 3
    assert judge.judge_frames(calm).action is Action.ALLOW
    shown = judge.judge_frames([*calm, drawn.lettered(f"Here comes\nthe {BLOCKED_WORD}!"), *calm])
    assert (shown.action, shown.reason) == (Action.BLOCK, "written.rule.test.blocked")
    written = next(item for item in shown.evidence if item.examiner == "written")
    assert (written.model_id, written.model_digest) == (TextReader.id, named(LETTERING).digest)
    assert BLOCKED_WORD not in shown.model_dump_json()


def test_weights_that_are_gone_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        TextReader(tmp_path, "sha256:0").read(drawn.lettered("hello"))
    assert caught.value.code == "weights_missing"
