"""`guard videos`: jobs, and the clips and pictures that came of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from guard.cli.common import (
    FELL_SHORT,
    JsonFlag,
    OutOption,
    err,
    group,
    installation,
    out,
    show_json,
    show_table,
    stoppable,
    when,
)
from guard.cli.generate import finish, save

app = group("Jobs of this installation: clips and pictures.", example="guard videos list")


@app.command("list")
def list_videos(
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20, as_json: JsonFlag = False
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
                "format": video.format,
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
    columns = ("id", "status", "progress", "format", "size", "seconds", "created")
    cells = [[*(row[column] for column in columns), _note(row)] for row in rows]
    show_table(["id", "status", "%", "format", "size", "s", "created", "note"], cells)


def _note(row: dict[str, Any]) -> str:
    held = f"held: {row['hold']}" if row["hold"] else ""
    return str(row["error"] or row["stalled"] or held)


@app.command("resume")
def resume(folder: OutOption = Path("out"), as_json: JsonFlag = False) -> None:
    """Take up again, now, every job that waits for something to pass, work until none is left, and save what it made.

    Example: `guard videos resume`
    """
    from guard.store import videos

    ended: list[dict[str, Any]] = []
    with stoppable(), installation() as opened:
        with opened.services.database.write() as session:
            found, _ = videos.list_videos(session, None, limit=1000)
            waiting = [
                video for video in found if video.status in ("queued", "in_progress") and not video.hold
            ]
            for video in waiting:
                video.retry_at = None
        opened.work()
        for video in waiting:
            row: dict[str, Any] = {"id": video.id, "status": "completed", "file": None, "proof": None}
            try:
                made = finish(opened, video.id, folder, quiet=as_json)
                row |= {"file": str(made.file), "proof": str(made.proof)}
            except Exception as error:  # noqa: BLE001 - one job's reason must not end the others
                row["status"] = str(getattr(error, "code", "failed"))
                err.print(f"{video.id}: {error}", style="red", markup=False)
            ended.append(row)
    if as_json:
        show_json(ended)
    else:
        for row in ended:
            out.print(f"{row['id']}  {row['status']}", markup=False)
            for name in ("file", "proof"):
                if row[name] is not None:
                    out.print(row[name], markup=False)
    if any(row["status"] != "completed" for row in ended):
        raise typer.Exit(FELL_SHORT)


@app.command("fetch")
def fetch(
    video_id: Annotated[str, typer.Argument(help="The video's id, see guard videos list.")],
    folder: OutOption = Path("out"),
    as_json: JsonFlag = False,
) -> None:
    """Save the released file of a finished job, and its log proof.

    Example: `guard videos fetch video_01…`
    """
    from guard.store import videos

    with installation() as opened:
        with opened.services.database.read() as session:
            video = videos.get_video(session, video_id)
        made = save(opened, video, folder)
    if as_json:
        show_json(asdict(made))
    else:
        out.print(f"{made.file}\n{made.proof}", markup=False)
