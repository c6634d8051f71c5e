import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import structlog

from generator import EmbeddedGenerator, GenerationRequest
from generator.training import codec, diffusion, recipe
from generator.training.loop import run
from generator.training.recipe import SECONDS, Recipe, train
from guard.cli import main

PLAN = Recipe(1, 1, 1, 1, 2, 2, 4)
WHOLE = [
    "codec of things 1/1",
    "codec of stages 1/1",
    "text encoder 2/2",
    "denoiser 2/2",
    "continuation 4/4",
]


@pytest.fixture(scope="module", autouse=True)
def _few_pictures() -> Iterator[None]:
    """A grammar of two things and two landscapes to learn the codecs from; the rest is drawn as it is asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "THINGS", dict(list(codec.THINGS.items())[:2]))
        patch.setattr(codec, "GROUNDS", dict(list(codec.GROUNDS.items())[:2]))
        yield


@pytest.fixture(scope="module")
def trained(_few_pictures: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with `work` and `out` of a tiny recipe, and what was heard of its progress."""
    folder = tmp_path_factory.mktemp("recipe")
    heard: list[str] = []
    train(folder / "out", folder / "work", PLAN, revision="test", report=_told(heard))
    return folder, heard


def _told(heard: list[str]) -> Callable[[str, int, int, float], None]:
    return lambda stage, done, total, loss: heard.append(f"{stage} {done}/{total}")


def test_the_recipe_goes_from_nothing_to_a_pipeline_that_makes_clips(
    trained: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, heard = trained
    assert heard == WHOLE
    generator = EmbeddedGenerator(folder / "out", threads=1)
    assert generator.info.revision == "test"
    assert generator.info.seconds == SECONDS
    request = GenerationRequest("a red ball", 8, 256, 144, seed=1, steps=2)
    frames = np.concatenate(list(generator.generate(request).chunks))
    assert frames.shape == (96, 144, 256, 3)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a stage whose result is there was trained again")

    with pytest.MonkeyPatch.context() as patch:
        for stage in ("train_codec", "train_text", "train_diffusion", "train_continuation"):
            patch.setattr(recipe, stage, never)
        train(tmp_path / "again", folder / "work", PLAN, revision="test")
    assert EmbeddedGenerator(tmp_path / "again").info.digest == generator.info.digest


def test_a_recipe_that_broke_off_in_a_stage_goes_on_there_and_ends_the_same(
    trained: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = trained
    work = tmp_path / "work"
    shutil.copytree(folder / "work", work)
    shutil.rmtree(work / "continuation")
    monkeypatch.setattr(diffusion, "run", partial(run, save_every=0.0, report_every=1))

    def stop(stage: str, done: int, total: int, loss: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "out", work, PLAN, revision="test", report=stop)
    assert not (tmp_path / "out").exists()
    heard: list[str] = []
    train(tmp_path / "out", work, PLAN, revision="test", report=_told(heard))
    assert heard == ["continuation 3/4", "continuation 4/4"]  # the step that was being reported is done again
    ended, unbroken = (EmbeddedGenerator(one / "out").info.digest for one in (tmp_path, folder))
    assert ended == unbroken


def test_the_command_shows_progress_and_goes_on_from_its_scratch_folder(
    trained: tuple[Path, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, _ = trained
    shutil.copytree(folder / "work", tmp_path / "work")
    shutil.rmtree(tmp_path / "work" / "continuation")
    monkeypatch.setattr(recipe, "Recipe", lambda seed: Recipe(1, 1, 1, 1, 2, 2, 4, seed))
    arguments = ["train", "generator", "--out", tmp_path / "out", "--work", tmp_path / "work"]
    monkeypatch.setattr("sys.argv", ["guard", *map(str, arguments)])
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        structlog.reset_defaults()  # it holds this test's standard error
    said = capsys.readouterr()
    assert not ended.value.code
    assert said.out.split() == [str(tmp_path / "out")]
    assert "continuation (loss" in said.err
    assert "100 %" in said.err
    assert "codec" not in said.err  # done before
    assert EmbeddedGenerator(tmp_path / "out").info.revision == "local"
