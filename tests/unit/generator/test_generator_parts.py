import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from generator._torchvision import prepare
from generator.codec import PictureDecoder
from generator.compositor import Layers, compose
from generator.embedded import WEIGHTS
from generator.plurals import singular
from generator.prompting import split_scenes
from generator.text import SlotTextEncoder
from generator.training.codec import PLANS, as_tensor, draw_pool
from generator.training.encoder import PictureEncoder
from generator.training.latents import Example, LatentPictures, sample, tracks
from generator.training.loop import run
from generator.training.optimiser import MuonAdam, orthogonalise, schedule
from generator.training.scenes import SLOTS, Actor, Scene
from generator.training.text import captions
from generator.training.words_en import THINGS
from generator.transformer import Latents, LayerTransformer, scaled

SCENE = Scene(Actor("ball", "red", "left"), Actor("cat", "blue", "still", 0.5), "sea", "day")


def small_encoders() -> tuple[PictureEncoder, PictureEncoder]:
    return PictureEncoder(3, 48, (8, 8, 8), 8), PictureEncoder(4, 32, (8, 8, 8), 4)


def test_torchvision_imports_and_preparing_twice_is_harmless() -> None:
    prepare()
    prepare()
    assert "torchvision" in sys.modules


@pytest.mark.parametrize("kind", ["stage", "thing"])
def test_the_codecs_keep_their_promise_about_sizes(kind: str) -> None:
    plan = PLANS[kind]  # type: ignore[index]
    encoder, decoder = plan.models()
    assert encoder.config.first * 4 * (8 if kind == "stage" else 4) == plan.seen
    small = PictureDecoder(plan.channels, plan.latent_channels, (8, 8, 8, 8), decoder.config.last)
    side = 8 if kind == "stage" else 4
    picture = small(torch.zeros(1, plan.latent_channels, side, side))
    assert picture.shape == (1, plan.channels, plan.drawn, plan.drawn)


def test_drawn_pools_hold_every_kind_of_stage() -> None:
    pool = draw_pool("stage", 16, variants=2, seed=1)
    assert pool.shape == (7 * 3 * 3 * 2, 16, 16, 3)
    assert as_tensor(pool).min() >= -1
    assert as_tensor(pool).max() <= 1


def test_the_denoiser_learns() -> None:
    torch.manual_seed(0)
    classes = tuple(len(values) for values in SLOTS.values())
    model = LayerTransformer(classes, 4, 2, 4, 2, width=32, depth=1, heads=1)
    clean = Latents(torch.randn(2, 4, 2, 2), torch.randn(2, 2, 4, 2, 2), *tracks([Example(SCENE)] * 2))
    text, span = torch.rand(2, sum(n + 1 for n in classes)), torch.tensor([[0.0, 1.0], [0.5, 1.0]])
    sigma = torch.tensor([0.9, 0.9])
    noisy = clean.replaced(tuple(0.1 * part + 0.9 * torch.randn_like(part) for part in clean.parts()))
    optimiser = MuonAdam([], model.parameters(), matrix_rate=0.0, rate=5e-3)
    losses = []
    for step in range(40):
        guess = model(noisy, sigma, text, span)
        loss = sum((a - b).square().mean() for a, b in zip(guess.parts(), clean.parts(), strict=True))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step(schedule(step / 40, step, warm_steps=3, hold=0.8))
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_scaling_paths_can_be_undone() -> None:
    latents = Latents(None, None, *tracks([Example(SCENE)]))
    back = scaled(scaled(latents), back=True)
    assert torch.allclose(back.paths, latents.paths)
    assert torch.allclose(back.camera, latents.camera)


def _train(folder: Path, steps: int, *, break_after: int | None = None) -> torch.Tensor:
    torch.manual_seed(1)
    model = torch.nn.Linear(3, 2)
    optimiser = MuonAdam([model.weight], [model.bias], matrix_rate=0.01, rate=0.01)
    begun = 0

    def loss_of(rng: np.random.Generator) -> torch.Tensor:
        nonlocal begun
        begun += 1
        if break_after is not None and begun > break_after:
            raise KeyboardInterrupt
        x = torch.from_numpy(rng.normal(size=(4, 3))).float() + torch.rand(4, 1)
        return model(x).square().mean()

    run("test", steps, loss_of, {"model": model}, optimiser, folder, seed=3, save_every=0.0)
    return model.weight.detach()


def test_a_run_that_broke_off_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    whole = _train(tmp_path / "whole", 10)
    for steps in (4, 3):
        with pytest.raises(KeyboardInterrupt):
            _train(tmp_path / "broken", 10, break_after=steps)
    assert torch.equal(whole, _train(tmp_path / "broken", 10))
    assert not (tmp_path / "broken" / "state.pt").exists()


def test_orthogonalising_evens_out_the_singular_values() -> None:
    torch.manual_seed(0)
    for shape in ((24, 64), (64, 24), (16, 8, 3, 3)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)).flatten(1).float())
        assert values.min() > 0.3
        assert values.max() < 1.4


def test_the_rate_rises_holds_and_falls() -> None:
    factors = [
        schedule(d, s, warm_steps=10, hold=0.5) for d, s in ((0.0, 0), (0.4, 50), (0.75, 90), (1.0, 99))
    ]
    assert factors == pytest.approx([0.1, 1.0, 0.5, 0.01])


