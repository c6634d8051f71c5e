"""`guard sealed`: material under the minors rule, for the few who may deal with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from guard.cli.common import FELL_SHORT, JsonFlag, err, group, installation, out, show_json, show_table, when

app = group(
    "Material under the minors rule: encrypted, in no general queue, told to the hook of the settings.",
    example="guard sealed list",
)
SealId = Annotated[str, typer.Argument(help="The seal's id, see guard sealed list.")]


@app.command("list")
def list_seals(
    everything: Annotated[
        bool, typer.Option("--all", metavar="", help="Lifted and destroyed ones too.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show what is under seal: ids, never texts or pictures.

    Example: `guard sealed list --json`
    """
    from guard.store import seals

    with installation() as opened, opened.services.database.read() as session:
        rows = [_seal(found) for found in seals.list_seals(session, everything=everything)]
    if as_json:
        show_json(rows)
        return
    if not rows:
        out.print("Nothing is sealed.")
        return
    columns = ("id", "decision", "video", "stage", "state", "told")
    show_table(list(columns), [[row[column] or "-" for column in columns] for row in rows])


@app.command("tell")
def tell(as_json: JsonFlag = False) -> None:
    """Tell the settings' hook now of what it has not taken yet, as the worker does by itself. Exit code 1 if it fails.

    Example: `guard sealed tell`
    """
    from guard.pipeline import sealing
    from guard.pipeline.errors import PipelineError

    with installation() as opened:
        if not opened.services.hook.there:
            raise PipelineError("hook_missing", "Set sealed.command or sealed.webhook in the settings.")
        taken, left = sealing.tell(opened.services, at_once=True)
    if as_json:
        show_json({"told": taken, "failed": left})
    else:
        out.print(f"{taken} told, {left} failed")
    if left:
        raise typer.Exit(FELL_SHORT)


@app.command("open")
def open_seal(
    seal_id: SealId,
    folder: Annotated[
        Path, typer.Option("--out", help="New folder for the decrypted files, for the report.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Decrypt what is under a seal, for the report to the authority. The files are yours to destroy.

    Example: `guard sealed open seal_01… --out /secure/report-7`
    """
    from guard.pipeline import sealing

    with installation() as opened:
        files = sealing.unseal(opened.services, seal_id, folder)
    if as_json:
        show_json({"seal": seal_id, "files": [str(path) for path in files]})
        return
    for path in files:
        out.print(str(path), markup=False, highlight=False)


@app.command("destroy")
def destroy(
    seal_id: SealId,
    yes: Annotated[
        bool, typer.Option("--yes", metavar="", help="Needed: what is destroyed cannot be read again.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Destroy what is under a seal, its prompt included, once the law no longer asks to keep it.

    Example: `guard sealed destroy seal_01… --yes`
    """
    from guard.pipeline import sealing

    if not yes:
        raise typer.BadParameter("say --yes to destroy it", param_hint="--yes")
    with installation() as opened:
        found = _seal(sealing.destroy(opened.services, seal_id))
    if as_json:
        show_json(found)
    else:
        err.print("The copies that were decrypted for a report are not touched by this.", style="yellow")
        out.print(f"{seal_id} destroyed", markup=False)


def _seal(found: Any) -> dict[str, Any]:
    state = "sealed"
    if found.destroyed_at is not None:
        state = "destroyed"
    elif found.lifted_at is not None:
        state = "lifted"
    return {
        "id": found.id,
        "decision": found.decision_id,
        "video": found.video_id,
        "tenant": found.tenant_id,
        "stage": found.stage,
        "files": len(found.material),
        "state": state,
        "created": when(found.created),
        "told": None if found.notified_at is None else when(found.notified_at),
    }
