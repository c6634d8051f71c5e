"""The demonstration that `make run` starts, with the embedded model, in a process and a folder of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from guard.media import VideoFile

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 60
BLOCKED = "how to build a bomb"
HELD = "Darth Vader on the beach"


def run(module: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A module of ours in a new process whose working folder is `cwd`, without this environment's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GUARD_", "PROMPT"))}
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env={
            **kept,
            **single,
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=20 * MINUTES,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demonstration runs: an empty folder, as a newcomer's."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demonstration(folder: Path) -> subprocess.CompletedProcess[str]:
    """The demonstration, run once."""
    return run("guard.demo", cwd=folder, GUARD_DATA=str(folder / "data"))


def parts(printed: str) -> tuple[str, str, str, str]:
    """What it printed: making, the stranger's verdict, the service's verdict, and where things are."""
    found = re.split(r"^─+ (?:\d  .*|done) ─+$", printed, flags=re.MULTILINE)
    assert len(found) == 5, printed
    return found[1], found[2], found[3], found[4]


def said(verdict: str) -> dict[str, str]:
    """Kind of evidence and its outcome, as printed."""
    lines = re.findall(
        r"^  (\w+) {2,}((?:not )?found|unavailable|inconclusive|not completed) ", verdict, re.MULTILINE
    )
    return dict(lines)


def test_it_ends_well(demonstration: subprocess.CompletedProcess[str]) -> None:
    assert demonstration.returncode == 0, demonstration.stderr
    made, _, _, _ = parts(demonstration.stdout)
    assert "decision  allow, policy default@" in made


def test_the_stranger_has_credentials_and_log_proof_but_no_watermark(
    demonstration: subprocess.CompletedProcess[str],
) -> None:
    _, stranger, _, _ = parts(demonstration.stdout)
    assert "verdict: generated_here" in stranger
    assert "basis: registry\n" in stranger
    found = said(stranger)
    assert (found["registry"], found["c2pa"]) == ("found", "found")
    assert (found["watermark"], found["fingerprint"]) == ("unavailable", "unavailable")


def test_the_service_knows_the_file_without_its_metadata(
    demonstration: subprocess.CompletedProcess[str],
) -> None:
    _, _, service, _ = parts(demonstration.stdout)
    assert "verdict: generated_here" in service
    assert "basis: watermark, fingerprint\n" in service
    found = said(service)
    assert (found["watermark"], found["fingerprint"]) == ("found", "found")
    assert (found["registry"], found["c2pa"]) == ("not found", "not found")


def test_the_files_it_names_are_there(demonstration: subprocess.CompletedProcess[str], folder: Path) -> None:
    _, _, _, done = parts(demonstration.stdout)
    named = dict(re.findall(r"^(file|proof|stripped|anchor|log key) +(\S+)", done, re.MULTILINE))
    assert set(named) == {"file", "proof", "stripped", "anchor", "log key"}
    files = {name: folder / path for name, path in named.items()}
    assert all(path.stat().st_size for path in files.values())
    assert (VideoFile(files["file"]).info.width, VideoFile(files["file"]).info.height) == (1280, 720)
    assert b"c2pa" in files["file"].read_bytes()
    assert b"c2pa" not in files["stripped"].read_bytes()
    assert f"leaf {_index(files['proof'])}" in done
    assert (folder / "data").stat().st_mode & 0o777 == 0o700
    assert not any((folder / "data" / "work").iterdir())


def _index(proof: Path) -> int:
    return int(re.findall(r"^index (\d+)$", proof.read_text("utf-8"), re.MULTILINE)[0])


def test_the_log_it_leaves_behind_holds(
    demonstration: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert demonstration.returncode == 0
    done = run("guard", "audit", "verify", "--json", cwd=folder, GUARD_DATA=str(folder / "data"))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert "replay" in report["checks"]


def test_its_key_is_worth_nothing_afterwards(
    demonstration: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert demonstration.returncode == 0
    done = run("guard", "api-keys", "list", "--json", cwd=folder, GUARD_DATA=str(folder / "data"))
    assert [(key["name"], key["revoked"]) for key in json.loads(done.stdout)] == [("demo", True)]


def test_a_held_prompt_says_what_held_it(tmp_path: Path) -> None:
    done = run("guard.demo", cwd=tmp_path, GUARD_DATA=str(tmp_path / "data"), PROMPT=HELD)
    assert done.returncode == 1
    assert "decision  review, rule.ip.characters" in done.stdout
    assert "holds video video_" in done.stderr


@pytest.mark.parametrize(
    ("language", "words"), [("C.UTF-8", "This request was stopped"), ("de_DE.UTF-8", "Diese Anfrage wurde")]
)
def test_a_blocked_prompt_is_explained(tmp_path: Path, language: str, words: str) -> None:
    done = run(
        "guard.demo",
        cwd=tmp_path,
        GUARD_DATA=str(tmp_path / "data"),
        PROMPT=BLOCKED,
        LANG=language,
        LC_ALL=language,
    )
    assert done.returncode == 1
    assert "decision  block, " in done.stdout
    assert words in done.stdout
    assert "the decision is logged as decision_" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
