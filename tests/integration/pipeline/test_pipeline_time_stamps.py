"""A job whose time-stamp authority is away: it waits for its stamp, or is released without and counted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from guard.api.metrics import Metrics
from guard.credentials import AnchorList, Trust, read
from guard.pipeline import workflow
from guard.settings import TimeStampSettings
from tests.house import House
from tests.time_stamps import time_stamp_authority


def test_a_job_waits_for_its_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "RETRY_AFTER", (0.05, 0.05, 0.05))
    with time_stamp_authority(tmp_path / "tsa") as clock:
        clock.mood = [503] * 50
        house = House(tmp_path / "data", time_stamps=TimeStampSettings(url=clock.url, attempts=1))
        try:
            video_id = house.submit()
            waiting = house.stalled(video_id)
            assert (waiting.status, waiting.stalled_code) == ("in_progress", "time_stamp_unavailable")
            assert house.objects() == []
            clock.mood = []
            house.resume()
            assert house.ended(video_id).status == "completed"
            release = house.release_of(video_id)
            assert release is not None
            trust = Trust.from_folder(house.installation.paths.signing) + Trust.of(
                AnchorList(name="clock", pem=clock.root, kind="tsa", dated=date(2026, 1, 1))
            )
            report = read(house.data / "objects" / release.object_key, trust)
            assert report.state == "trusted"
            assert report.claims is not None
            assert report.claims.signed_at is not None
            assert unstamped(house) == 0
            house.run_ended(video_id)
        finally:
            house.close()


def unstamped(house: House) -> float:
    metrics = Metrics()
    metrics.watch(house.installation)
    lines = metrics.text().decode().splitlines()
    return float(next(line for line in lines if line.startswith("guard_releases_unstamped_total")).split()[1])


def test_a_release_without_the_stamp_that_was_asked_for_is_counted(tmp_path: Path) -> None:
    with time_stamp_authority(tmp_path / "tsa") as clock:
        clock.mood = [503]
        wanted = TimeStampSettings(url=clock.url, attempts=1, when_down="sign")
        house = House(tmp_path / "data", time_stamps=wanted)
        try:
            released = []
            for seed, count in ((1, 1), (2, 1)):  # the authority is back for the second
                video_id = house.submit(seed=seed)
                assert house.ended(video_id).status == "completed"
                house.run_ended(video_id)
                release = house.release_of(video_id)
                assert release is not None
                released.append(release)
                assert unstamped(house) == count
            assert [release.stamped for release in released] == [False, True]
        finally:
            house.close()


def test_where_no_stamps_are_asked_for_none_is_missing(tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    try:
        video_id = house.submit()
        assert house.ended(video_id).status == "completed"
        house.run_ended(video_id)
        release = house.release_of(video_id)
        assert release is not None
        assert release.stamped is None
        assert unstamped(house) == 0
    finally:
        house.close()
