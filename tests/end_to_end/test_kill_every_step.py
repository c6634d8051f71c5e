"""A process that is killed in any step loses nothing and does nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from guard.installation import open_installation
from guard.ledger.tables import entries
from guard.settings import Settings
from guard.store import audit, releases
from guard.store.models import Release, Video, manifest_key
from guard.verification import verify
from tests.worker import MOMENTS, STILL_MOMENTS, with_pictures

ROOT = Path(__file__).resolve().parents[2]


def work(data: Path, moment: str, *video: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.worker", str(data), moment, *video]
    return subprocess.run(
        command, cwd=data.parent, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def reachable(data: Path) -> list[Path]:
    """Every file of the object store that is not an upload under way, released files first, then their manifests."""
    found = [path for path in (data / "objects").rglob("*") if path.is_file() and "uploads" not in path.parts]
    return sorted(found, key=lambda path: "manifests" in path.parts)


MOMENTS_OF = {"-": MOMENTS, "picture": STILL_MOMENTS}


@pytest.fixture(scope="module", params=MOMENTS_OF, ids=("clip", "picture"))
def killed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, list[str]]:
    """One job, killed at every moment in turn, then left alone; what was seen on the way."""
    data = tmp_path_factory.mktemp("killed") / "data"
    seen, video_id = [], ""
    for moment in MOMENTS_OF[request.param]:
        done = work(data, moment, video_id or request.param)
        assert done.returncode == -signal.SIGKILL, (
            f"{moment}: {done.returncode} {done.stdout} {done.stderr[-2000:]}"
        )
        video_id = video_id or done.stdout.split()[0]
        seen.append(moment)
        if not moment.startswith("release"):
            assert reachable(data) == [], f"a file was reachable after a death at {moment}"
    done = work(data, "-", video_id)
    assert done.stdout.split() == [video_id, "completed", "None"], done.stderr[-2000:]
    return data, video_id, seen


def test_every_moment_was_met(killed: tuple[Path, str, list[str]]) -> None:
    assert killed[2] == list(STILL_MOMENTS if killed[1].startswith("image_") else MOMENTS)


def test_there_is_one_release_one_leaf_and_one_object(killed: tuple[Path, str, list[str]]) -> None:
    data, video_id, _ = killed
    opened = open_installation(Settings(data=data))
    try:
        log = opened.services.log
        kept = log.kept()
        with opened.services.database.read() as session:
            assert session.scalar(select(func.count()).select_from(Video)) == 1
            assert session.scalar(select(func.count()).select_from(Release)) == 1
            counted = select(entries.c.kind, func.count()).group_by(entries.c.kind)
            kinds = {str(kind): int(number) for kind, number in session.execute(counted)}
            assert (kinds["decision"], kinds["release"]) == (2, 1)
            release = releases.find_release(session, video_id=video_id)
            assert audit(session, log, kept=kept, vault=opened.services.vault).problems == []
        assert release is not None
        assert [path.relative_to(data / "objects").as_posix() for path in reachable(data)] == [
            release.object_key,
            manifest_key(release.manifest_digest),
        ]
        assert list((data / "work").iterdir()) == []
    finally:
        opened.close()


def test_the_released_file_is_marked_and_signed(killed: tuple[Path, str, list[str]]) -> None:
    data, video_id, _ = killed
    opened = with_pictures(open_installation(Settings(data=data)))
    try:
        with opened.services.database.read() as session:
            release = releases.find_release(session, video_id=video_id)
        assert release is not None
        found = verify(
            opened.services.inspector, opened.services.registry, data / "objects" / release.object_key
        )
        claims = {str(item.type): item.claim for item in found.verdict.evidence}
        assert found.verdict.verdict == "generated_here"
        assert claims["watermark"] == "own_mark_resolved"
        assert claims["c2pa"] == "declares_ai"
    finally:
        opened.close()
