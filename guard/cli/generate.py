"""`guard generate` and `guard videos`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guard.cli.common import (
    FELL_SHORT,
    JsonFlag,
    LangOption,
    err,
    installation,
    language,
    out,
    progress_bar,
    show_json,
    show_table,
    when,
)

if TYPE_CHECKING:
    from guard.installation import Installation
    from guard.store import Release, Video

POLL_SECONDS = 0.3
videos_app = typer.Typer(help="Jobs of this installation.", no_args_is_help=True)


@dataclass(frozen=True)
class Made:
    """A finished job's files.

    Attributes:
        video_id: the job.
        release_id: its release.
        file: the released mp4.
        proof: its ``.tlog-proof``.
        log_index: place of the release in the log.
    """

    video_id: str
    release_id: str
    file: Path
    proof: Path
    log_index: int


def generate(
    prompt: Annotated[str, typer.Argument(help="What to show, in English or German.")],
    seconds: Annotated[int, typer.Option(help="Length of the clip.")] = 4,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "1280x720",
    model: Annotated[str, typer.Option(help="Model; the first configured one if not given.")] = "",
    seed: Annotated[int | None, typer.Option(help="For the same clip again.")] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the file and its proof.")] = Path("out"),
    as_json: JsonFlag = False,
    lang: LangOption = "",
) -> None:
    """Make a clip: decided on, generated, marked, signed, checked, released.

    Example: `guard generate "a red ball bounces over a green meadow" --seconds 4`
    """
    from guard.pipeline.submit import RefusedError

    spoken = language(lang)
    with installation() as opened:
        try:
            video = submit(opened, prompt, model=model, seconds=seconds, size=size, seed=seed)
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
    opened: Installation, prompt: str, *, model: str = "", seconds: int, size: str, seed: int | None = None
) -> Video:
    """Hand a request of the default tenant in, working on it here unless another process does."""
    from guard.bootstrap import default_tenant
    from guard.pipeline.engine import working_elsewhere
    from guard.pipeline.submit import Submission
    from guard.pipeline.submit import submit as take

    if not working_elsewhere(opened.paths.lock):
        opened.work()
    return take(
        opened.services,
        opened.engine,
        Submission(
            tenant_id=default_tenant(opened),
            prompt=prompt,
            model=model or opened.settings.generators[0].model,
            seconds=seconds,
            size=size,
            seed=seed,
        ),
    )


def finish(opened: Installation, video_id: str, folder: Path, *, quiet: bool = False) -> Made:
    """Wait for a job, with a progress bar, and save what it made.

    Raises:
        PipelineError: the job failed, or waits for something; with its code.
    """
    with _bar(quiet) as progress:
        video = _wait(opened, video_id, progress)
    return save(opened, video, folder)


def save(opened: Installation, video: Video, folder: Path) -> Made:
    """The released file and its log proof, in a folder."""
    from guard.store import releases

    services = opened.services
    with services.database.read() as session:
        release: Release | None = releases.find_release(session, video_id=video.id)
        if release is None:
            raise RuntimeError("a completed video has a release")
        proof = services.log.proof(session.connection(), release.ledger_index)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{video.id}.mp4"
    with file.open("wb") as target:
        for chunk in services.objects.stream(release.object_key):
            target.write(chunk)
    proof_file = file.with_suffix(".tlog-proof")
    proof_file.write_text(proof, "utf-8")
    return Made(video.id, release.id, file, proof_file, release.ledger_index)


def _wait(opened: Installation, video_id: str, report: Any) -> Video:
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
        err.print(f"Video {video.id} is held for review: guard review list", style="yellow")
    raise typer.Exit(FELL_SHORT)


@contextmanager
def _bar(quiet: bool) -> Iterator[Any]:
    if quiet:
        yield lambda percent: None
        return
    with progress_bar() as progress:
        task = progress.add_task("generate, mark, sign, check, release", total=100)
        yield lambda percent: progress.update(task, completed=percent)


@videos_app.command("list")
def list_videos(
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 20, as_json: JsonFlag = False
) -> None:
    """Show jobs.

    Example: `guard videos list --limit 5`
    """
    from guard.store import videos

    with installation() as opened, opened.services.database.read() as session:
        found, _ = videos.list_videos(session, None, limit=limit)
        rows: list[dict[str, Any]] = [
            {
                "id": video.id,
                "status": video.status,
                "progress": video.progress,
                "size": video.size,
                "seconds": video.seconds,
                "hold": video.hold,
                "stalled": video.stalled_code,
                "error": video.error_code,
                "created": when(video.created),
            }
            for video in found
        ]
    if as_json:
        show_json(rows)
        return
    if not rows:
        out.print("No videos yet: guard generate makes one.")
        return
    columns = ("id", "status", "progress", "size", "seconds", "created")
    cells = [[*(row[column] for column in columns), _note(row)] for row in rows]
    show_table(["id", "status", "%", "size", "s", "created", "note"], cells)


def _note(row: dict[str, Any]) -> str:
    held = f"held: {row['hold']}" if row["hold"] else ""
    return str(row["error"] or row["stalled"] or held)


@videos_app.command("resume")
def resume(as_json: JsonFlag = False) -> None:
    """Take up again, now, every job that waits for something to pass, and work until none is left.

    Example: `guard videos resume`
    """
    from guard.store import videos

    with installation() as opened:
        with opened.services.database.write() as session:
            found, _ = videos.list_videos(session, None, limit=1000)
            waiting = [
                video for video in found if video.status in ("queued", "in_progress") and not video.hold
            ]
            for video in waiting:
                video.retry_at = None
        opened.work()
        ended: dict[str, str] = {}
        for video in waiting:
            with _bar(as_json) as progress:
                try:
                    ended[video.id] = _wait(opened, video.id, progress).status
                except Exception as error:  # noqa: BLE001 - one job's reason must not end the others
                    ended[video.id] = str(getattr(error, "code", "failed"))
    if as_json:
        show_json(ended)
    else:
        for video_id, state in ended.items():
            out.print(f"{video_id}  {state}", markup=False)
    if any(state != "completed" for state in ended.values()):
        raise typer.Exit(FELL_SHORT)
