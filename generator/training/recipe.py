"""The whole recipe, from nothing to a pipeline folder."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from generator.training.codec import draw_groups, train_codec
from generator.training.diffusion import DiffusionPlan, train_diffusion
from generator.training.export import export
from generator.training.finish import train_finish
from generator.training.latents import LatentClips, write_latents
from generator.training.text import train_text
from generator.transformer import ClipTransformer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How much of each stage. `clips` lists (canvas, how many, share shown as a part of a longer clip)."""

    groups: int = 9800
    codec_minutes: float = 20
    text_steps: int = 1600
    clips: tuple[tuple[str, int, float], ...] = (
        ("wide", 6000, 0.0),
        ("tall", 1400, 0.3),
        ("square", 1200, 0.3),
        ("wide", 3200, 0.85),
    )
    diffusion_minutes: float = 56
    finish_minutes: float = 7
    seed: int = 0


def train(
    out: Path, work: Path, recipe: Recipe | None = None, *, threads: int = 1, revision: str = "local"
) -> None:
    """Train all parts and write the pipeline to `out`; a stage whose result lies in `work` is not repeated.

    Args:
        work: a folder with some 7 GB to spare.
        threads: processor threads; the published weights used one.
    """
    plan = recipe or Recipe()
    torch.set_num_threads(threads)
    from generator.codec import ClipCodec
    from generator.text import SlotTextEncoder
    from generator.upsampler import FrameUpsampler

    def have(part: str) -> bool:
        return (work / part / "config.json").is_file()

    if have("codec"):
        codec = ClipCodec.from_pretrained(work / "codec").eval()
    else:
        groups = draw_groups(work / "groups", plan.groups, plan.seed)
        codec = train_codec(groups, work / "codec", minutes=plan.codec_minutes, seed=plan.seed)
    if have("text"):
        text = SlotTextEncoder.from_pretrained(work / "text").eval()
    else:
        text = train_text(work / "text", steps=plan.text_steps, seed=plan.seed + 1)
    for i, (canvas, count, long_share) in enumerate(plan.clips):
        seed = plan.seed + 11 + 10 * i
        if not (work / "latents" / f"{canvas}-{seed}.done").exists():
            write_latents(codec, work / "latents", canvas, count, seed, long_share=long_share)
            (work / "latents" / f"{canvas}-{seed}.done").touch()
    if have("transformer"):
        transformer = ClipTransformer.from_pretrained(work / "transformer")
    else:
        torch.manual_seed(plan.seed)
        transformer = train_diffusion(
            ClipTransformer(),
            text,
            LatentClips(work / "latents"),
            work / "transformer",
            DiffusionPlan(minutes=plan.diffusion_minutes, seed=plan.seed),
        )
    if have("finish/upsampler"):
        codec = ClipCodec.from_pretrained(work / "finish" / "codec").eval()
        upsampler = FrameUpsampler.from_pretrained(work / "finish" / "upsampler")
    else:
        codec, upsampler = train_finish(codec, work / "finish", minutes=plan.finish_minutes, seed=plan.seed)
    export(
        text,
        transformer,
        codec,
        upsampler,
        out,
        revision=revision,
        seconds=(4, 8, 12),  # trained up to 20, but objects lose their shape beyond 12
        facts={"seed": plan.seed, "diffusion_minutes": plan.diffusion_minutes},
    )
