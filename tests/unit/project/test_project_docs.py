"""tools/check-docs: what it finds on a page, and that this project's own pages pass."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "check-docs"), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_projects_pages_pass() -> None:
    done = check(ROOT)
    assert done.returncode == 0, done.stderr


def test_a_sound_page_passes(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "other.md").write_text(
        "# Größe & Maß\n\n## Say it\n\n## Say it\n\n<a id='x'></a><a id=\"own\"></a>\n"
    )
    (tmp_path / "README.md").write_text(
        "# Start\n\n[a](docs/other.md) [b](docs/other.md#größe--maß) [c](docs/other.md#say-it-1)\n"
        "[d](#start) [e](https://example.com/x) [f](docs/other.md#own) ![g](docs) [h]\n\n"
        "[h]: docs/other.md\n\n```text\n[not a link](nowhere.md)\n```\n`[nor this](nowhere.md)`\n\n"
        ".guard/work/1 is relative\n"
    )
    done = check(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 pages" in done.stdout


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[a](missing.md)", "missing.md does not exist"),
        ("[a](#nowhere)", "#nowhere: there is no such heading"),
        ("![picture](pictures/none.png)", "pictures/none.png does not exist"),
        ("[a](../../outside.md)", "leaves the repository"),
        ("[a]: missing.md", "missing.md does not exist"),
        ("saved to /home/ada/clips/clip.mp4", "/home/ada/clips/clip.mp4 is a path"),
        ("TODO: explain", "marks unfinished work"),
    ],
)
def test_a_faulty_line_is_found_where_it_is(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "page.md").write_text(f"# Title\n\n```sh\nls\n```\n\n{line}\n")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "page.md:7: " in done.stderr
    assert complaint in done.stderr


def test_a_machines_path_is_found_in_code_too(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("```\n/root/.cache\n```\n")
    assert check(tmp_path).returncode == 1
