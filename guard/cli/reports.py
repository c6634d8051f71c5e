"""`guard report`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from guard.cli.common import JsonFlag, LangOption, OutOption, installation, language, out, show_json

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def report(
    start: Annotated[
        datetime | None,
        typer.Option("--from", formats=_FORMATS, metavar="DAY", help="First day, UTC, as 2026-11-01."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--to", formats=_FORMATS, metavar="DAY", help="Day after the last, UTC."),
    ] = None,
    folder: OutOption = Path("out"),
    as_json: JsonFlag = False,
    lang: LangOption = "",
) -> None:
    """Write what happened in a period, and the log checkpoint that it rests on; by default of the last 30 days.

    Example: `guard report --from 2026-11-01 --to 2026-12-01`
    """
    from guard.reports import write_report

    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    last = (end or tomorrow).replace(tzinfo=UTC)
    first = (start or last - timedelta(days=30)).replace(tzinfo=UTC)
    if first >= last:
        raise typer.BadParameter("the period must end after it starts", param_hint="--to")
    with installation() as opened:
        files = write_report(opened.services, first, last, folder, language=language(lang))
    if as_json:
        show_json([str(file) for file in files])
    else:
        for file in files:
            out.print(str(file), markup=False)
