"""`guard audit`: check what was done, or take the log along so that others can."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guard.cli.common import FELL_SHORT, JsonFlag, group, log_key_text, out, read_text, record, show_json

if TYPE_CHECKING:
    from guard.ledger import Report

app = group("The transparency log.", example="guard audit verify")
PreviousOption = Annotated[
    Path | None,
    typer.Option(
        help="A checkpoint kept from before: shows that the log only grew since.", exists=True, dir_okay=False
    ),
]


@app.command("verify")
def verify(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="An exported log to check instead of the local installation.", exists=True, file_okay=False
        ),
    ] = None,
    log_key: Annotated[
        str, typer.Option(help="The log's public key, or a file that holds it; for an exported log.")
    ] = "",
    previous: PreviousOption = None,
    objects: Annotated[
        bool,
        typer.Option(
            "--objects/--no-objects",
            metavar="",
            help="Hash every released file and kept manifest too, or leave that out.",
        ),
    ] = True,
    as_json: JsonFlag = False,
) -> None:
    """Check signature, inclusion of every record, consistency, and a full replay. Exit code 1 on any problem.

    Nothing is written. An installation is checked with its rows, prompts, released files and kept manifests.

    Examples: `guard audit verify`, `guard audit verify ./exported --log-key log.pub`
    """
    from guard.ledger import verify_export

    before = None if previous is None else read_text(previous)
    if folder is not None:
        if not log_key:
            raise typer.BadParameter(
                "an exported log is checked with the log's public key", param_hint="--log-key"
            )
        report = verify_export(folder, log_key_text(log_key).strip(), previous_checkpoint=before)
    else:
        if log_key:
            raise typer.BadParameter(
                "an installation is checked with its own key: name the folder of an exported log, or leave it out",
                param_hint="--log-key",
            )
        report = _audited(before, objects=objects)
    if as_json:
        show_json(asdict(report))
    else:
        _show(report)
    if not report.ok:
        raise typer.Exit(FELL_SHORT)


def _audited(previous: str | None, *, objects: bool) -> Report:
    from guard.store import audit, audit_objects, kept_manifests, released_objects

    with record() as opened:
        kept = opened.log.kept()
        with opened.database.read() as session:
            report = audit(session, opened.log, kept=kept, previous_checkpoint=previous, vault=opened.vault)
            released, manifests = released_objects(session), kept_manifests(session)
        if objects:
            audit_objects(report, opened.objects, released, manifests)
    return report


def _leaves(count: int) -> str:
    return "1 leaf" if count == 1 else f"{count} leaves"


def _show(report: Report) -> None:
    covered = "no checkpoint yet" if report.root is None else f"{_leaves(report.size)}, root {report.root}"
    out.print(f"log {report.origin}: {covered}", markup=False)
    if report.pending:
        out.print(f"  pending: {_leaves(report.pending)} not covered by a checkpoint yet", markup=False)
    for check in report.checks:
        out.print(f"  checked: {check}", markup=False)
    for problem in report.problems:
        out.print(f"  PROBLEM [{problem.code}]: {problem.message}", style="red", markup=False)
    out.print("no problem found" if report.ok else f"problems: {report.found}")


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Where to; grown, if it holds an older export.")],
    as_json: JsonFlag = False,
) -> None:
    """Write the log in the public layout (C2SP tlog-tiles), for others to check.

    Example: `guard audit export ./exported`
    """
    with record() as opened, opened.database.read() as session:
        checkpoint = opened.log.export(session.connection(), folder)
        key = opened.log.public_key
    if as_json:
        show_json({"folder": str(folder), "size": checkpoint.size, "public_key": str(key)})
    else:
        out.print(f"{_leaves(checkpoint.size)} in {folder}\npublic key: {key}", markup=False, highlight=False)


@app.command("key")
def key() -> None:
    """Print the log's public key.

    Example: `guard audit key > log.pub`
    """
    with record() as opened:
        out.print(str(opened.log.public_key), markup=False, highlight=False)


@app.command("proof")
def proof(
    release_id: Annotated[str, typer.Argument(help="Id of a release or of its video.")],
) -> None:
    """Print the log proof of a release.

    Example: `guard audit proof video_01… > clip.tlog-proof`
    """
    from guard.store import named_release

    with record() as opened, opened.database.read() as session:
        found = named_release(session, release_id)
        typer.echo(opened.log.proof(session.connection(), found.ledger_index), nl=False)
