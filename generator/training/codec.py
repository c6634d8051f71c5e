"""Training the codecs on drawn stages and objects."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from generator.codec import PictureDecoder
from generator.training.encoder import PictureEncoder
from generator.training.landscapes import GROUNDS, STYLES, TIMES, draw_landscape
from generator.training.loop import Report, log_progress, run
from generator.training.optimiser import MuonAdam
from generator.training.scenes import STRETCHES, VARIANTS
from generator.training.things import COLOURS, THINGS, draw_thing

Kind = Literal["stage", "thing"]


@dataclass(frozen=True)
class CodecPlan:
    """Sizes of one codec: pictures are drawn at `drawn` pixels a side and seen by the encoder at `seen`."""

    channels: int
    latent_channels: int
    drawn: int
    seen: int
    encoder_widths: tuple[int, int, int]
    decoder_widths: tuple[int, int, int, int]
    batch: int

    def models(self) -> tuple[PictureEncoder, PictureDecoder]:
        """Both halves, untrained."""
        places = 8 if self.seen == 256 else 4
        return (
            PictureEncoder(
                self.channels, self.latent_channels, self.encoder_widths, self.seen // places // 4
            ),
            PictureDecoder(
                self.channels, self.latent_channels, self.decoder_widths, self.drawn // places // 8
            ),
        )


PLANS: Final[dict[Kind, CodecPlan]] = {
    "stage": CodecPlan(3, 48, 512, 256, (128, 192, 256), (256, 192, 128, 64), 8),
    "thing": CodecPlan(4, 32, 192, 64, (96, 128, 192), (192, 128, 96, 48), 24),
}


def draw_pool(kind: Kind, size: int, *, variants: int, seed: int) -> NDArray[np.uint8]:
    """Pictures of every kind in some variants: (n, size, size, channels) uint8."""
    rng = random.Random(seed)
    drawn: list[Callable[[], NDArray[np.float32]]] = []
    if kind == "stage":
        for ground, when, style in itertools.product(GROUNDS, TIMES, STYLES):
            for variant in rng.sample(range(VARIANTS), variants):
                drawn.append(partial(draw_landscape, ground, when, style, size, variant))
    else:
        for thing, colour, style, when in itertools.product(THINGS, COLOURS, STYLES, TIMES):
            for stretch in rng.sample(STRETCHES, min(variants, len(STRETCHES))):
                drawn.append(partial(draw_thing, thing, colour, style, when, size, stretch))
    pool = np.empty((len(drawn), size, size, PLANS[kind].channels), np.uint8)
    for i, draw in enumerate(drawn):
        pool[i] = np.round(draw() * 255)
    return pool


def edge_loss(guess: Tensor, truth: Tensor) -> Tensor:
    """Absolute error of the picture and its slopes, and a square term for the few large errors at edges."""
    error = guess - truth
    slopes = (error[..., 1:] - error[..., :-1]).abs().mean() + (
        error[..., 1:, :] - error[..., :-1, :]
    ).abs().mean()
    return error.abs().mean() + slopes + 4 * error.square().mean()


def train_codec(
    kind: Kind,
    out: Path,
    *,
    steps: int,
    variants: int,
    seed: int = 0,
    noise: float = 0.25,
    report: Report = log_progress,
) -> tuple[PictureEncoder, PictureDecoder]:
    """Train one codec; `out` gets `encoder` and `decoder`.

    Args:
        variants: how many pictures of each kind are drawn to learn from.
        noise: how much the latents are disturbed at most; the denoiser's own are not perfect either.
    """
    torch.manual_seed(seed)
    plan = PLANS[kind]
    pool = draw_pool(kind, plan.drawn, variants=variants, seed=seed)
    encoder, decoder = plan.models()
    learning = [*encoder.parameters(), *decoder.parameters()]
    optimiser = MuonAdam(
        [p for p in learning if p.ndim == 4], [p for p in learning if p.ndim < 4], matrix_rate=0.01, rate=2e-3
    )

    def loss_of(rng: np.random.Generator) -> Tensor:
        large = as_tensor(pool[rng.integers(len(pool), size=plan.batch)])
        with torch.autocast("cpu", torch.bfloat16):
            latents = encoder(F.interpolate(large, size=(plan.seen, plan.seen), mode="area"))
            level = noise * torch.rand(len(latents), 1, 1, 1)
            guess = decoder(latents + level * torch.randn_like(latents))
        return edge_loss(guess.float(), large)

    run(
        f"codec of {kind}s",
        steps,
        loss_of,
        {"encoder": encoder, "decoder": decoder},
        optimiser,
        out,
        seed=seed,
        report=report,
    )
    encoder.eval().save_pretrained(out / "encoder")
    decoder.eval().save_pretrained(out / "decoder")
    return encoder, decoder


def as_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """(n, height, width, channels) uint8 -> (n, channels, height, width) float32 in -1..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
