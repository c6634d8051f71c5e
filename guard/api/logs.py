"""Logging as JSON lines that cannot carry prompts, keys or contents of files.

Our own events may only have the fields listed here, and short ones. Of other people's log lines only the fixed text is
kept, never the values filled into it, and of exceptions only the type.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

FIELDS = frozenset(
    {
        "attempt",
        "code",
        "duration_ms",
        "error",
        "expired",
        "frames",
        "host",
        "level",
        "method",
        "model",
        "port",
        "reason",
        "release_id",
        "request_id",
        "resumed",
        "review_id",
        "route",
        "size",
        "stage",
        "state",
        "status",
        "step",
        "timestamp",
        "verdict",
        "video_id",
        "where",
        "worker",
    }
)
"""What an event may tell beside its name; a new field is a decision, not an accident."""
_LONGEST = 200


def configure(level: int = logging.INFO) -> None:
    """Send all logging of this process, one JSON object a line, to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            keep_known,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = _StandardError()
    handler.setFormatter(LibraryFormatter())
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.WARNING
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate, logger.level = [], True, logging.INFO
    # Our middleware tells of requests, by route instead of by path.
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False


def keep_known(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A processor that drops every field that is not in `FIELDS`, and cuts what is long."""
    kept: EventDict = {"event": str(event.get("event", ""))[:_LONGEST]}
    for name, value in event.items():
        if name in FIELDS:
            kept[name] = value if isinstance(value, int | float | bool | None) else str(value)[:_LONGEST]
    return kept


class _StandardError(logging.Handler):
    """Writes to whatever standard error is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


class LibraryFormatter(logging.Formatter):
    """Lines of libraries: logger, level and the text without its values; of an exception only the type."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self._text(record),
        }
        if record.exc_info is not None and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line)

    @staticmethod
    def _text(record: logging.LogRecord) -> str:
        if record.name.startswith("uvicorn") and record.exc_info is None:
            return record.getMessage()[:_LONGEST]  # addresses and process ids
        # A text without values to fill in may have been put together beforehand, from anything.
        return str(record.msg)[:_LONGEST] if record.args else "message withheld"
