"""The same on PostgreSQL: a job whose worker is killed while marking and again between object and commit ends once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select

from guard.ledger.tables import entries
from guard.store import Database, find_release
from guard.store.models import Release

ROOT = Path(__file__).resolve().parents[3]


def work(data: Path, url: str, moment: str, *video: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "GUARD_DATABASE_URL": url,
        "GUARD_ENCODER__PRESET": "ultrafast",
    }
    command = [sys.executable, "-m", "tests.worker", str(data), moment, *video]
    return subprocess.run(
        command, cwd=data.parent, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_a_killed_job_ends_once(new_postgres: Callable[[], str], tmp_path: Path) -> None:
    url, data = new_postgres(), tmp_path / "data"
    killed = work(data, url, "mark:middle")
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    video_id = killed.stdout.split()[0]
    assert work(data, url, "release:object", video_id).returncode == -signal.SIGKILL
    done = work(data, url, "-", video_id)
    assert done.stdout.split() == [video_id, "completed", "None"], done.stderr[-2000:]
    assert not (data / "guard.db").exists()
    assert not (data / "workflow.db").exists()
    database = Database(url)
    try:
        with database.read() as session:
            assert session.scalar(select(func.count()).select_from(Release)) == 1
            assert session.scalar(select(func.count()).where(entries.c.kind == "release")) == 1
            release = find_release(session, video_id=video_id)
    finally:
        database.close()
    assert release is not None
    objects = data / "objects"
    stored = [path.relative_to(objects).as_posix() for path in objects.rglob("*.mp4")]
    assert stored == [release.object_key]
    assert list((data / "work").iterdir()) == []
