"""Which stretch of a clip carries which mark, where that is hard to tell."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from guard.marks import Embedder, MarkKey, bounds
from guard.marks.detect import Clip
from guard.marks.front import Front, picture_area
from tests import media

from .conftest import Compress, Read

Frames = NDArray[np.uint8]


def planes(clip: Frames) -> list[Frames]:
    front = Front(clip.shape[2], clip.shape[1])
    return [front.luma(frame) for frame in clip]


def test_an_edited_excerpt_within_a_longer_clip_is_found(
    marked: Frames, payload: bytes, read_frames: Read, compress: Compress
) -> None:
    # cropped before it was pasted in, so that the unchanged geometry shows nothing and the whole is mostly strange
    excerpt = marked[:, 45:315, 80:560]
    strange = np.stack(list(media.scene(480, 270, 144, seed=31)))
    reading = read_frames(compress(np.concatenate([strange[:96], excerpt, strange[96:]]), 23))
    assert reading.payload == payload
    assert reading.geometry == pytest.approx((0.75, 0, 0, 0.75), abs=0.01)
    found = [(s.status, round(s.start), round(s.end)) for s in reading.timeline]
    assert found == [("absent", 0, 4), ("read", 4, 6), ("absent", 6, 8)]


def test_a_stretch_whose_payload_is_lost_is_unreadable(
    textured_clip: Frames, marked: Frames, key: MarkKey, read_frames: Read
) -> None:
    rng = np.random.default_rng(7)
    copies = [Embedder(key, rng.bytes(8), 640, 360)(textured_clip).astype(np.float32) for _ in range(5)]
    colluded = np.round(np.mean(copies, axis=0)).astype(np.uint8)
    reading = read_frames(np.concatenate([marked, colluded]))
    assert reading.status == "read"
    assert [(s.status, round(s.start), round(s.end)) for s in reading.timeline] == [
        ("read", 0, 2),
        ("unreadable", 2, 4),
    ]


def test_other_keys_are_tried_on_the_same_sums(
    marked: Frames, payload: bytes, key: MarkKey, other_key: MarkKey
) -> None:
    clip = Clip([planes(marked)], [other_key])
    assert clip.whole()[0].payload is None
    searched = clip.words
    assert 1024 < searched <= 19 * bounds.ALIGNMENTS * 32 + 1024
    again = clip.with_keys([other_key, key])
    found = again.whole()[0]
    assert (found.key, found.payload) == (key, payload)
    assert again.words < searched == clip.words


def test_bars_are_told_from_pictures(textured_clip: Frames, flat_clip: Frames) -> None:
    padded = np.pad(textured_clip[:4], ((0, 0), (140, 140), (0, 0), (0, 0)), constant_values=16)
    top, bottom, left, right = picture_area(planes(padded)) or (0, 0, 0, 0)
    assert (left, right) == (0, 256)
    assert (top, bottom) == (pytest.approx(56, abs=1), pytest.approx(200, abs=1))
    assert picture_area(planes(textured_clip[:4])) is None
    assert picture_area(planes(np.zeros((2, 360, 640, 3), np.uint8))) is None
