"""Other codecs behind one interface: they carry our payload and its check, and say what they lack."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from guard.marks import ALGORITHM, MarkError, MarkKey, carriers, codecs, polar, words
from tests import media
from tests.unit.marks.conftest import Frames, Pictures, in_chunks

WIDTH, HEIGHT = 384, 256


@pytest.fixture(scope="module")
def frames() -> Frames:
    return np.stack(list(media.scene(WIDTH, HEIGHT, 6, seed=8)))


@pytest.mark.parametrize("bits", [96, 100, 128, 256, 512, 1000])
def test_a_word_comes_back_from_as_many_bits_as_there_are(bits: int, key: MarkKey, payload: bytes) -> None:
    word = words.written(key, payload, bits)
    assert word.shape == (bits,)
    soft = 1 - 2.0 * word
    assert words.read(key, soft) == payload
    soft[[3, 50]] *= -0.1  # two weak bits say the opposite
    assert words.read(key, soft) == payload


@pytest.mark.parametrize("bits", [96, 128, 512])
def test_noise_and_other_keys_carry_no_payload(
    bits: int, key: MarkKey, other_key: MarkKey, payload: bytes
) -> None:
    draw = np.random.default_rng(5)
    assert all(words.read(key, draw.normal(size=bits)) is None for _ in range(20))
    assert words.read(key, 1 - 2.0 * words.written(other_key, payload, bits)) is None


def test_the_bound_holds_for_three_keys_whatever_the_codec() -> None:
    assert all(words.false_payload_bound(bits, 3) <= 1e-6 for bits in (words.LEAST_BITS, 100, 104, 511, 512))


def test_guesses_come_in_order_of_what_they_cost() -> None:
    costs = [0.1, 0.2, 0.4, 0.9, 1.6, 3.0, 5.0, 8.0, 9.0, 11.0, 12.0]
    guesses = [tuple(sorted(flips)) for flips in words._guesses(costs)]
    assert len(guesses) == len(set(guesses)) == words.GUESSES
    sums = [sum(costs[i] for i in flips) for flips in guesses]
    assert sums == pytest.approx(sorted(sums))


@pytest.mark.parametrize("name", ["lattice", "dwtDct", "dwtDctSvd"])
def test_a_clip_is_marked_and_read(name: str, key: MarkKey, payload: bytes, frames: Frames) -> None:
    codec = codecs.codec(name)
    before = frames.copy()
    embedder = codec.embedder(key, payload, WIDTH, HEIGHT)
    marked = np.concatenate([embedder(frames[:4]), embedder(frames[4:])])
    assert (frames == before).all()
    assert marked.dtype == np.uint8
    reading = codecs.read(in_chunks(marked), [key], codec)
    assert (reading.status, reading.payload, reading.key_id) == ("read", payload, key.id)
    assert reading.p_value <= 1e-6
    assert reading.timeline[0].payload == payload
    plain = codecs.read(in_chunks(frames), [key], codec)
    assert (plain.status, plain.payload) == ("absent", None)
    assert plain == type(plain).from_json(plain.to_json())


def test_other_keys_and_retired_ones(
    key: MarkKey, other_key: MarkKey, payload: bytes, frames: Frames
) -> None:
    codec = codecs.codec("dwtDctSvd")
    marked = codec.embedder(key, payload, WIDTH, HEIGHT)(frames)
    assert codecs.read(in_chunks(marked), [other_key], codec).status == "absent"
    assert codecs.read(in_chunks(marked), [other_key, key], codec).key_id == key.id


def test_riva_gan_carries_a_word_in_parts_of_the_picture(key: MarkKey, payload: bytes) -> None:
    frames = np.stack(list(media.scene(512, 288, 1, seed=3)))
    codec = codecs.codec("rivaGan")
    marked = codec.embedder(key, payload, 512, 288)(frames)
    assert codecs.read(in_chunks(marked), [key], codec).payload == payload
    assert codecs.read(in_chunks(frames), [key], codec).status == "absent"


def test_every_codec_has_its_own_name() -> None:
    assert codecs.codec().algorithm == ALGORITHM
    assert len(set(codecs.ALGORITHMS.values())) == len(codecs.ALGORITHMS) == 6


@pytest.mark.parametrize(
    ("name", "says"),
    [("videoseal", "y_256b_img.jit"), ("trustmark", "pip install trustmark"), ("dwtDCT", "dwtDctSvd")],
)
def test_what_is_not_there_is_named(name: str, says: str) -> None:
    with pytest.raises(MarkError, match=says) as caught:
        codecs.codec(name)
    assert caught.value.code == ("mark_codec_unknown" if name == "dwtDCT" else "mark_codec_missing")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carriers, "find_spec", lambda name: None)
    with pytest.raises(MarkError, match="pip install invisible-watermark") as caught:
        codecs.codec("rivaGan")
    assert caught.value.code == "mark_codec_missing"


@pytest.mark.parametrize("side", [200, 255])
def test_small_frames_are_refused(side: int, key: MarkKey, payload: bytes) -> None:
    codec = codecs.codec("dwtDctSvd")
    with pytest.raises(MarkError) as caught:
        codec.embedder(key, payload, 640, side)
    assert caught.value.code == "mark_frame_too_small"
    shown = np.zeros((2, side, 640, 3), np.uint8)
    assert codecs.read(in_chunks(shown), [key], codec).status == "absent"


def test_bad_arguments_have_codes(key: MarkKey, frames: Frames) -> None:
    codec = codecs.codec("dwtDctSvd")
    with pytest.raises(MarkError) as caught:
        codec.embedder(key, b"short", WIDTH, HEIGHT)
    assert caught.value.code == "mark_payload_invalid"
    with pytest.raises(MarkError) as caught:
        codecs.read(in_chunks(frames), [], codec)
    assert caught.value.code == "mark_keys_invalid"
    with pytest.raises(MarkError) as caught:
        codecs.read(iter(()), [key], codec)
    assert caught.value.code == "mark_no_frames"
    with pytest.raises(MarkError) as caught:
        codecs.read([Pictures(np.zeros(1), frames[:1, ..., :2])], [key], codec)
    assert caught.value.code == "mark_frames_invalid"


class Seal(torch.nn.Module):
    """What Video Seal's TorchScript file offers, over 256 bits, by the signs of 16 x 16 blocks' means."""

    @torch.jit.export
    def embed(self, imgs: torch.Tensor, msgs: torch.Tensor) -> torch.Tensor:
        signs = (msgs * 2 - 1).reshape(-1, 1, 16, 16)
        pattern = torch.nn.functional.interpolate(signs, size=imgs.shape[2:], mode="nearest")
        return (0.5 + 0.1 * pattern).expand_as(imgs)

    @torch.jit.export
    def detect(self, imgs: torch.Tensor) -> torch.Tensor:
        bits = torch.nn.functional.adaptive_avg_pool2d(imgs.mean(dim=1, keepdim=True), [16, 16]) - 0.5
        return torch.cat([torch.zeros(len(imgs), 1), bits.reshape(len(imgs), 256)], dim=1)

    def forward(self, imgs: torch.Tensor) -> torch.Tensor:
        return imgs


def test_video_seal_is_its_torchscript_file(
    tmp_path: Path, key: MarkKey, payload: bytes, frames: Frames
) -> None:
    weights = tmp_path / "y_256b_img.jit"
    torch.jit.script(Seal()).save(str(weights))
    codec = codecs.codec("videoseal", weights)
    marked = codec.embedder(key, payload, WIDTH, HEIGHT)(frames)
    assert marked.shape == frames.shape
    assert codecs.read(in_chunks(marked), [key], codec).payload == payload
    assert codecs.read(in_chunks(frames), [key], codec).status == "absent"


@pytest.mark.parametrize("content", ["text", "another model"])
def test_a_file_that_is_no_video_seal_is_refused(content: str, tmp_path: Path) -> None:
    weights = tmp_path / "other.jit"
    if content == "text":
        weights.write_text("no model")
    else:
        torch.jit.script(torch.nn.Linear(2, 2)).save(str(weights))
    with pytest.raises(MarkError) as caught:
        codecs.codec("videoseal", weights)
    assert caught.value.code == "mark_codec_invalid"


class Trust:
    """What trustmark's class offers as this software calls it: 100 bits, here in the top row of the picture."""

    def __init__(self, use_ECC: bool, verbose: bool, device: str, model_type: str, loadRemover: bool) -> None:  # noqa: N803
        assert (use_ECC, device, model_type, loadRemover) == (False, "cpu", "Q", False)

    def encode(self, image: Image.Image, secret: str, MODE: str) -> Image.Image:  # noqa: N803
        assert MODE == "binary"
        assert len(secret) == 100
        pixels = np.array(image)
        pixels[0, :100] = 255 * np.array([int(bit) for bit in secret])[:, None]
        return Image.fromarray(pixels)

    def decode(self, image: Image.Image, MODE: str) -> tuple[str, bool, int]:  # noqa: N803
        assert MODE == "binary"
        return "".join(str(int(value > 127)) for value in np.array(image)[0, :100, 0]), True, -1


