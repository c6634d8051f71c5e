"""Clips of more than four seconds: how they are continued, and that they hold together."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from generator import EmbeddedGenerator, load_embedded
from generator.continuation import PathTransformer
from generator.training import drift
from generator.training.continuing import later, windows
from generator.training.latents import Example, tracks
from generator.training.optimiser import MuonAdam
from generator.training.scenes import FRAMES, SLOTS, Actor, Scene
from generator.transformer import Latents

SCENE = Scene(Actor("ball", "red", "left"), Actor("cat", "blue", "still", 0.5), "sea", "day")
STEADY = Scene(Actor("ball", "red", "bounce"), None, "meadow", "day")


@pytest.fixture(scope="module")
def embedded() -> EmbeddedGenerator:
    return load_embedded(threads=1)


def test_windows_of_a_clip_meet() -> None:
    assert Example(SCENE, 0, 4).span[1] == Example(SCENE, 1, 4).span[0]
    assert Example(SCENE, 3, 4).span[1] == 1.0
    paths, _ = tracks([Example(SCENE, 0, 4), Example(SCENE, 1, 4)])
    step = paths[1, 0, 1, 0] - paths[1, 0, 0, 0]
    assert paths[1, 0, 0, 0] - paths[0, 0, -1, 0] == pytest.approx(float(step), abs=1e-4)


def test_windows_that_continue_are_of_longer_clips() -> None:
    for example in later(random.Random(2), 40):
        assert 0 < example.window < example.windows <= drift.WINDOWS


def test_a_window_is_to_begin_where_the_one_before_ended_and_to_return_to_its_course() -> None:
    torch.manual_seed(0)
    examples = [Example(STEADY, 1 + i % 4, 5) for i in range(400)]
    first, previous, wanted = windows(examples)
    exact, _ = tracks([Example(STEADY, 0, 5)])  # a ball that bounces does the same in every window
    exact = exact * torch.tensor((2.0, 1.7, 2.5, 1.4, 1.4))
    off = (previous.paths - exact)[:, 0, -8:, :3].mean(1)
    began = (wanted.paths - exact)[:, 0, 0, :3]
    assert off.std() > 0.02
    assert torch.corrcoef(torch.stack((off.flatten(), began.flatten())))[0, 1] > 0.95
    assert (wanted.paths - exact)[:, 0, FRAMES // 2 :].abs().max() < 1e-5
    started = [example.window == 1 for example in examples]
    assert torch.allclose(first.paths[started], previous.paths[started], atol=1e-6)


def test_the_continuation_learns_and_listens_to_both_windows() -> None:
    torch.manual_seed(0)
    classes = tuple(len(values) for values in SLOTS.values())
    model = PathTransformer(classes, width=32, depth=1, heads=1)
    optimiser = MuonAdam([], model.parameters(), matrix_rate=0.0, rate=5e-3)
    examples = later(random.Random(1), 8)
    first, previous, wanted = windows(examples)
    text, sigma = torch.rand(8, sum(n + 1 for n in classes)), torch.full((8,), 0.9)
    span = torch.tensor([example.span for example in examples])
    noisy = wanted.replaced(tuple(0.1 * part + 0.9 * torch.randn_like(part) for part in wanted.parts()))
    losses = []
    for _ in range(40):
        guess = model(noisy, sigma, text, span, first, previous)
        loss = sum((a - b).square().mean() for a, b in zip(guess.parts(), wanted.parts(), strict=True))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step(1.0)
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    assert guess.stage is None
    assert guess.paths.shape == (8, 2, FRAMES, 5)
    other = Latents(None, None, first.paths + 1, first.camera)
    assert not torch.allclose(guess.paths, model(noisy, sigma, text, span, other, previous).paths)
    other = Latents(None, None, previous.paths + 1, previous.camera)
    assert not torch.allclose(guess.paths, model(noisy, sigma, text, span, first, other).paths)


def test_drift_is_seen_where_it_is_and_not_where_there_is_none() -> None:
    for change in drift.of_drawing(STEADY).values():
        assert change.size == pytest.approx(0, abs=0.01)
        assert change.travel == pytest.approx(0, abs=0.01)
    grown = drift.of_drawing(replace(STEADY, first=replace(STEADY.first, motion="grow")))
    sizes = [change.size for change in grown.values()]
    assert sizes == sorted(sizes)
    assert 0.1 < sizes[0] < 1.2 * 2 ** (1.4 * 4 / 15) - 1
    assert sizes[-1] == pytest.approx(2 ** (1.4 * 14 / 15) - 1, rel=0.15)


def test_prompts_for_minutes_are_held_out_and_of_every_steady_motion() -> None:
    asked = drift.scenes(2, 1)
    assert [scene.first.motion for _, scene in asked] == [*drift.STEADY, *drift.STEADY]
    assert drift.scenes(2, 1) == asked


def test_a_ball_bounces_for_a_minute_as_large_and_as_high_as_in_its_first_seconds(
    embedded: EmbeddedGenerator,
) -> None:
    found = drift.of_generator(embedded, "a red ball bounces on the grass by day", 3)
    for change in found.values():
        assert abs(change.size) < 0.2
        assert abs(change.travel) < 0.15


def test_a_seed_gives_the_same_long_clip(embedded: EmbeddedGenerator) -> None:
    pipeline = embedded._pipeline
    shot = pipeline.shots("ein blauer Stern dreht sich", 96)[0]
    first, again = (
        np.concatenate(
            list(pipeline.shot_chunks(shot, 64, 36, steps=3, generator=torch.Generator().manual_seed(2)))
        )
        for _ in range(2)
    )
    assert len(first) == 96
    assert np.array_equal(first, again)
