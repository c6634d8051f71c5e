"""`guard index`: the index that releases are found in by their pictures."""

from __future__ import annotations

from dataclasses import asdict

import typer

from guard.cli.common import FELL_SHORT, JsonFlag, group, installation, out, progress_bar, show_json

app = group("The index of released pictures.", example="guard index status")


@app.command("rebuild")
def rebuild(as_json: JsonFlag = False) -> None:
    """Make the index anew from the database; a running service takes it up by itself.

    Releases are found without it, too: what it does not know is compared one by one, which takes longer.

    Example: `guard index rebuild`
    """
    with installation() as opened, progress_bar() as bar:
        task = bar.add_task("indexing", total=1.0)
        with opened.services.database.read() as session:
            count = opened.services.pictures.rebuild(session, lambda share: bar.update(task, completed=share))
        path = opened.paths.pictures
    if as_json:
        show_json({"hashes": count, "file": str(path), "bytes": path.stat().st_size})
    else:
        out.print(f"{count} hashes in {path} ({path.stat().st_size} bytes)", markup=False, highlight=False)


@app.command("status")
def status(as_json: JsonFlag = False) -> None:
    """Show how much is in the index, and how much was released since; ends with 1 if it is damaged or foreign.

    Example: `guard index status`
    """
    with installation() as opened, opened.services.database.read() as session:
        found = opened.services.pictures.coverage(session)
    if as_json:
        show_json(asdict(found))
    else:
        out.print(f"indexed  {found.indexed} hashes\nsince    {found.scanned} hashes", markup=False)
        if found.fault is not None:
            out.print(f"{found.fault}: guard index rebuild makes it anew", markup=False)
    if found.fault not in (None, "index_missing"):
        raise typer.Exit(FELL_SHORT)
