"""`guard hashes`: the operator's lists of known pictures."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guard.cli.common import JsonFlag, group, out, show_json, show_table
from guard.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from guard.judge_settings import HashListSettings

app = group("Lists of known pictures that are blocked and sealed.", example="guard hashes list")


@app.command("list")
def list_lists(as_json: JsonFlag = False) -> None:
    """Show the lists that the settings name, and how many hashes each holds.

    Example: `guard hashes list`
    """
    from policies.hashes import read_hashes

    rows = [
        {
            "name": one.name,
            "category": one.category.value,
            "distance": one.distance,
            "hashes": len(read_hashes(one.path)),
        }
        for one in load_settings().examination.hash_lists
    ]
    if as_json:
        show_json(rows)
        return
    if not rows:
        out.print("The settings name no lists: examination.hash_lists.")
        return
    names = ["name", "category", "distance", "hashes"]
    show_table(names, [[str(row[name]) for name in names] for row in rows])


@app.command("reload")
def reload(
    name: Annotated[str, typer.Argument(help="A list that the settings name.")],
    file: Annotated[
        Path, typer.Argument(help="One PDQ hash a line, 64 hex digits.", exists=True, dir_okay=False)
    ],
    as_json: JsonFlag = False,
) -> None:
    """Put a new file in a list's place; a file that is none changes nothing. Services take it at the next picture.

    Example: `guard hashes reload authority 2026-12.txt`
    """
    from policies.hashes import read_hashes

    wanted = _named(name)
    count = len(read_hashes(file))
    # Whoever reads the list meets the old one or the new one, never a half.
    with tempfile.NamedTemporaryFile(dir=wanted.path.parent, prefix=".hashes-", delete=False) as copy:
        copy.write(file.read_bytes())
        copy.flush()
        os.fsync(copy.fileno())
    Path(copy.name).replace(wanted.path)
    if as_json:
        show_json({"name": name, "hashes": count})
    else:
        out.print(f"{name}: {count} hashes", markup=False, highlight=False)


def _named(name: str) -> HashListSettings:
    lists = load_settings().examination.hash_lists
    found = next((one for one in lists if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in lists) or "none"
        raise SettingsError(
            "settings_invalid",
            f"The settings name no hash list {name} under examination.hash_lists; they name {known}.",
        )
    return found
