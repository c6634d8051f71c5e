from __future__ import annotations

import json
import logging

import pytest

from guard.api.logs import LibraryFormatter, keep_known

SECRET = "zebra-marker"


def formatted(name: str, message: object, *args: object, error: Exception | None = None) -> dict[str, object]:
    info = None if error is None else (type(error), error, None)
    record = logging.LogRecord(name, logging.WARNING, "file.py", 1, message, args, info)
    line: dict[str, object] = json.loads(LibraryFormatter().format(record))
    return line


def test_events_keep_known_fields_alone() -> None:
    event = {"event": "step_done", "video_id": "video_1", "status": 200, "prompt": SECRET, "path": SECRET}
    kept = keep_known(None, "info", event)
    assert kept == {"event": "step_done", "video_id": "video_1", "status": 200}


def test_long_values_are_cut() -> None:
    kept = keep_known(None, "info", {"event": "x" * 900, "code": "y" * 900, "reason": ["z" * 900]})
    assert max(len(str(value)) for value in kept.values()) <= 200


def test_libraries_keep_their_text_and_lose_the_values() -> None:
    assert formatted("library", "cannot read %s", SECRET)["event"] == "cannot read %s"


def test_text_that_may_have_been_filled_in_beforehand_is_withheld() -> None:
    assert SECRET not in json.dumps(formatted("library", f"cannot read {SECRET}"))


@pytest.mark.parametrize("name", ["library", "uvicorn.error"])
def test_of_exceptions_only_the_type_is_told(name: str) -> None:
    line = formatted(name, "failed", error=ValueError(SECRET))
    assert line["error"] == "ValueError"
    assert SECRET not in json.dumps(line)


def test_the_servers_own_lines_are_kept() -> None:
    assert formatted("uvicorn.error", "Uvicorn running on %s", "http://127.0.0.1:1")["event"] == (
        "Uvicorn running on http://127.0.0.1:1"
    )
