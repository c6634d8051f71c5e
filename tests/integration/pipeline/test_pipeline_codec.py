"""Another codec: what it marks is released and found again, and so is what the lattice has marked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors import Claim
from guard.inspection import inspect_file
from guard.installation import open_installation
from guard.marks import ALGORITHM, Embedder, MarkError
from guard.marks.codecs import ALGORITHMS
from guard.media import VideoFile, encode, strip_metadata
from guard.settings import MarkSettings, Settings
from guard.verification import verify
from tests import media
from tests.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    opened = House(tmp_path_factory.mktemp("house") / "data", mark=MarkSettings(codec="dwtDctSvd"))
    try:
        yield opened
    finally:
        opened.close()


def test_a_clip_is_released_with_its_mark_and_found_by_it(house: House, tmp_path: Path) -> None:
    made = house.ended(house.submit())
    assert (made.status, made.error_message) == ("completed", None)
    release = house.release_of(made.id)
    assert release is not None
    assert release.mark_algorithm == ALGORITHMS["dwtDctSvd"]
    copy = tmp_path / "again.mp4"
    strip_metadata(house.data / "objects" / release.object_key, copy)
    found = verify(house.services.inspector, house.services.registry, copy)
    assert found.verdict.verdict == "generated_here"
    (mark,) = [item for item in found.verdict.evidence if item.detector == ALGORITHM]
    assert mark.details["algorithm"] == ALGORITHMS["dwtDctSvd"]
    assert mark.claim is Claim.OWN_MARK_RESOLVED


def test_what_the_lattice_has_marked_is_read_as_well(house: House, tmp_path: Path) -> None:
    plain = media.write_clip(tmp_path / "plain.mp4", media.scene(640, 360, 24, seed=5))
    embedder = Embedder(house.services.mark_keys[0], bytes(range(8)), 640, 360)
    encode(VideoFile(plain), tmp_path / "marked.mp4", transform=embedder)
    seen = inspect_file(house.services.inspector, tmp_path / "marked.mp4")
    assert seen.reading is not None
    assert seen.reading.payload == bytes(range(8))
    assert seen.mark_algorithm == ALGORITHM


def test_a_codec_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(MarkError, match=r"y_256b_img\.jit") as caught:
        open_installation(Settings(data=tmp_path / "data", mark=MarkSettings(codec="videoseal")))
    assert caught.value.code == "mark_codec_missing"
