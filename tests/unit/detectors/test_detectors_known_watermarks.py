from __future__ import annotations

import io

import imwatermark
import numpy as np
import pytest
from PIL import Image

from detectors import Claim, Evidence, Outcome, VerdictName, decide
from detectors.known_watermarks import (
    CONTRAST,
    MIN_SIDE,
    PAYLOADS,
    KnownWatermarks,
    Payload,
    match,
    read_blocks,
)
from tests.unit.detectors.samples import Frames, subject, texture

BY_NAME = {payload.name: payload for payload in PAYLOADS}


def mark(picture: np.ndarray, payload: Payload) -> np.ndarray:
    """Embed with the package's own encoder, which works on BGR."""
    encoder = imwatermark.WatermarkEncoder()
    encoder.set_watermark("bits", [int(bit) for bit in payload.bits])
    return np.ascontiguousarray(
        encoder.encode(np.ascontiguousarray(picture[:, :, ::-1]), "dwtDct")[:, :, ::-1]
    )


def through(picture: np.ndarray, kind: str, **options: int) -> np.ndarray:
    """The picture after a round trip through a file format."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return np.array(Image.open(file).convert("RGB"))


def examine(*pictures: np.ndarray, **options: object) -> list[Evidence]:
    return KnownWatermarks().examine(subject(Frames(np.stack(pictures), **options)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sdxl() -> np.ndarray:
    return mark(texture(1), BY_NAME["SDXL"])


def test_the_payloads_are_the_published_constants() -> None:
    digits = {name: "".join("01"[int(bit)] for bit in payload.bits) for name, payload in BY_NAME.items()}
    assert digits["SDXL"] == f"{0xB3EC907BB19E:b}"
    # The generator turns its constant into digits the same way, and so loses the two leading zeros.
    assert digits["FLUX"] == f"{0x2AFE879CF52E:b}"
    assert len(digits["FLUX"]) == 46
    assert digits["SD1"] == "".join(f"{byte:08b}" for byte in b"StableDiffusionV1")
    assert digits["SD2"] == "".join(f"{byte:08b}" for byte in b"SDV2")
    assert len({len(digits[name]) for name in ("SD1", "SDXL", "FLUX", "InvokeAI")}) == 4


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.name)
def test_a_payload_is_read_off_a_lossless_picture(payload: Payload) -> None:
    picture = through(mark(texture(2), payload), "PNG")
    found = examine(picture)
    assert [item.details["payload"] for item in found] == [payload.name]
    assert found[0].claim is Claim.KNOWN_AI_PAYLOAD
    assert int(str(found[0].details["bits_matched"])) >= payload.least
    assert float(str(found[0].details["contrast"])) > 2 * CONTRAST
    assert decide(found).verdict is VerdictName.KNOWN_AI_WATERMARK


def test_one_pass_reads_what_the_packages_decoder_reads(sdxl: np.ndarray) -> None:
    blocks = read_blocks(sdxl)
    for length in (32, 46, 48, 64, 136):
        expected = imwatermark.WatermarkDecoder("bits", length).decode(
            np.ascontiguousarray(sdxl[:, :, ::-1]), "dwtDct"
        )
        index = np.arange(len(blocks)) % length
        share = np.bincount(index, weights=blocks) / np.bincount(index)
        assert ((share * 255 > 127) == expected).all()


def test_flux_is_not_read_with_its_leading_zeros() -> None:
    flux = BY_NAME["FLUX"]
    longer = Payload("48", "", np.concatenate([[False, False], flux.bits]), least=44)
    blocks = read_blocks(mark(texture(3), flux))
    assert match(blocks, flux) is not None
    assert match(blocks, longer) is None


def test_the_order_of_colours_matters(sdxl: np.ndarray) -> None:
    swapped = np.ascontiguousarray(sdxl[:, :, ::-1])
    assert examine(sdxl)[0].outcome is Outcome.DETECTED
    assert examine(swapped)[0].outcome is Outcome.NOT_DETECTED


@pytest.mark.parametrize("harm", ["jpeg", "crop", "resize"])
def test_what_the_payload_does_not_survive_is_not_detected(sdxl: np.ndarray, harm: str) -> None:
    harmed = {
        "jpeg": lambda: through(sdxl, "JPEG", quality=75),
        "crop": lambda: np.ascontiguousarray(sdxl[:, 8:]),
        "resize": lambda: np.array(Image.fromarray(sdxl).resize((336, 288))),
    }[harm]()
    assert [item.outcome for item in examine(harmed)] == [Outcome.NOT_DETECTED]


def test_unmarked_pictures_hold_nothing() -> None:
    for seed in range(100, 150):
        assert [item.outcome for item in examine(texture(seed, 256, 256))] == [Outcome.NOT_DETECTED], seed


@pytest.mark.parametrize("level", [0, 17, 128, 200, 255])
def test_flat_pictures_hold_nothing(level: int) -> None:
    flat = np.full((256, 320, 3), level, np.uint8)
    half = flat.copy()
    half[:, :160] = (200, 30, 60)
    assert [item.outcome for item in examine(flat)] == [Outcome.NOT_DETECTED]
    assert [item.outcome for item in examine(half)] == [Outcome.NOT_DETECTED]


def test_bits_without_contrast_are_not_enough() -> None:
    """Votes that lean the right way by a hair match every bit of the payload."""
    payload = BY_NAME["SDXL"]
    blocks = np.zeros(48 * 100, np.bool_)
    by_bit = blocks.reshape(100, 48)
    by_bit[:52, payload.bits] = True
    by_bit[:48, ~payload.bits] = True
    assert match(blocks, payload) is None
    by_bit[:90, payload.bits] = True
    assert match(blocks, payload) is not None


@pytest.mark.parametrize(("codec", "width"), [("mjpeg", 448), ("png", 440)])
def test_short_payloads_need_a_picture_as_generated(codec: str, width: int) -> None:
    marked = mark(texture(3, width=width), BY_NAME["SD2"])
    assert match(read_blocks(marked), BY_NAME["SD2"]) is not None
    assert [item.outcome for item in examine(marked, codec=codec)] == [Outcome.NOT_DETECTED]


@pytest.mark.parametrize(
    ("half", "at_ms", "asked"),
    [(25, [2500, 4500], [0.5]), (100, [10_000, 18_000], [2.0, 10.0, 18.0])],
    ids=["short: one pass", "long: three seeks"],
)
def test_three_frames_of_a_clip_are_read(
    sdxl: np.ndarray, half: int, at_ms: list[int], asked: list[float]
) -> None:
    plain = texture(1)
    clip = Frames(np.stack([plain] * half + [sdxl] * half), codec="ffv1", kind="video", fps=10)
    found = KnownWatermarks().examine(subject(clip))
    assert found[0].details["frames_examined"] == 3
    assert found[0].details["frames_at_ms"] == at_ms
    assert [span and round(span[0], 3) for span in clip.asked] == asked


def test_a_clip_whose_container_overstates_its_rate_is_read_at_three_places(sdxl: np.ndarray) -> None:
    clip = Frames(np.stack([texture(1)] * 25 + [sdxl] * 25), codec="ffv1", kind="video", fps=10, rate=240)
    assert KnownWatermarks().examine(subject(clip))[0].details["frames_examined"] == 3


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan"), float("inf")])
def test_a_clip_of_unknown_length_is_read_from_its_start(sdxl: np.ndarray, duration: float) -> None:
    clip = Frames(sdxl[None], codec="ffv1", kind="video", duration=duration)
    assert KnownWatermarks().examine(subject(clip))[0].outcome is Outcome.DETECTED
    assert clip.asked == [None]


def test_a_clip_of_one_frame_is_read(sdxl: np.ndarray) -> None:
    clip = Frames(sdxl[None], codec="ffv1", kind="video", fps=1, duration=1.0)
    assert KnownWatermarks().examine(subject(clip))[0].details["frames_examined"] == 1


def test_large_pictures_are_read_in_part(monkeypatch: pytest.MonkeyPatch, sdxl: np.ndarray) -> None:
    monkeypatch.setattr("detectors.known_watermarks.MAX_PIXELS", 448 * 300)
    blocks = read_blocks(sdxl)
    assert len(blocks) == (296 // 8) * (448 // 8)
    assert match(blocks, BY_NAME["SDXL"]) is not None


def test_nothing_to_look_at_is_unavailable() -> None:
    small = texture(1, MIN_SIDE - 1, 400)
    assert [item.outcome for item in examine(small)] == [Outcome.UNAVAILABLE]
    assert [item.outcome for item in KnownWatermarks().examine(subject(None))] == [Outcome.UNAVAILABLE]
    sound = Frames(np.zeros((0, 0, 0, 3), np.uint8), kind="audio")
    assert [item.outcome for item in KnownWatermarks().examine(subject(sound))] == [Outcome.UNAVAILABLE]
