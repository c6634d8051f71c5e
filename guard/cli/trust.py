"""`guard trust`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from guard.cli.common import JsonFlag, group, out, show_json, show_table, when
from guard.settings import load_settings

if TYPE_CHECKING:
    from guard.credentials.trust_store import StoredList

app = group("Whose signatures and time stamps are believed.", example="guard trust list")

NameArgument = Annotated[str, typer.Argument(help="c2pa, c2pa-tsa, c2pa-interim, or a name of your own.")]
_KINDS = {
    "manifest": "signers: trusted",
    "tsa": "time-stamp authorities",
    "retired": "signers of the past: shown, not trusted",
}


def _folder() -> Path:
    from guard.paths import Paths

    return Paths(load_settings().data.absolute()).trust


@app.command("list")
def list_lists(as_json: JsonFlag = False) -> None:
    """Show the trust lists that were fetched, each with its day.

    Example: `guard trust list`
    """
    from guard.credentials.trust_store import stored

    found = [_shown(entry) for entry in stored(_folder())]
    if as_json:
        show_json(found)
    elif not found:
        out.print("No lists yet: guard trust refresh c2pa fetches the official one.")
    else:
        cells = [
            [row["name"], row["dated"], row["certificates"], _KINDS[row["kind"]], " ".join(row["sources"])]
            for row in found
        ]
        show_table(["name", "of", "certificates", "vouches for", "from"], cells)


@app.command("refresh")
def refresh(
    name: NameArgument,
    source: Annotated[
        list[str] | None,
        typer.Option("--from", help="PEM file or https address; more than one are put together."),
    ] = None,
    kind: Annotated[
        str, typer.Option(help="What a new list vouches for: manifest (signers), tsa (times), or retired.")
    ] = "",
    dated: Annotated[
        str, typer.Option(help="The list's day, YYYY-MM-DD; the file's or the server's if not given.")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Fetch a trust list, and use it from the next verification on; without --from, from where it came last.

    Examples: `guard trust refresh c2pa`, `guard trust refresh c2pa-tsa --from C2PA-TSA-TRUST-LIST.pem`,
    `guard trust refresh partners --from https://partner.example/anchors.pem --kind manifest`
    """
    from guard.credentials import trust_store
    from guard.credentials.trust import Kind

    if kind and kind not in get_args(Kind):
        raise typer.BadParameter(f"use one of {', '.join(get_args(Kind))}", param_hint="--kind")
    try:
        day = datetime.strptime(dated, "%Y-%m-%d").date() if dated else None  # noqa: DTZ007 - a day alone
    except ValueError:
        raise typer.BadParameter("write it as 2026-08-20", param_hint="--dated") from None
    places = [place if "://" in place else str(Path(place).absolute()) for place in source or ()]
    found, before = trust_store.refresh(
        _folder(), name, sources=places, kind=cast("Kind", kind) if kind else None, dated=day
    )
    old = before.subjects if before else frozenset()
    added, removed = sorted(found.subjects - old), sorted(old - found.subjects)
    if as_json:
        show_json({**_shown(found), "added": added, "removed": removed})
        return
    out.print(
        f"{name} of {found.dated}: {len(found.subjects)} certificates, {_KINDS[found.kind]}", markup=False
    )
    if before:
        out.print(f"before: of {before.dated}, {len(old)} certificates", markup=False)
        for sign, names in (("+", added), ("-", removed)):
            for subject in names:
                out.print(f"{sign} {subject}", markup=False, highlight=False)


@app.command("remove")
def remove(name: NameArgument, as_json: JsonFlag = False) -> None:
    """Believe a list no more.

    Example: `guard trust remove partners`
    """
    from guard.credentials import trust_store

    trust_store.remove(_folder(), name)
    if as_json:
        show_json({"name": name, "removed": True})
    else:
        out.print(f"{name} removed", markup=False)


def _shown(entry: StoredList) -> dict[str, Any]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "dated": entry.dated.isoformat(),
        "certificates": len(entry.subjects),
        "fetched": when(entry.fetched),
        "sources": list(entry.sources),
    }
