"""`guard report`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from guard.cli.common import JsonFlag, LangOption, installation, language, out, show_json

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def report(
    start: Annotated[
        datetime | None, typer.Option("--from", formats=_FORMATS, help="First day, UTC.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=_FORMATS, help="Day after the last, UTC.")
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder for JSON, HTML and PDF.")] = Path("out"),
    as_json: JsonFlag = False,
    lang: LangOption = "",
) -> None:
    """Write what happened in a period, and the log checkpoint that it rests on. The last 30 days if not told.

    Example: `guard report --from 2026-11-01 --to 2026-12-01`
    """
    from guard.reports import write_report

    last = (end or datetime.now(UTC) + timedelta(days=1)).replace(tzinfo=UTC)
    first = (start or last - timedelta(days=30)).replace(tzinfo=UTC)
    with installation() as opened:
        files = write_report(opened.services, first, last, folder, language=language(lang))
    if as_json:
        show_json([str(file) for file in files])
    else:
        for file in files:
            out.print(str(file), markup=False)