def test_unknown_words_and_other_scripts_are_no_error() -> None:
    encoder = SlotTextEncoder(width=16, depth=1)
    ids = encoder.tokenize(["", "日本語 🎈", "ball " * 500])
    assert ids.shape[0] == 3
    assert ids.shape[1] <= encoder.config.max_words
    said = encoder(ids)
    assert said.shape == (3, sum(len(values) + 1 for values in SLOTS.values()))
    assert torch.allclose(said.sum(1), torch.full((3,), float(len(SLOTS))), atol=1e-4)


def test_training_captions_carry_the_classes_of_their_scene() -> None:
    texts, classes = captions(50, random.Random(1))
    assert classes.shape == (50, len(SLOTS))
    assert (classes <= torch.tensor([len(values) for values in SLOTS.values()])).all()
    assert len(set(texts)) > 40


def test_pictures_are_encoded_once_and_a_missing_thing_is_empty() -> None:
    pictures = LatentPictures(*small_encoders())
    alone = Scene(SCENE.first, None, "sea", "day")
    batch = pictures.batch([Example(SCENE), Example(alone)])
    assert batch.stage is not None
    assert batch.things is not None
    assert batch.stage.shape == (2, 48, 8, 8)
    assert batch.things.shape == (2, 2, 32, 4, 4)
    assert torch.equal(batch.stage[0], batch.stage[1])
    assert torch.equal(batch.things[0, 0], batch.things[1, 0])
    assert not torch.equal(batch.things[0, 1], batch.things[1, 1])
    assert pictures.stage(SCENE) is pictures.stage(alone)


def test_the_denoiser_is_shown_first_windows_of_short_and_long_clips() -> None:
    examples = sample(random.Random(2), 40)
    assert {example.window for example in examples} == {0}
    assert {1, 15} <= {example.windows for example in examples}


@pytest.mark.parametrize(
    ("prompt", "scenes"),
    [
        ("a red ball rolls, then a blue star rises", ["a red ball rolls", "a blue star rises"]),
        ("Ein Ball hüpft. Dann steigt ein Stern auf.", ["Ein Ball hüpft", "steigt ein Stern auf."]),
        ("a cat\na dog; a fish", ["a cat", "a dog", "a fish"]),
        ("the thendo danns", ["the thendo danns"]),
        ("then", ["then"]),
        ("", [""]),
    ],
)
def test_scenes_of_a_prompt(prompt: str, scenes: list[str]) -> None:
    assert split_scenes(prompt) == scenes


def test_too_many_scenes_join_the_last() -> None:
    assert split_scenes(" then ".join("abcdef"), 3) == ["a", "b", "c d e f"]


def flat_layers(*, x: float = 0.0, pan: tuple[float, float] = (0.0, 0.0)) -> Layers:
    stage = torch.zeros(3, 64, 64)
    stage[0] = torch.linspace(0, 1, 64)
    thing = torch.zeros(1, 4, 32, 32)
    thing[:, 1:2, 8:24, 8:24] = 1
    thing[:, 3:, 8:24, 8:24] = 1
    path = torch.tensor([x, 1.0, 0.0, 0.0, 1.0]).expand(1, 2, 5)
    return Layers(stage, thing, path, torch.tensor([[pan[0], 0.0], [pan[1], 0.0]]))


@pytest.mark.parametrize("size", [(128, 72), (72, 128), (96, 96)])
def test_things_are_laid_where_their_path_says(size: tuple[int, int]) -> None:
    for x in (-1.0, 0.0, 1.0):
        pictures = compose(flat_layers(x=x), slice(0, 2), *size)
        assert pictures.shape == (2, 3, size[1], size[0])
        column = (pictures[0, 1] > 0.5).float().sum(0)
        centre = float((column * torch.arange(size[0])).sum() / column.sum()) / size[0]
        assert abs(centre - (0.5 + x * (0.5 - 0.23 * min(size) / size[0]))) < 0.03
        assert not (pictures[0, 1, :, 0] > 0.5).any()


def test_a_camera_that_pans_right_moves_the_stage_to_the_left() -> None:
    pictures = compose(flat_layers(pan=(-1.0, 1.0)), slice(0, 2), 128, 72)
    assert pictures[1, 0, 0].mean() > pictures[0, 0, 0].mean() + 0.15


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("two pink cats on a meadow", "two pink cat on a meadow"),
        ("grüne bäume im wald", "grüne baum im wald"),
        ("yellow stars over the snow", "yellow star over the snow"),
        ("a house under the stars", "a house under the stars"),
        ("ein haus unter den sternen", "ein haus unter den sternen"),
        ("a ball among fir trees", "a ball among fir trees"),
        ("a fish goes round in circles", "a fish goes round in circles"),
        ("scars", "scars"),
    ],
)
def test_known_plurals_are_read_as_one_thing(said: str, read: str) -> None:
    assert singular(said) == read


@pytest.mark.parametrize(
    ("prompt", "thing"),
    [
        ("zwei rosa Katzen auf der Wiese", "cat"),
        ("two pink cats on a meadow", "cat"),
        ("red cars in the city", "car"),
        ("grüne Bäume im Wald bei Tag", "tree"),
        ("rote Bälle springen auf der Straße", "ball"),
        ("weiße Boote auf dem Meer", "boat"),
    ],
)
def test_the_embedded_encoder_reads_plurals(prompt: str, thing: str) -> None:
    encoder = SlotTextEncoder.from_pretrained(WEIGHTS / "text_encoder")
    with torch.no_grad():
        table = encoder.classify(encoder.tokenize([prompt]))[0]
    assert int(table.argmax()) == list(THINGS).index(thing)
