"""One job that meets one failing part after another: it waits each time, says why, and comes to its end once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from sqlalchemy import func, select

from guard.ledger.tables import entries
from guard.store import Video, audit
from guard.store.models import Release, manifest_key
from guard.verification import verify
from tests.house import House, database_locked, files_limited

MIB = 2**20


class Seen:
    """What was seen of the job while things failed."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.stalls: dict[str, Video] = {}
        self.objects: dict[str, list[str]] = {}
        with files_limited(2 * MIB):
            self.video_id = house.submit()
            self._await("disk full while generating", "media_write_failed")
        self._with_locked_database()
        house.signer_fails = True
        house.resume()
        self._await("signer away", "signer_failed")
        house.signer_fails = False
        with files_limited((house.data / "work" / self.video_id / "marked").stat().st_size + 1024):
            house.resume()
            self._await("disk full while signing", "storage_failed")
        away = house.data / "objects"
        away.rename(house.data / "away")
        away.touch()
        house.resume()
        self._await("object store away", "object_store_unavailable")
        away.unlink()
        (house.data / "away").rename(away)
        house.jobs.failing = True
        house.resume()
        self._await("commit fails", "database_unavailable")
        house.jobs.failing = False
        house.resume()
        self.end = house.ended(self.video_id)
        house.run_ended(self.video_id)  # which cleans up after the release

    def _await(self, what: str, code: str) -> None:
        house = self.house
        self.stalls[what] = video = house.until(
            self.video_id,
            lambda v: v.stalled_code not in (None, self._last) or v.status in ("completed", "failed"),
        )
        assert (video.status, video.stalled_code) == ("in_progress", code), what
        self.objects[what] = house.objects() if (house.data / "objects").is_dir() else []

    @property
    def _last(self) -> str | None:
        return next((video.stalled_code for video in reversed(self.stalls.values())), None)

    def _with_locked_database(self) -> None:
        house = self.house
        with ExitStack() as lock:

            def during() -> None:
                house.generator.during = lambda: None
                lock.enter_context(database_locked(house.data / "guard.db"))

            house.generator.during = during
            house.resume()
            house.run_ended(self.video_id)  # having tried in vain, even to write down that it waits
        self.stalls["database locked"] = house.video(self.video_id)


@pytest.fixture(scope="module")
def seen(house: House) -> Seen:
    return Seen(house)


def test_each_cause_stalls_the_job_with_a_message_and_a_time_to_go_on(seen: Seen) -> None:
    assert [video.stalled_code for name, video in seen.stalls.items() if name != "database locked"] == [
        "media_write_failed",
        "signer_failed",
        "storage_failed",
        "object_store_unavailable",
        "database_unavailable",
    ]
    for name, video in seen.stalls.items():
        assert video.status == "in_progress", name
        if name != "database locked":
            assert video.stalled_message, name
            assert video.retry_at is not None, name


def test_nothing_is_stored_before_everything_before_it_has_worked(seen: Seen) -> None:
    found = {name: len(keys) for name, keys in seen.objects.items()}
    assert (
        found.pop("commit fails") == 2
    )  # file and manifest, which no release points to: nobody can ask for them
    assert set(found.values()) == {0}


def test_the_job_comes_to_its_end_when_the_causes_are_gone(seen: Seen) -> None:
    assert (seen.end.status, seen.end.error_code, seen.end.stalled_code) == ("completed", None, None)


def test_there_is_one_release_one_leaf_one_object_and_no_work_file(seen: Seen, house: House) -> None:
    release = house.release_of(seen.video_id)
    assert release is not None
    assert sorted(house.objects()) == [manifest_key(release.manifest_digest), release.object_key]
    assert house.work_left() == []
    log = house.services.log
    kept = log.kept()
    with house.services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Release)) == 1
        leaves = session.scalar(select(func.count()).where(entries.c.kind == "release"))
        assert leaves == 1
        assert audit(session, log, kept=kept, vault=house.services.vault).problems == []


def test_the_file_is_a_release_like_any_other(seen: Seen, house: House) -> None:
    release = house.release_of(seen.video_id)
    assert release is not None
    found = verify(
        house.services.inspector, house.services.registry, house.data / "objects" / release.object_key
    )
    assert found.verdict.verdict == "generated_here"
    assert {"own_release", "declares_ai", "own_mark_resolved"} <= {
        str(e.claim) for e in found.verdict.evidence
    }
