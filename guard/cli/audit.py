"""`guard audit`: check what was done, or take the log along so that others can."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from guard.cli.common import FELL_SHORT, JsonFlag, installation, log_key_text, out, show_json

app = typer.Typer(help="The transparency log.", no_args_is_help=True)
PreviousOption = Annotated[
    Path | None, typer.Option(help="A checkpoint kept from before: shows that the log only grew since.")
]


@app.command("verify")
def verify(
    folder: Annotated[
        Path | None, typer.Argument(help="An exported log to check instead of the local installation.")
    ] = None,
    log_key: Annotated[
        str, typer.Option(help="The log's public key, or a file that holds it; for an exported log.")
    ] = "",
    previous: PreviousOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check signature, inclusion of every record, consistency, and a full replay. Exit code 1 on any problem.

    Examples: `guard audit verify`, `guard audit verify ./exported --log-key log.pub`
    """
    from guard.ledger import verify_export
    from guard.store import audit

    before = None if previous is None else previous.read_text("utf-8")
    if folder is not None:
        if not log_key:
            raise typer.BadParameter(
                "an exported log is checked with the log's public key", param_hint="--log-key"
            )
        report = verify_export(folder, log_key_text(log_key).strip(), previous_checkpoint=before)
    else:
        with installation() as opened, opened.services.database.read() as session:
            report = audit(session, opened.services.log.public_key, previous_checkpoint=before)
    shown: dict[str, Any] = {
        "origin": report.origin,
        "size": report.size,
        "root": report.root,
        "replayed": report.replayed,
        "checks": list(report.checks),
        "problems": [asdict(problem) for problem in report.problems],
    }
    if as_json:
        show_json(shown)
    else:
        out.print(f"log {report.origin}: {report.size} leaves, root {report.root}", markup=False)
        for check in report.checks:
            out.print(f"  checked: {check}", markup=False)
        for problem in report.problems:
            out.print(f"  PROBLEM [{problem.code}]: {problem.message}", style="red", markup=False)
        out.print("no problem found" if not report.problems else f"problems: {len(report.problems)}")
    if report.problems:
        raise typer.Exit(FELL_SHORT)


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Where to; grown, if it holds an older export.")],
    as_json: JsonFlag = False,
) -> None:
    """Write the log in the public layout (C2SP tlog-tiles), for others to check.

    Example: `guard audit export ./exported`
    """
    with installation() as opened, opened.services.database.read() as session:
        checkpoint = opened.services.log.export(session.connection(), folder)
        key = opened.services.log.public_key
    if as_json:
        show_json({"folder": str(folder), "size": checkpoint.size, "public_key": str(key)})
    else:
        out.print(f"{checkpoint.size} leaves in {folder}\npublic key: {key}", markup=False, highlight=False)


@app.command("key")
def key() -> None:
    """Print the log's public key.

    Example: `guard audit key > log.pub`
    """
    with installation() as opened:
        out.print(str(opened.services.log.public_key), markup=False, highlight=False)


@app.command("proof")
def proof(
    release_id: Annotated[str, typer.Argument(help="Id of a release or of its video.")],
) -> None:
    """Print the log proof of a release.

    Example: `guard audit proof video_01… > clip.tlog-proof`
    """
    from guard.store import StoreError, releases

    with installation() as opened, opened.services.database.read() as session:
        if release_id.startswith("video_"):
            found = releases.find_release(session, video_id=release_id)
        else:
            found = releases.get_release(session, release_id)
        if found is None:
            raise StoreError("not_found", f"There is no release of {release_id}.")
        typer.echo(opened.services.log.proof(session.connection(), found.ledger_index), nl=False)
