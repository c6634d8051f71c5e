"""The whole recipe, from nothing to a pipeline folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from generator.codec import PictureDecoder
from generator.continuation import PathTransformer
from generator.text import SlotTextEncoder
from generator.training.codec import Kind, train_codec
from generator.training.continuing import ContinuationPlan, train_continuation
from generator.training.diffusion import DiffusionPlan, train_diffusion
from generator.training.encoder import PictureEncoder
from generator.training.export import export
from generator.training.latents import LatentPictures
from generator.training.loop import Report, log_progress
from generator.training.text import train_text
from generator.transformer import LayerTransformer

SECONDS = (4, 8, 12, 16, 20, 30, 40, 60)


@dataclass(frozen=True)
class Recipe:
    """How much of each stage, in steps."""

    thing_steps: int = 2400
    thing_variants: int = 4
    stage_steps: int = 1500
    stage_variants: int = 10
    text_steps: int = 4500
    diffusion_steps: int = 2600
    continuation_steps: int = 2200
    seed: int = 0


def train(
    out: Path,
    work: Path,
    recipe: Recipe | None = None,
    *,
    threads: int = 1,
    revision: str = "local",
    report: Report = log_progress,
) -> None:
    """Train all parts and write the pipeline to `out`; what lies in `work` is not trained again.

    Args:
        work: a folder with 200 MB to spare; a run that broke off continues from it.
        threads: processor threads; the published weights used one.
    """
    plan = recipe or Recipe()
    torch.set_num_threads(threads)
    things = _codec("thing", work, plan.thing_steps, plan.thing_variants, plan.seed, report)
    stages = _codec("stage", work, plan.stage_steps, plan.stage_variants, plan.seed, report)
    if (work / "text" / "config.json").is_file():
        text = SlotTextEncoder.from_pretrained(work / "text").eval()
    else:
        text = train_text(work / "text", steps=plan.text_steps, seed=plan.seed + 1, report=report)
    if (work / "transformer" / "config.json").is_file():
        transformer = LayerTransformer.from_pretrained(work / "transformer")
    else:
        torch.manual_seed(plan.seed)
        transformer = train_diffusion(
            LayerTransformer(),
            LatentPictures(stages[0], things[0]),
            work / "transformer",
            DiffusionPlan(steps=plan.diffusion_steps, seed=plan.seed),
            report=report,
        )
    if (work / "continuation" / "config.json").is_file():
        continuation = PathTransformer.from_pretrained(work / "continuation")
    else:
        torch.manual_seed(plan.seed)
        continuation = train_continuation(
            PathTransformer(),
            work / "continuation",
            ContinuationPlan(steps=plan.continuation_steps, seed=plan.seed),
            report=report,
        )
    export(
        text,
        transformer,
        continuation,
        stages[1],
        things[1],
        out,
        revision=revision,
        seconds=SECONDS,
        facts=asdict(plan),
    )


def _codec(
    kind: Kind, work: Path, steps: int, variants: int, seed: int, report: Report
) -> tuple[PictureEncoder, PictureDecoder]:
    folder = work / kind
    if (folder / "decoder" / "config.json").is_file():
        return (
            PictureEncoder.from_pretrained(folder / "encoder").eval(),
            PictureDecoder.from_pretrained(folder / "decoder").eval(),
        )
    return train_codec(kind, folder, steps=steps, variants=variants, seed=seed, report=report)
