"""What all commands share: settings, output, errors that help, and the language."""

from __future__ import annotations

import json
import locale
import logging
import os
import signal
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
    from guard.installation import Installation, Record

FELL_SHORT = 1
"""Exit code of a command that ran and whose answer is not the good one."""
MISUSED = 2
"""Exit code of a command that was not understood, or that asks for what there is not: nothing was done."""
STOPPED = 130
"""Exit code of a command that somebody stopped with Ctrl+C."""
Language = Literal["en", "de"]

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def progress_bar() -> Progress:
    """A bar on standard error, with per cent and time."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    return Progress(*columns, TimeElapsedColumn(), console=err)


JsonFlag = Annotated[
    bool, typer.Option("--json", metavar="", help="Print JSON on standard output, and nothing else.")
]
LangOption = Annotated[
    str,
    typer.Option(
        "--lang",
        help="Language of verdicts and of what a policy says: en or de; errors are in English. Taken from LANG.",
    ),
]


def group(what: str, *, example: str) -> typer.Typer:
    """Commands under one name.

    Args:
        what: they are about, a sentence.
        example: one of them as it is typed.
    """
    return typer.Typer(
        help=f"{what}\n\nExample: `{example}`", no_args_is_help=True, rich_markup_mode="markdown"
    )


def usable_folder(folder: Path) -> Path:
    """Refuse, before any work, a folder that could not be written to in the end; it is made when there is a file."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise typer.BadParameter(f"{nearest} is a file; name a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise typer.BadParameter(f"nothing may be written in {nearest}; name another folder")
    return folder


OutOption = Annotated[
    Path, typer.Option("--out", help="Folder for the files; made if it is missing.", callback=usable_folder)
]


def language(chosen: str) -> Language:
    """The language asked for, or the environment's."""
    if chosen in ("en", "de"):
        return "de" if chosen == "de" else "en"
    if chosen:
        raise typer.BadParameter("use en or de", param_hint="--lang")
    name = os.environ.get("LC_ALL") or os.environ.get("LANG") or (locale.getlocale()[0] or "")
    return "de" if name.lower().startswith("de") else "en"


def filled(text: str) -> str:
    """Refuse an argument or option that says nothing."""
    if not text.strip():
        raise typer.BadParameter("must not be empty")
    return text


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
    if Path(given).is_file():
        return read_text(Path(given))
    if "+" not in given:  # which every key has
        raise typer.BadParameter(f"there is no file {given}, and it is no key either", param_hint="--log-key")
    return given


def read_text(path: Path) -> str:
    """A file that should be text; what is none is left to whoever reads it to refuse, with its own code."""
    return path.read_text("utf-8", errors="replace")


def quiet_logs() -> None:
    """On the command line, only warnings are worth a line, and they go to standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@contextmanager
def installation() -> Iterator[Installation]:
    """The local installation, opened and closed; one that had to be made is mentioned, lest it was asked by mistake."""
    from guard.installation import open_installation

    opened = open_installation(load_settings())
    try:
        if opened.new:
            err.print(
                f"Made a new data folder with keys of its own: {opened.paths.data} (--data names another)",
                style="yellow",
                markup=False,
                highlight=False,
            )
        yield opened
    finally:
        opened.close()


@contextmanager
def record() -> Iterator[Record]:
    """What the local installation recorded, for looking at it alone."""
    from guard.installation import open_record

    with open_record(load_settings()) as opened:
        yield opened


@contextmanager
def stoppable() -> Iterator[None]:
    """Let Ctrl+C end work in good order: the step under way is finished first. A second one ends the process at once.

    Ending at once loses nothing either, since every step can be done again; it only leaves more to do.
    """

    def at_once(*_: object) -> None:
        os._exit(STOPPED)

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, at_once)
        err.print(
            "Stopping when the current step is done; Ctrl+C again stops at once. guard videos resume goes on with it.",
            style="yellow",
        )
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is stop:
            signal.signal(signal.SIGINT, before)


@contextmanager
def errors_explained(*, debug: bool) -> Iterator[None]:
    """Turn errors of ours into one line that says what to do; anything else is a defect and says so."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(STOPPED) from None
    except (typer.Exit, typer.Abort, SystemExit):
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
        # Errors of a request name the part of it that is at fault.
        raise SystemExit(MISUSED if getattr(error, "param", None) else FELL_SHORT) from None
