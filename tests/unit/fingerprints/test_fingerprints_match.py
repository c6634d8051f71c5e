"""Fingerprints of real encodes: the same clip is found after edits, other clips are not."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from guard.fingerprints import Fingerprint, FrameHash, Taker, closest, compare, compute
from guard.fingerprints.compute import MOST_FRAMES
from guard.fingerprints.match import hamming
from guard.fingerprints.pdq import pdq
from guard.media import VideoFile
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


def test_at_least_eight_frames_of_a_short_clip_are_hashed(original: Fingerprint, tmp_path: Path) -> None:
    still = [next(media.scene(320, 180, 1, seed=4))] * 48
    path = media.write_clip(tmp_path / "still.mp4", still)
    times = [item.time for item in upload(path).hashes]
    assert len(times) == 8
    assert np.abs(np.array(times) - np.arange(8) / 4).max() < 0.1
    whole = [item for item in original.hashes if item.crop == 100]
    assert len(whole) > 8  # the camera moves
    assert all(item.quality >= 50 for item in whole)


def test_every_picture_of_a_clip_is_like_a_recorded_one(original: Fingerprint, clip_360: Path) -> None:
    pictures = np.concatenate([chunk.frames for chunk in VideoFile(clip_360).chunks()])
    hashes = [pdq(np.asarray(Image.fromarray(picture).resize((512, 512)))) for picture in pictures]
    words = Fingerprint(tuple(FrameHash(0.0, digest.hex(), quality) for digest, quality in hashes)).words
    assert hamming(words, original.words).min(axis=1).max() <= 31


def test_one_frame_a_second_of_a_longer_clip_is_hashed(tmp_path: Path) -> None:
    still = [next(media.scene(64, 48, 1, seed=4))] * 60
    path = media.write_clip(tmp_path / "long.mp4", still, fps=5)
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


def test_the_number_of_hashes_is_bounded_however_long_a_clip_is() -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    taker = Taker(random.Random(0))
    for second in range(3 * MOST_FRAMES):
        taker.see(second + 1.0, picture)
    times = [item.time for item in taker.fingerprint().hashes]
    assert MOST_FRAMES / 2 <= len(times) <= MOST_FRAMES
    assert np.diff(times).max() <= 9


def examined(path: Path, seed: int = 0) -> Fingerprint:
    """The fingerprint that a stranger's clip is examined by."""
    taker = Taker(random.Random(seed))
    VideoFile(path).show(taker)
    return taker.fingerprint()


def lying(path: Path, pictures: list[np.ndarray]) -> Path:
    """A Matroska file that declares 100,000 pictures a second and shows 24."""
    with av.open(str(path), "w", format="matroska") as output:
        stream = output.add_stream(
            "libx264", rate=100_000, options={"crf": "16", "preset": "ultrafast", "bf": "0"}
        )
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(number * 1000 / 24), Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def strangers(pictures_360: np.ndarray) -> list[np.ndarray]:
    """As many pictures as the original has, of another scene."""
    return list(media.scene(640, 360, len(pictures_360), seed=77))


@pytest.mark.parametrize("seed", range(4))
def test_the_same_clip_matches_whichever_pictures_are_drawn(
    original: Fingerprint, clip_360: Path, seed: int
) -> None:
    found = compare(examined(clip_360, seed), original)
    assert (found.matched, found.fraction_of_upload) == (True, 1.0)
    assert found.fraction_of_recorded > 0.9


def test_a_false_rate_moves_no_picture_to_the_fore(
    original: Fingerprint, pictures_360: np.ndarray, strangers: list[np.ndarray], tmp_path: Path
) -> None:
    ours, theirs = list(pictures_360), strangers
    forged = compare(examined(lying(tmp_path / "forged.mkv", ours[:1] + theirs[1:])), original)
    assert not forged.matched
    assert forged.fraction_of_upload < 0.1
    hidden = compare(examined(lying(tmp_path / "hidden.mkv", theirs[:1] + ours[1:])), original)
    assert hidden.matched
    assert hidden.fraction_of_upload > 0.9


