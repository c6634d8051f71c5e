"""A picture that a request brings survives the death of the process, and goes with the job's end."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guard.credentials import Trust
from guard.credentials.reading import read
from guard.media import VideoFile
from tests import media
from tests.end_to_end.test_kill_every_step import reachable, work


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray((media.texture(360, 640, seed=4) * 255).astype(np.uint8)).save(path)
    return path


def test_a_job_goes_on_with_its_picture_wherever_it_was_killed(tmp_path: Path, picture: Path) -> None:
    data = tmp_path / "data"
    shown = np.asarray(Image.open(picture))
    died = work(data, "examine_inputs:after", "-", str(picture))
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    video_id = died.stdout.split()[0]
    picture.unlink()
    for moment in ("generate:after", "sign:after"):
        died = work(data, moment, video_id)
        assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
        assert (data / "work" / video_id / "reference").is_file()
    done = work(data, "-", video_id)
    assert done.stdout.split() == [video_id, "completed", "None"], done.stderr[-2000:]
    file, _ = reachable(data)
    assert media.psnr(next(VideoFile(file).chunks()).frames[0], shown) > 25
    assert [entry.relationship for entry in read(file, Trust()).ingredients] == ["inputTo"]
    assert list((data / "work").iterdir()) == []
