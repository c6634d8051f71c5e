"""Reading marks back after what happens to clips, and not reading what is not there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from guard.marks import PRESENCE_LEVEL, Embedder, MarkError, MarkKey, Reading, Stretch, embed, read
from tests import media

from .conftest import Compress, Read, in_chunks

Frames = NDArray[np.uint8]


def resized(clip: Frames, factor: float) -> Frames:
    return np.stack([cv2.resize(f, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) for f in clip])


def rotated(clip: Frames, degrees: float) -> Frames:
    height, width = clip.shape[1:3]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.stack([cv2.warpAffine(f, matrix, (width, height)) for f in clip])


def brighter(clip: Frames) -> Frames:
    return np.clip(clip * 1.15 + 5, 0, 255).astype(np.uint8)


EDITS: dict[str, Callable[[Frames], Frames]] = {
    "compression": lambda clip: clip,
    "half size": lambda clip: resized(clip, 0.5),
    "crop to 75 %": lambda clip: clip[:, 50:320, 60:540],
    "rotation by 5 degrees": lambda clip: rotated(clip, 5),
    "mirror": lambda clip: clip[:, :, ::-1],
    "quarter turn": lambda clip: np.rot90(clip, 1, (1, 2)),
    "every second frame": lambda clip: clip[::2],
    "brightness and contrast": brighter,
}


@pytest.mark.parametrize("edit", list(EDITS))
def test_payload_survives(
    marked: Frames, payload: bytes, read_frames: Read, compress: Compress, edit: str
) -> None:
    reading = read_frames(compress(np.ascontiguousarray(EDITS[edit](marked)), 23))
    assert reading.status == "read"
    assert reading.payload == payload
    assert reading.key_id == "key-1"
    assert reading.p_value <= 1e-6
    assert reading.geometry is not None


@pytest.mark.parametrize("crf", [18, 23])
def test_flat_pictures_carry_the_mark(
    marked_flat: Frames, payload: bytes, read_frames: Read, compress: Compress, crf: int
) -> None:
    assert read_frames(compress(marked_flat, crf)).payload == payload


def test_geometry_says_what_was_done(marked: Frames, read_frames: Read) -> None:
    assert read_frames(marked).geometry == (1, 0, 0, 1)
    assert read_frames(marked[:, :, ::-1].copy()).geometry == (-1, 0, 0, 1)
    crop = read_frames(marked[:, 45:315, 80:560].copy()).geometry
    assert crop == pytest.approx((0.75, 0, 0, 0.75), abs=0.01)


@pytest.mark.parametrize(("width", "height"), [(200, 128), (360, 640), (256, 256)])
def test_other_sizes(key: MarkKey, payload: bytes, read_frames: Read, width: int, height: int) -> None:
    clip = np.stack(list(media.scene(width, height, 24, seed=5)))
    preset = "small" if min(width, height) <= 256 else "robust"
    assert read_frames(Embedder(key, payload, width, height, preset)(clip)).payload == payload


def test_retired_keys_are_tried(
    marked: Frames, payload: bytes, read_frames: Read, key: MarkKey, other_key: MarkKey
) -> None:
    reading = read_frames(marked, other_key, MarkKey("key-3", b"3" * 32), key)
    assert (reading.status, reading.payload, reading.key_id) == ("read", payload, "key-1")


def test_another_key_finds_nothing(marked: Frames, read_frames: Read, other_key: MarkKey) -> None:
    reading = read_frames(marked, other_key)
    assert (reading.status, reading.payload, reading.key_id, reading.geometry) == ("absent", None, None, None)
    assert reading.p_value > PRESENCE_LEVEL


@pytest.mark.parametrize("seed", [21, 22])
def test_unmarked_clips_are_absent(read_frames: Read, key: MarkKey, other_key: MarkKey, seed: int) -> None:
    clip = np.stack(list(media.scene(480, 270, 12, seed=seed)))
    assert read_frames(clip, key, other_key).status == "absent"


def test_unmarked_flat_clip_is_absent_within_seconds(flat_clip: Frames, read_frames: Read) -> None:
    start = time.process_time()
    assert read_frames(flat_clip).status == "absent"
    assert time.process_time() - start < 6


def test_lost_payload_is_present_but_unreadable(
    textured_clip: Frames, key: MarkKey, read_frames: Read
) -> None:
    # copies with different payloads, averaged: the pilots agree, the data cancel out
    rng = np.random.default_rng(7)
    clip = textured_clip[:24]
    copies = [Embedder(key, rng.bytes(8), 640, 360)(clip).astype(np.float32) for _ in range(6)]
    reading = read_frames(np.round(np.mean(copies, axis=0)).astype(np.uint8))
    assert reading.status == "unreadable"
    assert reading.payload is None
    assert reading.key_id == "key-1"
    assert reading.p_value <= PRESENCE_LEVEL


def test_long_clips_are_sampled_evenly(marked: Frames, payload: bytes, key: MarkKey) -> None:
    clip = np.concatenate([marked] * 7)
    reading = read(in_chunks(clip, 5), [key])
    assert reading.payload == payload
    assert 128 <= reading.frames <= 256
    assert reading == read(in_chunks(clip, 32), [key])


def test_a_splice_of_two_marked_clips_shows_as_stretches(
    textured_clip: Frames, marked: Frames, payload: bytes, key: MarkKey, read_frames: Read, compress: Compress
) -> None:
    second = bytes.fromhex("fedcba9876543210")
    other = np.concatenate(list(embed(in_chunks(textured_clip), second, key)))
    reading = read_frames(compress(np.concatenate([marked, other, marked[:24]]), 23))
    assert reading.payload == payload
    found = [(s.status, s.payload, round(s.start), round(s.end)) for s in reading.timeline]
    assert found == [("read", payload, 0, 2), ("read", second, 2, 4), ("read", payload, 4, 5)]


def test_a_marked_part_of_an_unmarked_clip_is_found(
    textured_clip: Frames, marked: Frames, payload: bytes, read_frames: Read, compress: Compress
) -> None:
    strange = textured_clip[:, ::-1]
    clip = np.concatenate([strange, marked[:, :, ::-1], strange, strange])
    reading = read_frames(compress(np.ascontiguousarray(clip), 23))
    assert reading.payload == payload
    found = [(s.status, round(s.start), round(s.end)) for s in reading.timeline]
    assert found == [("absent", 0, 2), ("read", 2, 4), ("absent", 4, 8)]


def test_a_clip_of_one_piece_has_one_stretch(
    marked: Frames, textured_clip: Frames, read_frames: Read
) -> None:
    for clip, status in ((marked, "read"), (textured_clip, "absent")):
        (stretch,) = read_frames(clip).timeline
        assert (stretch.start, stretch.status) == (0.0, status)
        assert stretch.end == pytest.approx(2.0, abs=0.01)


def test_bars_around_the_picture_do_not_hide_the_mark(
    marked: Frames, payload: bytes, read_frames: Read, compress: Compress
) -> None:
    square = np.pad(marked, ((0, 0), (140, 140), (0, 0), (0, 0)))
    reading = read_frames(compress(square, 28))
    assert reading.payload == payload
    assert reading.geometry == (1, 0, 0, 1)


def test_json_round_trip(payload: bytes) -> None:
    mixed = (
        Stretch(0.0, 1.0, "read", payload),
        Stretch(1.0, 2.0, "unreadable", None),
        Stretch(2.0, 2.5, "absent", None),
    )
    for reading in (
        Reading("read", payload, "key-1", 1e-9, 48, (0.75, -0.01, 0.01, 0.75), mixed),
        Reading("unreadable", None, "key-1", 1e-5, 48, (1.0, 0.0, 0.0, 1.0), mixed[1:]),
        Reading("absent", None, None, 0.7, 48, None, mixed[2:]),
    ):
        stored = json.loads(json.dumps(reading.to_json()))
        assert Reading.from_json(stored) == reading
        assert stored["payload"] == ("0123456789abcdef" if reading.payload else None)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "perhaps"},
        {"payload": None},
        {"payload": "00"},
        {"p_value": 2},
        {"frames": None},
        {"timeline": [{"start": 0, "end": 2, "status": "absent", "payload": "0123456789abcdef"}]},
    ],
)
def test_contradictory_json_is_refused(payload: bytes, change: dict[str, object]) -> None:
    value = Reading("read", payload, "key-1", 1e-9, 48, (1.0, 0.0, 0.0, 1.0), ()).to_json()
    with pytest.raises(MarkError) as caught:
        Reading.from_json({**value, **change})
    assert caught.value.code == "mark_reading_invalid"


def test_refusals(marked: Frames, key: MarkKey, other_key: MarkKey) -> None:
    same_id = MarkKey(key.id, other_key.secret)
    for chunks, keys, code in (
        ([], [key], "mark_no_frames"),
        (in_chunks(marked), [], "mark_keys_invalid"),
        (in_chunks(marked), [key, same_id], "mark_keys_invalid"),
        (in_chunks(marked[:, :40]), [key], "mark_frame_too_small"),
        ([*in_chunks(marked[:2]), *in_chunks(marked[:2, :300])], [key], "mark_size_changed"),
        (in_chunks(marked.astype(np.float32)), [key], "mark_frames_invalid"),
    ):
        with pytest.raises(MarkError) as caught:
            read(chunks, keys)
        assert caught.value.code == code
