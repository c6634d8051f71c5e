"""Embedding: quality, determinism, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from guard.marks import PRESETS, Embedder, MarkError, MarkKey, embed, stronger
from tests import media

from .conftest import in_chunks

Frames = NDArray[np.uint8]


@pytest.mark.parametrize("preset", list(PRESETS))
def test_no_frame_falls_below_the_presets_psnr(
    textured_clip: Frames, key: MarkKey, payload: bytes, preset: str
) -> None:
    clip = textured_clip[:12]
    marked = Embedder(key, payload, 640, 360, preset)(clip)
    ratios = [media.psnr(a, b) for a, b in zip(clip, marked, strict=True)]
    assert min(ratios) >= PRESETS[preset].psnr
    # and most of what it allows is used, but where the cap of flat areas holds the mark back
    assert np.mean(ratios) <= PRESETS[preset].psnr + 2.5


def test_flat_areas_are_capped(key: MarkKey, payload: bytes) -> None:
    grey = np.full((4, 360, 640, 3), 128, np.uint8)
    for name in ("invisible", "robust"):
        change = Embedder(key, payload, 640, 360, name)(grey).astype(int) - 128
        assert change.std() == pytest.approx(np.hypot(PRESETS[name].flat, np.sqrt(1 / 6)), rel=0.1)
        assert abs(change.mean()) < 0.05


def test_chroma_is_untouched(textured_clip: Frames, key: MarkKey, payload: bytes) -> None:
    clip = np.clip(textured_clip[:4], 20, 235)
    change = Embedder(key, payload, 640, 360)(clip).astype(int) - clip
    assert np.count_nonzero(change) > 0
    assert np.array_equal(change[..., 0], change[..., 1])
    assert np.array_equal(change[..., 0], change[..., 2])


def test_saturated_pictures_stay_in_range(key: MarkKey, payload: bytes) -> None:
    for value in (0, 255):
        clip = np.full((2, 128, 128, 3), value, np.uint8)
        marked = Embedder(key, payload, 128, 128, "strong")(clip)
        assert np.abs(marked.astype(int) - clip).max() < 40


def test_chunking_does_not_matter(textured_clip: Frames, key: MarkKey, payload: bytes) -> None:
    clip = textured_clip[:11].copy()
    clip[4:7] //= 3  # a change of scene makes the servo move
    whole = Embedder(key, payload, 640, 360)(clip)
    embedder = Embedder(key, payload, 640, 360)
    parts = np.concatenate([embedder(clip[:1]), embedder(clip[1:6]), embedder(clip[6:])])
    assert np.array_equal(whole, parts)
    assert np.array_equal(whole, Embedder(key, payload, 640, 360)(clip))


def test_input_is_left_alone(textured_clip: Frames, key: MarkKey, payload: bytes) -> None:
    before = textured_clip[:2].copy()
    view = textured_clip[:2, :, ::-1]
    Embedder(key, payload, 640, 360)(view)
    assert np.array_equal(textured_clip[:2], before)


def test_frames_may_lie_in_memory_in_any_order(textured_clip: Frames, key: MarkKey, payload: bytes) -> None:
    clip = textured_clip[:2]
    planes_first = np.ascontiguousarray(clip.transpose(3, 0, 1, 2)).transpose(1, 2, 3, 0)
    marked = Embedder(key, payload, 640, 360)(planes_first)
    assert np.array_equal(marked, Embedder(key, payload, 640, 360)(clip))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((b"short", 640, 360, "robust"), "mark_payload_invalid"),
        ((bytes(8), 640, 120, "robust"), "mark_frame_too_small"),
        ((bytes(8), 640, 360, "loud"), "mark_preset_unknown"),
    ],
)
def test_refusals(key: MarkKey, arguments: tuple[bytes, int, int, str], code: str) -> None:
    with pytest.raises(MarkError) as caught:
        Embedder(key, *arguments)
    assert caught.value.code == code


def test_wrong_frames_are_refused(key: MarkKey, payload: bytes) -> None:
    embedder = Embedder(key, payload, 640, 360)
    with pytest.raises(MarkError) as caught:
        embedder(np.zeros((1, 360, 642, 3), np.uint8))
    assert caught.value.code == "mark_size_changed"
    with pytest.raises(MarkError) as caught:
        embedder(np.zeros((360, 640, 3), np.uint8))
    assert caught.value.code == "mark_frames_invalid"


def test_presets_get_stronger_and_end() -> None:
    assert stronger("invisible") == "robust"
    assert stronger("robust") == "strong"
    assert stronger("strong") is None
    assert PRESETS["invisible"].psnr >= 45
    assert PRESETS["robust"].psnr >= 42


def noisy_wall(deviation: float) -> Frames:
    rng = np.random.default_rng(3)
    wall = 128 + rng.normal(0, deviation, (3, 360, 640, 1)).repeat(3, axis=3)
    return np.clip(np.rint(wall), 0, 255).astype(np.uint8)


def strength(clip: Frames, marked: Frames) -> float:
    """Of the mark alone: its change of neighbouring pixels is alike, that of rounding is not."""
    change = marked[..., 0].astype(float) - clip[..., 0]
    blocks = change[:, : change.shape[1] // 4 * 4, : change.shape[2] // 4 * 4]
    smooth = blocks.reshape(len(blocks), blocks.shape[1] // 4, 4, -1, 4).mean(axis=(2, 4))
    return float(smooth.std())


def test_camera_noise_on_a_wall_is_no_texture(key: MarkKey, payload: bytes) -> None:
    clean, quiet = noisy_wall(0), noisy_wall(1)
    for name in ("invisible", "robust"):
        plain = strength(clean, Embedder(key, payload, 640, 360, name)(clean))
        assert strength(quiet, Embedder(key, payload, 640, 360, name)(quiet)) == pytest.approx(
            plain, rel=0.15
        )


def test_texture_takes_what_the_cap_on_flat_areas_leaves(
    textured_clip: Frames, key: MarkKey, payload: bytes
) -> None:
    clip = textured_clip[:6].copy()
    clip[:, :, :480] = 128  # three quarters of the picture are a wall
    marked = Embedder(key, payload, 640, 360, "invisible")(clip)
    flat = strength(clip[:, 20:-20, 20:440], marked[:, 20:-20, 20:440])
    busy = strength(clip[:, :, 500:], marked[:, :, 500:])
    assert flat <= PRESETS["invisible"].flat * 1.1
    assert busy > 2.5 * flat
    assert min(media.psnr(a, b) for a, b in zip(clip, marked, strict=True)) >= 45


def test_a_stream_is_marked_as_a_clip_is(textured_clip: Frames, key: MarkKey, payload: bytes) -> None:
    clip = textured_clip[:10]
    parts = list(embed(in_chunks(clip, 4), payload, key, "invisible"))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert np.array_equal(np.concatenate(parts), Embedder(key, payload, 640, 360, "invisible")(clip))
