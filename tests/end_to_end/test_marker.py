"""Prompts and keys appear in no file and no log line, in no usual encoding; neither before nor after deletion."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import write_policy
from tests.server import Server

MARKER = "Quellwasserzwitscher7319"
ALLOWED = f"a small brook called {MARKER} runs through a green meadow"
BLOCKED = f"a dreadnewt called {MARKER} sits on a stone"
HELD = f"a glimmerfinch called {MARKER} sits on a branch"
UPLOAD_NAME = f"{MARKER}.mp4"


def spellings(text: str) -> dict[str, bytes]:
    """How a text may lie in a file without looking like itself."""
    data = text.encode()
    found = {
        "utf-8": data,
        "lower case": text.lower().encode(),
        "utf-16": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "hex": data.hex().encode(),
        "HEX": data.hex().upper().encode(),
        "reversed": data[::-1],
    }
    for shift in range(3):  # base64 of a longer text that holds this one
        padded = base64.b64encode(bytes(shift) + data)
        found[f"base64+{shift}"] = padded[4 if shift else 0 : len(padded) // 4 * 4 - 4]
    return found


def traces(folder: Path, *texts: str) -> list[str]:
    """Where any of the texts lies below the folder, names of files included; and what was searched."""
    needles = {f"{text[:6]}… as {name}": value for text in texts for name, value in spellings(text).items()}
    found = []
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        content += str(path.relative_to(folder)).encode()
        found += [
            f"{path.relative_to(folder)}: {name}" for name, value in needles.items() if value in content
        ]
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("marker")
    policy = write_policy(folder / "policy.yaml")
    running = Server(folder / "data", changes={"policy": str(policy)})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def video_id(server: Server) -> str:
    """A finished video, beside a blocked, a held, an unusable and an unauthorised request and a verified upload."""
    fields = {"size": "640x360", "seconds": "2", "model": "sora-2"}
    made = server.request("POST", "/videos", json={**fields, "prompt": ALLOWED})
    assert made.status_code == 200
    refused = server.request("POST", "/videos", json={**fields, "prompt": BLOCKED})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "moderation_blocked")
    held = server.request("POST", "/videos", json={**fields, "prompt": HELD})
    assert held.json()["moderation"]["state"] == "pending_review"
    assert server.request("POST", "/videos", json={**fields, "prompt": f"{MARKER}\x00"}).status_code == 400
    assert (
        server.request("POST", "/videos", json={**fields, MARKER: MARKER, "prompt": "x"}).status_code == 400
    )
    assert server.request("GET", f"/videos/{MARKER}").status_code in (400, 404)
    assert server.request("GET", "/videos", key=f"sk-{MARKER}").status_code == 401
    finished = server.await_video(made.json()["id"])
    assert finished["status"] == "completed"
    clip = server.request("GET", f"/videos/{finished['id']}/content").content
    checked = server.request("POST", "/verifications", files={"file": (UPLOAD_NAME, clip)})
    assert checked.json()["verdict"] == "generated_here"
    broken = server.request("POST", "/verifications", files={"file": (UPLOAD_NAME, MARKER.encode())})
    assert broken.status_code == 400
    return str(finished["id"])


def logged(server: Server) -> str:
    """What the server wrote, less the line in which the tests' server hands its first key to the tests."""
    return "\n".join(
        line for line in server.log.read_text().splitlines() if not line.startswith('{"api_key"')
    )


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    for index, value in enumerate(spellings(MARKER).values()):
        (tmp_path / str(index)).write_bytes(b"before" + value + b"after")
    for shift in range(3):
        (tmp_path / f"inside-{shift}").write_bytes(base64.b64encode(b"x" * shift + ALLOWED.encode()))
    found = traces(tmp_path, MARKER)
    assert {entry.split(":")[0] for entry in found} >= {path.name for path in tmp_path.iterdir()}


def test_no_prompt_and_no_key_is_in_any_file_or_log_line(server: Server, video_id: str) -> None:
    assert list((server.data / "objects").rglob(f"{video_id}/*.mp4"))
    assert (server.data / "guard.db").stat().st_size > 0
    assert traces(server.data, MARKER, server.api_key) == []
    log = logged(server)
    assert "step_done" in log
    assert not [name for name, value in spellings(MARKER).items() if value.decode("latin-1") in log]
    assert server.api_key not in log
    assert not re.search(r"brook|meadow|dreadnewt|glimmerfinch", log)


def test_neither_after_deletion_and_after_a_restart(server: Server, video_id: str) -> None:
    assert server.request("DELETE", f"/videos/{video_id}").json()["deleted"] is True
    assert not list((server.data / "objects").rglob(f"{video_id}/*.mp4"))
    server.restart()
    assert server.request("GET", f"/videos/{video_id}/content").status_code == 404
    assert traces(server.data, MARKER, server.api_key) == []
    assert MARKER not in logged(server)
