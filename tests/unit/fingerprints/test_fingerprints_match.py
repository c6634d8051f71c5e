"""Fingerprints of real encodes: the same clip is found after edits, other clips are not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guard.fingerprints import Fingerprint, FrameHash, Taker, compare, compute
from guard.fingerprints.compute import MOST_FRAMES
from guard.fingerprints.pdq import pdq
from guard.media import Chunk, VideoFile
from tests import media


@pytest.fixture(scope="module")
def original(clip_360: Path) -> Fingerprint:
    return compute(VideoFile(clip_360))


def upload(path: Path) -> Fingerprint:
    return compute(VideoFile(path), crops=(100,))


@pytest.fixture(scope="module")
def others(media_folder: Path) -> list[Fingerprint]:
    """20 other scenes, short and small."""
    found = []
    for seed in range(300, 320):
        path = media.write_clip(media_folder / f"other-{seed}.mp4", media.scene(320, 180, 8, seed=seed))
        found.append(compute(VideoFile(path)))
    return found


def test_eight_frames_of_a_short_clip_are_hashed(original: Fingerprint) -> None:
    whole = [item for item in original.hashes if item.crop == 100]
    assert [item.time for item in whole] == [round(index * 6 / 24, 3) for index in range(8)]
    assert all(item.quality >= 50 for item in whole)


def test_one_frame_a_second_of_a_longer_clip_is_hashed(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "long.mp4", media.scene(64, 48, 60, seed=4), fps=5)
    assert [item.time for item in upload(path).hashes] == [float(second) for second in range(12)]


def test_the_hash_is_pdq_of_the_picture_at_512_pixels(picture_png: Path) -> None:
    picture = Image.open(picture_png).resize((512, 512), Image.Resampling.BILINEAR)
    (found,) = upload(picture_png).hashes
    assert (bytes.fromhex(found.hash), found.quality) == pdq(np.asarray(picture))


def edit(name: str, pictures: np.ndarray) -> tuple[list[np.ndarray], int]:
    def scale(picture: np.ndarray, share: float) -> np.ndarray:
        size = (round(picture.shape[1] * share) // 2 * 2, round(picture.shape[0] * share) // 2 * 2)
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))

    def crop(picture: np.ndarray, share: float) -> np.ndarray:
        height, width = (round(side * share) // 2 * 2 for side in picture.shape[:2])
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        return np.ascontiguousarray(picture[top : top + height, left : left + width])

    change = {
        "crf 30": lambda picture: picture,
        "half size": lambda picture: scale(picture, 0.5),
        "crop 95": lambda picture: crop(picture, 0.95),
        "crop 90": lambda picture: crop(picture, 0.9),
        "brighter": lambda picture: np.clip(picture.astype(int) * 1.1 + 10, 0, 255).astype(np.uint8),
    }[name]
    return [change(picture) for picture in pictures], 30 if name == "crf 30" else 23


@pytest.mark.parametrize("name", ["crf 30", "half size", "crop 95", "crop 90", "brighter"])
def test_the_same_clip_matches_after(
    name: str, original: Fingerprint, pictures_360: np.ndarray, tmp_path: Path
) -> None:
    pictures, crf = edit(name, pictures_360)
    found = compare(upload(media.write_clip(tmp_path / "edited.mp4", pictures, crf=crf)), original)
    assert (found.matched, found.reason) == (True, "match")
    assert found.fraction_of_upload >= 0.8
    assert found.median_distance <= 31


def test_an_excerpt_matches_by_its_own_share(
    original: Fingerprint, pictures_360: np.ndarray, tmp_path: Path
) -> None:
    found = compare(upload(media.write_clip(tmp_path / "part.mp4", list(pictures_360[20:34]))), original)
    assert found.matched
    assert found.fraction_of_upload >= 0.6
    assert found.fraction_of_recorded < 0.6


def test_a_still_out_of_a_clip_matches(
    original: Fingerprint, pictures_360: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(pictures_360[13]).save(tmp_path / "still.jpg", quality=85)
    assert compare(upload(tmp_path / "still.jpg"), original).matched


def test_other_clips_do_not_match(original: Fingerprint, others: list[Fingerprint]) -> None:
    everything = [original, *others]
    distances = []
    for first in everything:
        for second in everything:
            found = compare(first, second)
            assert found.matched == (first is second)
            if first is not second:
                assert found.fraction_of_upload == 0.0
                distances.append(found.median_distance)
    assert min(distances) > 60


def test_plain_pictures_are_never_called_a_match(original: Fingerprint, tmp_path: Path) -> None:
    grey = [np.full((90, 160, 3), 120, np.uint8)] * 8
    plain = upload(media.write_clip(tmp_path / "plain.mp4", grey))
    for found in (compare(plain, plain), compare(plain, original), compare(original, plain)):
        assert (found.matched, found.reason, found.median_distance) == (False, "too_plain", 256)


def calm_scene(source: random.Random) -> Fingerprint:
    """Four seconds in which hardly anything moves: every frame is like every other."""
    scene = source.getrandbits(256)
    return Fingerprint(tuple(FrameHash(n / 2, f"{scene ^ (7 << 3 * n):064x}", 100) for n in range(8)))


def film(source: random.Random, inserted: Fingerprint, seconds: int) -> Fingerprint:
    """A minute of other pictures, one a second, of which some are out of another clip."""
    frames = [f"{source.getrandbits(256):064x}" for _ in range(60)]
    frames[30 : 30 + seconds] = [item.hash for item in inserted.hashes[::2]][:seconds]
    return Fingerprint(tuple(FrameHash(float(n), value, 100) for n, value in enumerate(frames)))


@pytest.mark.parametrize(("seconds", "matched"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_a_clip_within_a_longer_film_counts_by_the_seconds_that_are_shown(
    seconds: int, matched: bool
) -> None:
    source = random.Random(5)
    ours = calm_scene(source)
    found = compare(film(source, ours, seconds), ours)
    assert found.matched is matched
    assert found.fraction_of_recorded == seconds / 4
    assert found.fraction_of_upload == seconds / 60


def test_the_number_of_hashes_is_bounded_whatever_a_header_says() -> None:
    picture = np.zeros((1, 32, 32, 3), np.uint8)
    taker = Taker(1, crops=(100, 85))
    for number in range(3 * MOST_FRAMES):
        taker.add(Chunk(np.array([float(number)]), ("I",), picture))
    times = [item.time for item in taker.fingerprint().hashes if item.crop == 100]
    assert MOST_FRAMES / 2 <= len(times) <= MOST_FRAMES
    assert times == [4.0 * n for n in range(len(times))]
    assert times[-1] == 3 * MOST_FRAMES - 4
    assert len(taker.fingerprint().hashes) == 2 * len(times)
