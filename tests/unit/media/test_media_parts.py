"""Looking at a part of a clip: what a viewer is shown, and when the clip seems to begin and end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from guard.media import MediaError, ReadLimits, VideoFile
from guard.media.containers import is_of_type
from guard.media.parts import Part, Rectangle, Stretch, Within
from tests import media


class Everything:
    """Keeps all that it is shown."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.frames: list[np.ndarray] = []

    def wants(self, end: float) -> bool:
        return True

    def see(self, end: float, frame: np.ndarray) -> None:
        self.ends.append(end)
        self.frames.append(frame)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> VideoFile:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    return VideoFile(media.write_clip(path, media.scene(96, 64, 20, seed=3), fps=10, codec="ffv1"))


def shown(source: VideoFile, part: Part) -> Everything:
    seen = Everything()
    within = Within(seen, part, source.info.width, source.info.height)
    source.show(within, stretch=part.stretch)
    within.check()
    return seen


def pictures(source: VideoFile) -> list[np.ndarray]:
    return [frame.copy() for chunk in source.chunks() for frame in chunk.frames]


@pytest.mark.parametrize(
    ("stretch", "numbers", "ends"),
    [
        (Stretch(), range(20), np.arange(1, 21) / 10),
        (Stretch(0.5, 0.8), range(5, 8), [0.1, 0.2, 0.3]),
        (Stretch(0.55, 0.75), range(5, 8), [0.05, 0.15, 0.2]),
        (Stretch(1.8), range(18, 20), [0.1, 0.14]),  # what the last picture's length is taken for
        (Stretch(5, 8, counted=True), range(5, 8), [0.1, 0.2, 0.3]),
        (Stretch(19, None, counted=True), [19], [0.04]),
    ],
)
def test_a_stretch_is_shown_as_if_the_clip_had_begun_and_ended_with_it(
    clip: VideoFile, stretch: Stretch, numbers: range, ends: list[float]
) -> None:
    seen = shown(clip, Part(stretch=stretch))
    if stretch != Stretch():
        assert seen.ends == pytest.approx(ends)
    every = pictures(clip)
    assert [frame.tobytes() for frame in seen.frames] == [every[number].tobytes() for number in numbers]


@pytest.mark.parametrize("stretch", [Stretch(0.2, 0.5), Stretch(2, 5, counted=True)])
def test_what_comes_after_the_stretch_is_not_decoded(clip: VideoFile, stretch: Stretch) -> None:
    # one more is decoded, to know for how long the last one is shown
    short = VideoFile(clip.path, limits=ReadLimits(frames=6))
    assert len(shown(short, Part(stretch=stretch)).frames) == 3
    with pytest.raises(MediaError) as caught:
        shown(short, Part(stretch=Stretch(0.2)))
    assert caught.value.code == "media_bomb"


@pytest.mark.parametrize(
    ("area", "box"),
    [
        (Rectangle(8, 4, 40, 20), (4, 24, 8, 48)),
        (Rectangle(25, 50, 50, 50, percent=True), (32, 64, 24, 72)),
        (Rectangle(-10, -10, 50, 30), (0, 20, 0, 40)),
        (Rectangle(80, 60, 500, 500), (60, 64, 80, 96)),
    ],
)
def test_a_rectangle_is_cut_out_of_every_picture(
    clip: VideoFile, area: Rectangle, box: tuple[int, int, int, int]
) -> None:
    top, bottom, left, right = box
    seen = shown(clip, Part(area, Stretch(3, 5, counted=True)))
    wanted = [frame[top:bottom, left:right] for frame in pictures(clip)[3:5]]
    assert all(np.array_equal(one, other) for one, other in zip(seen.frames, wanted, strict=True))
    assert all(frame.flags.c_contiguous for frame in seen.frames)


@pytest.mark.parametrize(
    "part",
    [
        Part(Rectangle(96, 0, 10, 10)),
        Part(Rectangle(0, 0, 0.2, 10)),
        Part(Rectangle(0, 120, 50, 50, percent=True)),
        Part(stretch=Stretch(9.0)),
        Part(stretch=Stretch(20, 30, counted=True)),
    ],
)
def test_a_region_without_pictures_is_said_to_be_one(clip: VideoFile, part: Part) -> None:
    with pytest.raises(MediaError) as caught:
        shown(clip, part)
    assert caught.value.code == "region_outside"


def test_a_still_picture_is_there_for_its_first_moment(tmp_path: Path) -> None:
    picture = next(media.scene(64, 48, 1, seed=9))
    path = tmp_path / "still.png"
    media.Image.fromarray(picture).save(path)
    still = VideoFile(path)
    [frame] = shown(still, Part(Rectangle(0, 0, 50, 100, percent=True))).frames
    assert np.array_equal(frame, picture[:, :32])
    assert len(shown(still, Part(stretch=Stretch(0, 1, counted=True))).frames) == 1
    with pytest.raises(MediaError):
        shown(still, Part(stretch=Stretch(1.0)))


def test_a_part_survives_being_told_to_another_process() -> None:
    for part in (Part(), Part(Rectangle(1, 2, 3, 4, percent=True), Stretch(5, 9, counted=True))):
        assert Part.from_json(part.to_json()) == part


def test_a_file_may_be_called_by_any_name_of_its_container(clip: VideoFile) -> None:
    assert is_of_type(clip.info.container, "video/webm")
    assert is_of_type("mov,mp4,m4a,3gp,3g2,mj2", "video/mp4")
    assert not is_of_type(clip.info.container, "video/mp4")
    assert not is_of_type(clip.info.container, "")
    assert not is_of_type("something", "video/mp4")
