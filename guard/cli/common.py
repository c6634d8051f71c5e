"""What all commands share: settings, output, errors that help, and the language."""

from __future__ import annotations

import json
import locale
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from guard.settings import load_settings

if TYPE_CHECKING:
    from guard.installation import Installation

FELL_SHORT = 1
"""Exit code of a command that ran and whose answer is not the good one."""
Language = Literal["en", "de"]

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def progress_bar() -> Progress:
    """A bar on standard error, with per cent and time."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    return Progress(*columns, TimeElapsedColumn(), console=err)


JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else.")]
LangOption = Annotated[
    str,
    typer.Option("--lang", help="Language of verdicts and messages: en or de. Taken from LANG if not given."),
]


def language(chosen: str) -> Language:
    """The language asked for, or the environment's."""
    if chosen in ("en", "de"):
        return "de" if chosen == "de" else "en"
    if chosen:
        raise typer.BadParameter("use en or de", param_hint="--lang")
    name = os.environ.get("LC_ALL") or os.environ.get("LANG") or (locale.getlocale()[0] or "")
    return "de" if name.lower().startswith("de") else "en"


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def show_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns of text. Nothing is cut off, however narrow the terminal: ids are there to be copied."""
    lines = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(headers), *lines]) for column in range(len(headers))]
    for number, line in enumerate([list(headers), *lines]):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        out.print(Text("  ".join(cells).rstrip(), style="bold" if number == 0 else ""))


def when(moment: datetime) -> str:
    """A time as RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def log_key_text(given: str) -> str:
    """A log's public key, given as itself or as a file that holds it."""
    return Path(given).read_text("utf-8") if Path(given).is_file() else given


def quiet_logs() -> None:
    """On the command line, only warnings are worth a line, and they go to standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@contextmanager
def installation() -> Iterator[Installation]:
    """The local installation, opened and closed."""
    from guard.installation import open_installation

    opened = open_installation(load_settings())
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def errors_explained(*, debug: bool) -> Iterator[None]:
    """Turn errors of ours into one line that says what to do; anything else is a defect and says so."""
    try:
        yield
    except (typer.Exit, typer.Abort, SystemExit, KeyboardInterrupt):
        raise
    except Exception as error:
        if debug:
            raise
        code = getattr(error, "code", None)
        if isinstance(code, str):
            err.print(f"error [{code}]: {error}", style="red", markup=False)
        elif isinstance(error, OSError) and error.strerror:
            err.print(f"error [file]: {error.strerror}: {error.filename}", style="red", markup=False)
        else:
            err.print(f"unexpected {type(error).__name__}; run again with --debug to see where", style="red")
        raise SystemExit(FELL_SHORT) from None
