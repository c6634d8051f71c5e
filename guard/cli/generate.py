"""`guard generate`, and what it shares with `guard videos`: waiting for a job, and saving what it made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from guard.cli.common import (
    FELL_SHORT,
    JsonFlag,
    LangOption,
    OutOption,
    err,
    filled,
    installation,
    language,
    out,
    progress_bar,
    show_json,
    stoppable,
)

if TYPE_CHECKING:
    from guard.installation import Installation
    from guard.pipeline.errors import PipelineError
    from guard.store import Release, Video

POLL_SECONDS = 0.3
ReferenceOption = Annotated[
    Path | None,
    typer.Option(
        help="Picture to begin from, JPEG, PNG or WebP, for models that take one; the embedded model takes none.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]


@dataclass(frozen=True)
class Made:
    """A finished job's files.

    Attributes:
        video_id: the job; of a picture it begins with ``image_``.
        release_id: its release.
        file: the released file.
        proof: its ``.tlog-proof``.
        log_index: place of the release in the log.
    """

    video_id: str
    release_id: str
    file: Path
    proof: Path
    log_index: int


def generate(
    prompt: Annotated[str, typer.Argument(help="What to show, in English or German.", callback=filled)],
    seconds: Annotated[int | None, typer.Option(help="Length of the clip; 4 if not given.", min=1)] = None,
    size: Annotated[
        str, typer.Option(help="Width x height in pixels; 1280x720 if not given, of a picture 1024x1024.")
    ] = "",
    picture: Annotated[bool, typer.Option("--picture", help="Make a single picture.")] = False,
    file_format: Annotated[
        Literal["png", "jpeg", "webp"] | None,
        typer.Option("--format", help="Of a picture; png if not given."),
    ] = None,
    model: Annotated[str, typer.Option(help="Model; the first configured one if not given.")] = "",
    seed: Annotated[int | None, typer.Option(help="For the same clip again.", min=0, max=2**31 - 1)] = None,
    reference: ReferenceOption = None,
    folder: OutOption = Path("out"),
    as_json: JsonFlag = False,
    lang: LangOption = "",
) -> None:
    """Make a clip, or a picture: decided on, generated, marked, signed, checked, released.

    If you stop it, `guard videos resume` goes on and saves the file; `guard videos fetch` saves one again.

    Example: `guard generate "a red ball bounces over a green meadow" --seconds 4`

    Example: `guard generate "ein rotes Haus im Schnee" --picture --format webp`

    Example: `guard generate "the boat sails away" --reference boat.png --model wan-2.2-image`
    """
    from guard.pipeline.submit import RefusedError

    if picture and seconds is not None:
        raise typer.BadParameter("a picture has no length", param_hint="--seconds")
    if file_format is not None and not picture:
        raise typer.BadParameter("a clip is always mp4; add --picture", param_hint="--format")
    spoken = language(lang)
    with stoppable(), installation() as opened:
        try:
            video = submit(
                opened,
                prompt,
                model=model,
                seconds=0 if picture else seconds or 4,
                size=size or ("1024x1024" if picture else "1280x720"),
                seed=seed,
                file_format=file_format or ("png" if picture else "mp4"),
                reference=reference,
            )
        except RefusedError as error:
            if as_json:
                show_json({"decision_id": error.decision_id, **error.decision.model_dump(mode="json")})
            else:
                err.print(
                    f"blocked [{error.decision.reason}]: {error.decision.user_text[spoken]}",
                    style="red",
                    markup=False,
                )
            raise typer.Exit(FELL_SHORT) from None
        if video.hold is not None:
            _held(video, as_json=as_json)
        made = finish(opened, video.id, folder, quiet=as_json)
        if as_json:
            show_json(asdict(made))
        else:
            out.print(f"{made.file}\n{made.proof}", markup=False)


def submit(
    opened: Installation,
    prompt: str,
    *,
    model: str = "",
    seconds: int,
    size: str,
    seed: int | None = None,
    file_format: str = "mp4",
    reference: Path | None = None,
) -> Video:
    """Hand a request of the default tenant in, working on it here unless another process does.

    Args:
        reference: the picture to begin from, for a model that takes one; nothing of it stays but a scaled copy, and
            that until the job ends.
    """
    from guard.bootstrap import default_tenant
    from guard.pipeline.engine import working_elsewhere
    from guard.pipeline.references import Reference
    from guard.pipeline.submit import Submission, check
    from guard.pipeline.submit import submit as take

    still = file_format != "mp4"
    submission = Submission(
        tenant_id=default_tenant(opened),
        prompt=prompt,
        model=model or (opened.services.picture_model() if still else opened.settings.generators[0].model),
        seconds=seconds,
        size=size,
        seed=seed,
        format=file_format,
        reference=None if reference is None else Reference.of(reference),
    )
    check(opened.services, submission)  # a slip should not start a worker, nor have it take up other jobs
    if not working_elsewhere(opened.paths.lock):
        opened.work()
    return take(opened.services, opened.engine, submission)


def finish(opened: Installation, video_id: str, folder: Path, *, quiet: bool = False) -> Made:
    """Wait for a job, with a progress bar, and save what it made.

    Raises:
        PipelineError: the job failed, or waits for something; with its code.
    """
    return save(opened, wait(opened, video_id, quiet=quiet), folder)


def save(opened: Installation, video: Video, folder: Path) -> Made:
    """The released file and its log proof, in a folder.

    Raises:
        PipelineError: ``video_not_ready``, ``video_failed``, ``video_deleted``, ``video_revoked``: there is no file.
    """
    from guard.store import releases

    services = opened.services
    with services.database.read() as session:
        release: Release | None = releases.find_release(session, video_id=video.id)
        if video.status != "completed" or release is None or release.revoked_at is not None:
            raise _nothing_to_save(video)
        proof = services.log.proof(session.connection(), release.ledger_index)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{video.id}.{video.format}"
    services.objects.fetch(release.object_key, file, release.asset_digest)
    proof_file = file.with_suffix(".tlog-proof")
    proof_file.write_text(proof, "utf-8")
    return Made(video.id, release.id, file, proof_file, release.ledger_index)


def _nothing_to_save(video: Video) -> PipelineError:
    from guard.pipeline.errors import PipelineError

    if video.status == "failed":
        return PipelineError("video_failed", f"The video {video.id} failed: {video.error_message}")
    if video.status == "deleted":
        return PipelineError("video_deleted", f"The video {video.id} was deleted; there is no file any more.")
    if video.status == "completed":
        return PipelineError(
            "video_revoked", f"The release of {video.id} was revoked; its file is not handed out any more."
        )
    goes_on = (
        "it waits for a reviewer: guard review list" if video.hold else "guard videos resume goes on with it"
    )
    return PipelineError("video_not_ready", f"The video {video.id} is not finished; {goes_on}.")


def wait(opened: Installation, video_id: str, *, quiet: bool = False) -> Video:
    """Wait, with a progress bar, until a job is completed.

    Raises:
        PipelineError: the job failed, or waits for something; with its code.
    """
    with _bar(quiet) as progress:
        return _watch(opened, video_id, progress)


def _watch(opened: Installation, video_id: str, report: Any) -> Video:
    from guard.pipeline.errors import PipelineError
    from guard.store import videos

    while True:
        with opened.services.database.read() as session:
            video = videos.get_video(session, video_id)
        report(video.progress)
        if video.status == "completed":
            return video
        if video.status in ("failed", "deleted"):
            raise PipelineError(video.error_code or video.status, video.error_message or "The job has ended.")
        if video.hold is not None:
            raise PipelineError("held", f"Video {video_id} waits for a reviewer: guard review list")
        if video.stalled_code is not None:
            raise PipelineError(
                video.stalled_code,
                f"{video.stalled_message} Nothing is lost: the worker takes video {video_id} up again.",
            )
        time.sleep(POLL_SECONDS)


def _held(video: Video, *, as_json: bool) -> None:
    if as_json:
        show_json({"video_id": video.id, "status": video.status, "hold": video.hold})
    else:
        err.print(f"{video.id} is held for review: guard review list", style="yellow")
    raise typer.Exit(FELL_SHORT)


@contextmanager
def _bar(quiet: bool) -> Iterator[Any]:
    if quiet:
        yield lambda percent: None
        return
    with progress_bar() as progress:
        task = progress.add_task("generate, mark, sign, check, release", total=100)
        yield lambda percent: progress.update(task, completed=percent)
