"""The `guard` command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from guard import __version__
from guard.cli import (
    audit,
    generate,
    hashes,
    index,
    keys,
    mark,
    models,
    people,
    policy,
    prompts,
    reports,
    sealed,
    serve,
    tenants,
    train,
    trust,
    verify,
    videos,
)
from guard.cli.common import errors_explained, out, quiet_logs

app = typer.Typer(
    name="guard",
    help="Safety, provenance and detection around generative video.\n\nExample: `guard verify clip.mp4`",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

app.command("serve")(serve.serve)
app.command("generate")(generate.generate)
app.command("verify")(verify.verify)
app.command("report")(reports.report)
app.add_typer(videos.app, name="videos")
app.add_typer(people.review_app, name="review")
app.add_typer(people.release_app, name="release")
app.add_typer(sealed.app, name="sealed")
app.add_typer(index.app, name="index")
app.add_typer(prompts.app, name="prompts")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.api_keys_app, name="api-keys")
app.add_typer(tenants.app, name="tenants")
app.add_typer(keys.keys_app, name="keys")
app.add_typer(trust.app, name="trust")
app.add_typer(hashes.app, name="hashes")
app.add_typer(mark.app, name="mark")
app.add_typer(models.app, name="models")
app.add_typer(policy.app, name="policy")
app.add_typer(train.app, name="train")


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version and end.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="Settings file; guard.yaml if there is one.", exists=True, dir_okay=False
        ),
    ] = None,
    data: Annotated[str, typer.Option("--data", help="Data folder; .guard if not given.")] = "",
    debug: Annotated[
        bool, typer.Option("--debug", metavar="", help="Show where an error came from.")
    ] = False,
) -> None:
    """Options of every command."""
    if version:
        out.print(__version__)
        raise typer.Exit
    if config:
        os.environ["GUARD_CONFIG"] = str(config)
    if data:
        os.environ["GUARD_DATA"] = data


def main() -> None:
    """Run the command line."""
    import sys

    quiet_logs()
    with errors_explained(debug="--debug" in sys.argv):
        app()