@pytest.fixture
def trustmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package with its weights; returns the folder of the latter."""
    folder = tmp_path / "trustmark" / "models"
    folder.mkdir(parents=True)
    for name in carriers.TRUSTMARK_FILES:
        (folder / name).write_bytes(name.encode())
    known = {name: hashlib.md5(name.encode()).hexdigest() for name in carriers.TRUSTMARK_FILES}
    package, module = ModuleType("trustmark"), ModuleType("trustmark.trustmark")
    module.TrustMark, module.MODEL_CHECKSUMS = Trust, known  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trustmark", package)
    monkeypatch.setitem(sys.modules, "trustmark.trustmark", module)
    found = SimpleNamespace(submodule_search_locations=[str(folder.parent)])
    monkeypatch.setattr(carriers, "find_spec", lambda name: found)
    return folder


def test_trust_mark_carries_a_word_without_its_own_code(
    trustmark: Path, key: MarkKey, payload: bytes, frames: Frames
) -> None:
    codec = codecs.codec("trustmark")
    marked = codec.embedder(key, payload, WIDTH, HEIGHT)(frames)
    assert codecs.read(in_chunks(marked), [key], codec).payload == payload
    assert codecs.read(in_chunks(frames), [key], codec).status == "absent"


def test_trust_mark_is_given_its_own_weights_or_nothing(trustmark: Path) -> None:
    (trustmark / "decoder_Q.ckpt").write_bytes(b"another file")
    with pytest.raises(MarkError, match=r"decoder_Q\.ckpt") as caught:
        codecs.codec("trustmark")
    assert caught.value.code == "mark_codec_invalid"
    (trustmark / "decoder_Q.ckpt").unlink()
    with pytest.raises(MarkError, match=r"decoder_Q\.ckpt in .*models") as caught:
        codecs.codec("trustmark")
    assert caught.value.code == "mark_codec_missing"


def test_the_code_word_is_the_lattice_s(key: MarkKey, payload: bytes) -> None:
    assert (words.written(key, payload, 512) == polar.encode(key, payload)).all()
