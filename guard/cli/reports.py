"""`guard report`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from guard.cli.common import JsonFlag, LangOption, OutOption, installation, language, out, show_json


def report(
    start: Annotated[str, typer.Option("--from", metavar="DAY", help="First day, UTC, as 2026-11-01.")] = "",
    end: Annotated[
        str, typer.Option("--to", metavar="DAY", help="Day after the last, UTC; until now if not given.")
    ] = "",
    folder: OutOption = Path("out"),
    as_json: JsonFlag = False,
    lang: LangOption = "",
) -> None:
    """Write what happened in a period, and the log checkpoint that it rests on; by default of the last 30 days.

    Example: `guard report --from 2026-11-01 --to 2026-12-01`
    """
    from guard.reports import write_report

    last = _moment(end, "--to") if end else datetime.now(UTC)
    first = _moment(start, "--from") if start else last - timedelta(days=30)
    if first >= last:
        raise typer.BadParameter("the period must end after it starts", param_hint="--to")
    with installation() as opened:
        files = write_report(opened.services, first, last, folder, language=language(lang))
    if as_json:
        show_json([str(file) for file in files])
    else:
        for file in files:
            out.print(str(file), markup=False)


def _moment(given: str, option: str) -> datetime:
    """A day, or a moment of it; without a zone in UTC."""
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(
            f"{given} is no day of the calendar; write one as 2026-11-01", param_hint=option
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
