import random
import sys

import pytest
import torch

from generator._torchvision import prepare
from generator.codec import ClipCodec
from generator.pipeline import CANVASES, nearest_canvas
from generator.scenes import Scene
from generator.text import SlotTextEncoder
from generator.training.latents import Example, LatentClips, write_latents
from generator.training.optimiser import MuonAdam, orthogonalise, schedule
from generator.training.text import captions
from generator.transformer import ClipTransformer
from generator.upsampler import FrameUpsampler


def test_torchvision_imports_and_preparing_twice_is_harmless() -> None:
    prepare()
    prepare()
    assert "torchvision" in sys.modules


def test_the_codec_keeps_its_promise_about_sizes() -> None:
    codec = ClipCodec(narrow=8, middle=16, wide=24).eval()
    latents = codec.encode(torch.zeros(2, 4, 3, 72, 128))
    assert latents.shape == (2, 16, 9, 16)
    assert codec.decode(latents).shape == (2, 4, 3, 144, 256)


def test_an_untrained_upsampler_is_plain_interpolation() -> None:
    frames = torch.rand(2, 3, 8, 6)
    plain = torch.nn.functional.interpolate(frames, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(FrameUpsampler()(frames), plain)


def test_the_denoiser_learns_and_takes_every_canvas() -> None:
    torch.manual_seed(0)
    model = ClipTransformer(groups=2, channels=4, width=32, depth=1, heads=1, condition_width=10)
    clean, text = torch.randn(2, 2, 4, 4, 4), torch.randn(2, 10)
    span, sigma = torch.tensor([[0.0, 1.0], [0.5, 1.0]]), torch.tensor([0.9, 0.9])
    noisy = 0.1 * clean + 0.9 * torch.randn_like(clean)
    previous = torch.stack((torch.zeros(4, 4, 4), torch.randn(4, 4, 4)))
    blocks = [p for n, p in model.blocks.named_parameters() if p.ndim == 2 and "modulation" not in n]
    chosen = {id(p) for p in blocks}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    optimiser = MuonAdam(blocks, rest, matrix_rate=0.02, rate=3e-3)
    losses = []
    for step in range(40):
        loss = (model(noisy, sigma, text, span, previous) - clean).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step(schedule(step / 40, step, warm_steps=3, hold=0.8))
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    for rows, columns in CANVASES:
        x = torch.randn(2, 2, 4, rows, columns)
        assert model(x, sigma, text, span).shape == x.shape


def test_the_denoiser_listens_to_what_came_before() -> None:
    torch.manual_seed(0)
    model = ClipTransformer(groups=2, channels=4, width=64, depth=1, heads=2, condition_width=10)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    inputs = torch.randn(1, 2, 4, 3, 3), torch.tensor([0.5]), torch.randn(1, 10), torch.tensor([[0.0, 1.0]])
    assert not torch.allclose(model(*inputs), model(*inputs, torch.randn(1, 4, 3, 3)))


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
    encoder = SlotTextEncoder(width=16, depth=1, feature_width=8)
    ids = encoder.tokenize(["", "日本語 🎈", "ball " * 500])
    assert ids.shape[0] == 3
    assert ids.shape[1] <= encoder.config.max_words
    assert torch.isfinite(encoder(ids)).all()


def test_training_captions_carry_the_classes_of_their_scene() -> None:
    texts, classes = captions(50, random.Random(1))
    assert classes.shape == (50, 5)
    assert (classes <= torch.tensor([5, 7, 6, 5, 3])).all()
    assert len(set(texts)) > 40


def test_stored_latents_come_back_with_their_description(tmp_path) -> None:  # type: ignore[no-untyped-def]
    codec = ClipCodec(narrow=8, middle=16, wide=24).eval()
    write_latents(codec, tmp_path, "square", 3, seed=4, long_share=1.0)
    clips = LatentClips(tmp_path)
    assert len(clips) == 3
    import numpy as np

    latents, examples = clips.batch(8, np.random.default_rng(0))
    assert latents.shape == (8, 13, 16, 12, 12)
    for row, example in zip(latents, examples, strict=True):
        assert (row[0].abs().max() > 0) == (example.window > 0)
        assert example.windows > 1


def test_spans_of_a_clip_meet() -> None:
    scene = Scene("ball", "red", "left", "sea", "day")
    assert Example(scene, 0, 4).span[1] == Example(scene, 1, 4).span[0]
    assert Example(scene, 3, 4).span[1] == 1.0


@pytest.mark.parametrize(
    ("size", "canvas"),
    [((1280, 720), (9, 16)), ((1024, 1792), (16, 9)), ((720, 720), (12, 12)), ((1792, 1024), (9, 16))],
)
def test_the_canvas_is_the_one_of_the_closest_shape(size: tuple[int, int], canvas: tuple[int, int]) -> None:
    assert nearest_canvas(*size) == canvas
