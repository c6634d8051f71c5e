"""Hostile files through the whole verification: an error with its code, soon, and the service is as it was."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors import Outcome, VerdictName
from guard.installation import Installation, open_installation
from guard.media import MediaError
from guard.settings import Settings, UploadLimits
from guard.verification import Verification, verify
from tests import hostile, media

MIB = 2**20
SECONDS = 60.0
"""Longest for one examination on a crowded machine; an idle one needs about two."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    limits = UploadLimits(timeout_seconds=SECONDS, memory_bytes=2 * 2**30, max_seconds=60)
    found = open_installation(Settings(data=tmp_path_factory.mktemp("hostile") / "data", uploads=limits))
    yield found
    found.close()


def resident() -> int:
    """Memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def examine(opened: Installation, path: Path) -> Verification:
    return verify(opened.services.inspector, opened.services.registry, path)


@pytest.mark.parametrize("name", hostile.FILES)
def test_a_hostile_file_is_an_error_with_its_code(opened: Installation, tmp_path: Path, name: str) -> None:
    path = hostile.make(tmp_path, name)
    before, digest, start = resident(), path.read_bytes(), time.monotonic()
    with pytest.raises(MediaError) as refused:
        examine(opened, path)
    assert time.monotonic() - start < SECONDS + 10
    assert refused.value.code in hostile.FILES[name][2]
    assert len(str(refused.value)) > 20
    assert str(tmp_path) not in str(refused.value)
    assert resident() - before < 64 * MIB
    assert path.read_bytes() == digest


def test_a_missing_file_is_an_error(opened: Installation, tmp_path: Path) -> None:
    with pytest.raises(MediaError) as refused:
        examine(opened, tmp_path / "none.mp4")
    assert refused.value.code == "media_missing"


def test_sound_alone_is_examined_for_what_it_can_tell(opened: Installation, tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "sound.m4a", [], sound="aac")
    found = examine(opened, path)
    assert found.inspection.info.kind == "audio"
    assert found.inspection.reading is None
    assert found.verdict.verdict is VerdictName.INCONCLUSIVE
    assert Outcome.UNAVAILABLE in {item.outcome for item in found.verdict.evidence}


def test_a_slow_file_is_ended_and_the_next_one_is_examined(
    opened: Installation, tmp_path: Path, picture_png: Path
) -> None:
    impatient = dataclasses.replace(
        opened.services.inspector,
        limits=dataclasses.replace(opened.services.inspector.limits, seconds=0.3),
    )
    start = time.monotonic()
    with pytest.raises(MediaError) as refused:
        verify(impatient, opened.services.registry, picture_png)
    assert refused.value.code == "media_timeout"
    assert time.monotonic() - start < 10
    assert examine(opened, picture_png).verdict.verdict is VerdictName.INCONCLUSIVE
    assert list(tmp_path.iterdir()) == []
