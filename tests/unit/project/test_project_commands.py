"""The Makefile and tools/prepare-tests, run for real in a folder of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

PROMPTS = [
    "a red boat on a calm lake",
    "Ein „Hund“ läuft über die Straße, Größe: 5 m",
    "costs $5, $(date), $HOME, $$ and 100 %",
    "quotes ' and \" and `date` and \\n # and ; rm -rf nothing",
    "two\nlines",
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile, a tools/setup-env that has nothing to do, and an interpreter where make expects one."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "setup-env").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "tools" / "setup-env").chmod(0o755)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PROMPT", "BENCH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def demo(checkout: Path) -> Path:
    """A guard.demo that repeats its prompt."""
    (checkout / "guard").mkdir()
    (checkout / "guard" / "__init__.py").touch()
    (checkout / "guard" / "demo.py").write_text(
        'import os, sys\nsys.stdout.write(os.environ.get("PROMPT", "no prompt"))\n'
    )
    return checkout


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_on_makes_command_line_arrives_as_typed(demo: Path, prompt: str) -> None:
    assert make(demo, "run", f"PROMPT={prompt}").stdout == prompt


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_in_the_environment_arrives_as_typed(demo: Path, prompt: str) -> None:
    assert make(demo, "run", PROMPT=prompt).stdout == prompt


def test_without_a_prompt_none_is_passed(demo: Path) -> None:
    assert make(demo, "run").stdout == "no prompt"


def test_run_fails_when_the_demo_fails(demo: Path) -> None:
    (demo / "guard" / "demo.py").write_text("raise SystemExit(3)\n")
    assert make(demo, "run").returncode != 0


def test_bench_runs_every_benchmark_and_fails_if_one_does(checkout: Path) -> None:
    folder = checkout / "benchmarks"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "helper.py").write_text("raise RuntimeError('not a benchmark')\n")
    (folder / "speed.py").write_text(
        'import sys\nif __name__ == "__main__":\n    print("speed", sys.argv[1:])\n'
    )
    assert "speed ['--quick']" in make(checkout, "bench").stdout
    assert "speed ['--long']" in make(checkout, "bench", "BENCH=--long").stdout
    assert make(checkout, "bench").returncode == 0
    (folder / "broken.py").write_text('if __name__ == "__main__":\n    raise SystemExit(1)\n')
    done = make(checkout, "bench")
    assert done.returncode != 0
    assert "bench: failed: benchmarks.broken" in done.stderr
    assert "speed" in done.stdout


def test_help_names_every_command() -> None:
    said = make(ROOT, "help").stdout
    for command in ("run", "serve", "test", "lint", "format", "bench", "docs", "sbom", "clean", "help"):
        assert f"make {command} " in said


def test_clean_keeps_the_environment_and_the_data(checkout: Path) -> None:
    for kept in (".venv/lib/__pycache__", ".guard/objects"):
        (checkout / kept).mkdir(parents=True)
    for gone in ("guard/__pycache__", "build", ".mypy_cache"):
        (checkout / gone).mkdir(parents=True)
    assert make(checkout, "clean").returncode == 0
    assert (checkout / ".venv" / "lib" / "__pycache__").exists()
    assert (checkout / ".guard" / "objects").exists()
    assert not (checkout / "guard" / "__pycache__").exists()
    assert not (checkout / "build").exists()


def test_prepare_tests_names_everything_that_is_missing(tmp_path: Path) -> None:
    for program in ("bash", "id", "uname"):
        found = shutil.which(program)
        assert found
        (tmp_path / program).symlink_to(found)
    done = subprocess.run(
        [str(tmp_path / "bash"), str(ROOT / "tools" / "prepare-tests"), "--check"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    for name in ("Chromium", "openssl"):
        assert name in done.stderr
    assert "apt install" in done.stderr


def test_prepare_tests_has_done_its_work_here() -> None:
    done = subprocess.run(
        [str(ROOT / "tools" / "prepare-tests"), "--check"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_prepare_tests_refuses_an_unknown_option() -> None:
    done = subprocess.run(
        [str(ROOT / "tools" / "prepare-tests"), "--force"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
