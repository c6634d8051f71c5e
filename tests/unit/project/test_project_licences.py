"""tools/check-licences: it fails on made-up distributions as it must, and passes the project."""

import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs the tool with `tmp_path` among the folders of installed packages: exit code, output, errors."""
    loader = SourceFileLoader("check_licences", str(ROOT / "tools" / "check-licences"))
    spec = spec_from_loader("check_licences", loader)
    assert spec is not None
    tool = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "check_licences", tool)
    loader.exec_module(tool)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = tool.main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def distribution(
    site: Path, name: str, *lines: str, requires: tuple[str, ...] = (), files: tuple[str, ...] = ()
) -> None:
    """Put a distribution's metadata into a folder that Python takes for site-packages."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    header = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *lines]
    (info / "METADATA").write_text("\n".join(header + [f"Requires-Dist: {line}" for line in requires]) + "\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


MIT = "License-Expression: MIT"


def app(site: Path, *needs: str) -> None:
    distribution(site, "made-up-app", MIT, requires=needs)


def test_the_project_passes(check: Check) -> None:
    code, said, wrong = check("--table")
    assert code == 0, wrong
    assert "carries libx264 (GPL), accepted in docs/decisions/0002-encoder-and-gpl.md" in said


def test_the_recorded_exception_is_recorded() -> None:
    assert "x264" in (ROOT / "docs" / "decisions" / "0002-encoder-and-gpl.md").read_text()


@pytest.mark.parametrize(
    "line",
    [
        "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
        "License-Expression: GPL-3.0-or-later",
        "License-Expression: AGPL-3.0-only",
        "License: GPLv3+",
        "License-Expression: MIT AND GPL-2.0-only",
        "Classifier: License :: OSI Approved :: GNU Affero General Public License v3",
    ],
)
def test_gpl_and_agpl_fail_through_a_chain_of_requirements(check: Check, tmp_path: Path, line: str) -> None:
    app(tmp_path, "made-up-middle")
    distribution(tmp_path, "made-up-middle", MIT, requires=("made-up-viral>=0.5",))
    distribution(tmp_path, "made-up-viral", line)
    code, _said, wrong = check("--project", "made-up-app")
    assert code == 1
    assert "made-up-viral is under" in wrong
    assert "made-up-middle" not in wrong


@pytest.mark.parametrize(
    "lines", [(), ("License: UNKNOWN",), ("License-Expression: LGPL-3.0-only",), ("License: Our own terms",)]
)
def test_unknown_and_unreviewed_licences_fail(check: Check, tmp_path: Path, lines: tuple[str, ...]) -> None:
    app(tmp_path, "made-up-odd")
    distribution(tmp_path, "made-up-odd", *lines)
    code, _said, wrong = check("--project", "made-up-app")
    assert code == 1
    assert "made-up-odd names" in wrong


@pytest.mark.parametrize(
    "line",
    [
        "License-Expression: GPL-2.0-only OR MIT",
        "License-Expression: (GPL-2.0-only OR MIT) AND BSD-3-Clause",
        "License-Expression: Apache-2.0 WITH LLVM-exception",
        "Classifier: License :: OSI Approved :: Apache Software License",
    ],
)
def test_a_permissive_choice_passes(check: Check, tmp_path: Path, line: str) -> None:
    app(tmp_path, "made-up-fine")
    distribution(tmp_path, "made-up-fine", line)
    code, _said, wrong = check("--project", "made-up-app")
    assert code == 0, wrong


def test_a_gpl_library_inside_a_permissive_wheel_fails(check: Check, tmp_path: Path) -> None:
    app(tmp_path, "made-up-codec")
    distribution(
        tmp_path, "made-up-codec", MIT, files=("codec.libs/libx264-0a1b.so.165", "codec/__init__.py")
    )
    code, _said, wrong = check("--project", "made-up-app")
    assert code == 1
    assert "made-up-codec carries libx264" in wrong


def test_a_requirement_that_is_not_installed_fails_unless_its_marker_excludes_it(
    check: Check, tmp_path: Path
) -> None:
    app(tmp_path, "made-up-absent", 'made-up-elsewhere; sys_platform == "plan9"')
    code, _said, wrong = check("--project", "made-up-app")
    assert code == 1
    assert "made-up-absent is required but not installed" in wrong
    assert "made-up-elsewhere" not in wrong


def test_extras_are_followed_and_the_tools_extra_is_not(check: Check, tmp_path: Path) -> None:
    distribution(
        tmp_path,
        "made-up-app",
        MIT,
        "Provides-Extra: dev",
        "Provides-Extra: bulk",
        requires=('made-up-linter; extra == "dev"', 'made-up-viral; extra == "bulk"'),
    )
    distribution(tmp_path, "made-up-linter", "License-Expression: GPL-3.0-only")
    distribution(tmp_path, "made-up-viral", "License-Expression: GPL-3.0-only")
    _code, _said, wrong = check("--project", "made-up-app")
    assert "made-up-viral" in wrong
    assert "made-up-linter" not in wrong
