"""The wheel holds every file of the packages, so that an installation works outside the checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("guard", "generator", "detectors", "policies")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in a wheel that was built from a copy of the checkout."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for folder in (source / name, source / name / "deeper"):
            (folder / "__pycache__").mkdir(parents=True)
            (folder / "__pycache__" / "left.cpython-311.pyc").touch()
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, str(out)], cwd=source, check=True, capture_output=True, timeout=120
    )
    with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
        return archive.namelist()


def test_every_file_of_the_packages_is_in_the_wheel(wheel: list[str]) -> None:
    for name in PACKAGES:
        files = {
            path for path in (ROOT / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        }
        assert {str(path.relative_to(ROOT)) for path in files} - set(wheel) == set()


def test_the_weights_and_the_default_policy_are_among_them(wheel: list[str]) -> None:
    assert "policies/default.yaml" in wheel
    assert any(name.startswith("policies/weights/") for name in wheel)


def test_nothing_else_is_in_it(wheel: list[str]) -> None:
    outside = [name for name in wheel if name.split("/")[0] not in PACKAGES]
    assert all(name.startswith("generation_guard-") for name in outside), outside
    assert not [name for name in wheel if "__pycache__" in name]
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    assert any(name.endswith("licenses/NOTICE") for name in wheel)
