"""The import contracts of pyproject.toml: a house that keeps them passes, each kind of breach is found."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

MODULES = (
    "detectors", "generator", "policies", "guard", "guard/media", "guard/marks", "guard/ledger",
    "guard/store", "guard/pipeline", "guard/settings", "guard/api", "guard/app", "guard/cli",
)  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Packages with the rooms' names that import as they may."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module in MODULES:
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").touch()
    (tmp_path / "guard/store/__init__.py").write_text("import guard.ledger\nimport guard.media\n")
    (tmp_path / "guard/pipeline/__init__.py").write_text(
        "import detectors, generator, guard.marks, guard.store\n"
    )
    (tmp_path / "guard/app/__init__.py").write_text("import guard.api, guard.settings\n")
    return tmp_path


def contracts(house: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_house_in_order_passes(house: Path) -> None:
    done = contracts(house)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout


def test_every_kind_of_breach_is_found(house: Path) -> None:
    breaches = {
        "detectors": "policies",  # a leaf room imports another
        "generator": "guard",  # a leaf room imports guard
        "policies": "httpx",  # a leaf room speaks HTTP
        "guard/media": "guard.store",  # a lower floor imports a higher one
        "guard/marks": "guard.ledger",  # siblings on one floor
        "guard/pipeline": "guard.settings",  # settings below the edge
    }
    for module, target in breaches.items():
        with (house / module / "__init__.py").open("a") as file:
            file.write(f"import {target}\n")
    done = contracts(house)
    assert done.returncode == 1
    assert "0 kept, 3 broken" in done.stdout
    for module, target in breaches.items():
        name = module.replace("/", ".")
        assert (
            f"{name} is not allowed to import {target}" in done.stdout or f"{name} -> {target}" in done.stdout
        ), name