def test_pictures_where_the_recorded_ones_lie_count_for_what_they_are(
    original: Fingerprint, pictures_360: np.ndarray, strangers: list[np.ndarray], tmp_path: Path
) -> None:
    every = [
        ours if n % 6 == 0 else theirs
        for n, (ours, theirs) in enumerate(zip(pictures_360, strangers, strict=True))
    ]
    path = media.write_clip(tmp_path / "every-sixth.mp4", every, crf=10)
    shares = [compare(examined(path, seed), original).fraction_of_upload for seed in range(4)]
    assert 0.05 < sum(shares) / 4 < 0.3
    assert max(shares) < 0.4


def mixed(usable: int, plain: int) -> Fingerprint:
    """A clip with as many textured frames, all different, and plain ones, one a second."""
    source = random.Random(usable)
    hashes = [FrameHash(float(n), f"{source.getrandbits(256):064x}", 100) for n in range(usable)]
    return Fingerprint((*hashes, *(FrameHash(float(usable + n), "0" * 64, 10) for n in range(plain))))


def test_plain_pictures_are_nobodys() -> None:
    ours = mixed(8, 0)
    one = Fingerprint((ours.hashes[0], *mixed(0, 60).hashes))
    found = compare(one, ours)
    assert (found.matched, found.fraction_of_upload) == (False, pytest.approx(1 / 61))
    half = compare(Fingerprint((*ours.hashes, *mixed(0, 8).hashes)), ours)
    assert (half.fraction_of_upload, half.fraction_of_recorded) == (0.5, 1.0)


def test_a_clip_that_is_partly_plain_is_itself() -> None:
    ours = mixed(8, 8)
    assert compare(ours, ours).fraction_of_upload == 1.0
    longer = Fingerprint((*ours.hashes, *mixed(0, 16).hashes))
    assert compare(longer, ours).fraction_of_upload == 0.5


def test_one_picture_of_a_film_matches_nothing() -> None:
    ours = Fingerprint(tuple(FrameHash(n / 8, "5a" * 32, 100) for n in range(8)))
    film_hashes = [FrameHash(float(n), f"{random.Random(n).getrandbits(256):064x}", 100) for n in range(60)]
    for count, matched in ((1, False), (2, False), (3, True)):
        shown = [FrameHash(float(n), "5a" * 32, 100) for n in range(count)]
        assert compare(Fingerprint((*shown, *film_hashes[count:])), ours).matched is matched


def test_the_most_alike_pictures_are_named() -> None:
    ours = mixed(8, 2)
    near = f"{int(ours.hashes[5].hash, 16) ^ 0b111:064x}"
    upload = Fingerprint(
        (FrameHash(0.5, "0" * 64, 10), FrameHash(1.5, f"{7:064x}", 100), FrameHash(2.5, near, 100))
    )
    assert closest(upload, ours) == (2.5, 5.0)
    assert closest(Fingerprint(upload.hashes[:2]), ours) is None
    assert closest(Fingerprint(()), ours) is None
    assert closest(upload, Fingerprint(())) is None


def test_of_pictures_that_are_equally_alike_those_of_the_same_moment_are_shown() -> None:
    calm = Fingerprint(tuple(FrameHash(float(n), "5a" * 32, 100) for n in range(6)))
    coded = f"{int('5a' * 32, 16) ^ 0b1111:064x}"
    upload = Fingerprint((FrameHash(3.1, coded, 100), FrameHash(4.5, "5a" * 32, 100)))
    assert closest(upload, calm) == (3.1, 3.0)
    one_moment = Fingerprint((*mixed(8, 0).hashes, FrameHash(30.0, "5a" * 32, 100)))
    assert closest(upload, one_moment) == (4.5, 30.0)
