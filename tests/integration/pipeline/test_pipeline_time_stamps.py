"""A job whose time-stamp authority is away: it waits, and is released with a stamp once there is an answer."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

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
            house.run_ended(video_id)
        finally:
            house.close()
