"""The watermark benchmark: attacks give clips, counts are right, a broken-off run goes on, peers are the package's."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from imwatermark import WatermarkDecoder, WatermarkEncoder

from benchmarks.watermark import clips, counts, plot, run, suite
from benchmarks.watermark.coding import Clip, from_rgb, to_rgb
from benchmarks.watermark.contestants import contestant, payload_for
from benchmarks.watermark.goals import EVERY_INVISIBLE, EVERY_ROBUST, goals
from benchmarks.watermark.quality import quality
from guard.marks import dwt
from tests import media

WIDTH, HEIGHT, FRAMES = 320, 192, 10
SIZES = {
    "resize 75 %": (240, 144), "resize 50 %": (160, 96), "resize 30 %": (96, 56), "aspect 0.8": (256, 192),
    "letterbox 4:3": (320, 240), "padded to a square": (320, 320), "crop to 9:16": (108, 192),
    "crop 90 %": (288, 172), "crop 75 %": (240, 144), "crop 50 %": (160, 96), "rotation 90 deg": (192, 320),
    "social: 640 wide, CRF 30": (640, 384), "social: 480 wide, CRF 33, rate 0.8": (480, 288),
    "crop 80 %, brightness 0.8, CRF 30": (256, 152), "crop 71 %, brightness 0.5, CRF 23": (226, 136),
    "CRF 40, crop 71 %, brightness 0.5": (226, 136),
}  # fmt: skip
LENGTHS = {
    "rate 0.8": 8, "every second frame": 5, "one second": 10, "speed 1.25": 8, "rate 1.6, blended": 14,
    "two frames blended": 9, "middle cut out": 6, "twice at CRF 28": 9, "social: 480 wide, CRF 33, rate 0.8": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.stack(list(media.scene(WIDTH, HEIGHT, FRAMES, seed=4)))


@pytest.fixture(scope="module")
def clip(frames: np.ndarray) -> Clip:
    return from_rgb(frames, Fraction(25))


@pytest.fixture(scope="module")
def stranger() -> Clip:
    return from_rgb(np.stack(list(media.scene(WIDTH, HEIGHT, FRAMES, seed=9))), Fraction(25))


@pytest.mark.parametrize("attack", [*suite.SUITE, *suite.STILLS], ids=lambda attack: attack.name)
def test_an_attack_gives_a_clip_of_the_size_and_length_it_should(
    attack: suite.Attack, clip: Clip, stranger: Clip
) -> None:
    before = clip.planes.copy()
    after = attack(clip, stranger)
    name = attack.name.removesuffix(", JPEG 80")
    assert (after.width, after.height) == SIZES.get(name, (WIDTH, HEIGHT))
    assert len(after.planes) == LENGTHS.get(name, FRAMES)
    assert after.planes.dtype == np.uint8
    assert (clip.planes == before).all(), "an attack changed the clip that the next one gets"
    assert (
        after.planes is clip.planes
        if attack.name == "none"
        else not np.array_equal(after.planes, clip.planes)
    )


def test_what_an_attack_is_stored_under_changes_with_what_it_does() -> None:
    digests = {attack.digest for attack in (*suite.SUITE, *suite.STILLS[1:])}
    assert len(digests) == len(suite.SUITE) + len(suite.STILLS) - 1


def test_the_suite_holds_what_the_goals_ask_for() -> None:
    names = [attack.name for attack in suite.SUITE]
    assert len(set(names)) == len(names)
    assert {*EVERY_ROBUST, *EVERY_INVISIBLE, *suite.OF_RIVA} <= set(names)


def test_picture_in_picture_puts_one_clip_in_the_other_corner(clip: Clip, stranger: Clip) -> None:
    attack = next(attack for attack in suite.SUITE if attack.name == "a stranger's picture in ours")
    changed = to_rgb(attack(clip, stranger)).astype(int) - to_rgb(clip)
    error = np.abs(changed).mean(axis=(0, 3))
    assert error[: HEIGHT // 2, : WIDTH // 2].mean() < 8
    assert error[HEIGHT * 2 // 3 : -20, WIDTH * 2 // 3 : -24].mean() > 20


def test_splicing_keeps_our_first_half_and_their_second(clip: Clip, stranger: Clip) -> None:
    attack = next(attack for attack in suite.SUITE if attack.name == "half of it a stranger's")
    after = attack(clip, stranger).planes.astype(int)
    half = FRAMES // 2
    assert np.abs(after[:half] - clip.planes[:half]).mean() < 6
    assert np.abs(after[half:] - stranger.planes[half:]).mean() < 6


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 12, 0.0, 0.2646), (12, 12, 0.7354, 1.0), (5, 10, 0.1871, 0.8129), (1, 20, 0.0013, 0.2487)],
)
def test_the_interval_is_clopper_and_pearsons(count: int, of: int, low: float, high: float) -> None:
    assert counts.interval(count, of) == pytest.approx((low, high), abs=2e-4)


def test_counts_say_who_read_what(cells: list[run.Cell]) -> None:
    rows = {(row["contestant"], row["attack"]): row for row in counts.survival(cells, "clips")}
    assert (rows["robust", "mirror"]["exact"], rows["robust", "mirror"]["n"]) == (2, 2)
    assert rows["dwtDctSvd + code", "resize 50 %"]["exact"] == 1
    sums = {row["contestant"]: row for row in counts.totals(cells, "clips")}
    assert sums["dwtDctSvd + code"]["size told"] == 1
    assert counts.shared(cells, "robust", "dwtDctSvd + code", told=True) == (4, 2, 4)
    assert counts.shared(cells, "robust", "dwtDctSvd + code", told=False) == (4, 1, 4)


def test_a_wrong_payload_and_a_lost_clip_miss_their_goals(cells: list[run.Cell]) -> None:
    lines = {line.name: line for line in goals(cells, {})}
    assert lines["robust: share read, mirror"].met
    assert lines["robust: share read, H.264 CRF 18"].met is None
    assert lines["wrong payloads read"].met
    spoilt = [{**cells[0], "outcome": "wrong"}, *cells[1:]]
    lines = {line.name: line for line in goals(spoilt, {})}
    assert lines["robust: share read, mirror"].met is False
    assert lines["wrong payloads read"].met is False


@pytest.fixture
def cells() -> list[run.Cell]:
    def cell(contestant: str, clip: str, attack: str, outcome: str) -> run.Cell:
        resized = attack == "resize 50 %"
        return {"contestant": contestant, "section": "clips", "clip": clip, "attack": attack, "outcome": outcome,
                "read ms": 1.0, "resized": resized}  # fmt: skip

    ours = [cell("robust", clip, attack, "exact") for attack in ("mirror", "resize 50 %") for clip in "ab"]
    theirs = [("a", "mirror", "exact"), ("b", "mirror", "absent"), ("a", "resize 50 %", "exact"),
              ("b", "resize 50 %", "absent")]  # fmt: skip
    return ours + [cell("dwtDctSvd + code", *rest) for rest in theirs]


def test_a_run_that_was_broken_off_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = run.Job("robust", "quick", "texture", None, ("scene 1", None), ("none", "mirror"))
    store = run.Store(tmp_path / "cells.jsonl")
    run.work([run.Job(**{**job.__dict__, "attacks": ("none",)})], store, 1)
    assert [cell["outcome"] for cell in run.stored([job], store)] == ["exact"]
    assert [part.attacks for part in run._open(job, run.Store(tmp_path / "cells.jsonl"))] == [("mirror",)]
    run.work([job], store, 1)
    both = run.stored([job], run.Store(tmp_path / "cells.jsonl"))
    assert [cell["attack"] for cell in both] == ["none", "mirror"]
    assert len((tmp_path / "cells.jsonl").read_text().splitlines()) == 2
    # another codec is another key
    monkeypatch.setattr("benchmarks.watermark.contestants.source_digest", lambda: "changed")
    assert [part.attacks for part in run._open(job, run.Store(tmp_path / "cells.jsonl"))] == [
        ("none", "mirror")
    ]


@pytest.mark.parametrize(("method", "kind"), [("dwtDctSvd", dwt.Svd), ("dwtDct", dwt.MaxDct)])
def test_the_peers_do_what_their_package_does(method: str, kind: type, frames: np.ndarray) -> None:
    picture = np.ascontiguousarray(np.pad(frames[0], ((0, 100), (0, 0), (0, 0)), "reflect"))
    bits = [int(bit) for bit in np.random.default_rng(0).integers(0, 2, 64)]
    encoder, decoder = WatermarkEncoder(), WatermarkDecoder("bits", 64)
    encoder.set_by_bits(bits)
    theirs, ours = encoder.encode(picture, method), kind(bits, 64).encode(picture)
    # values on the edge of a step may fall to either side
    assert (theirs != ours).mean() < 0.002
    assert (decoder.decode(theirs, method) == kind([], 64).decode(theirs)).all()
    assert ((dwt.soft(kind([], 64), theirs) < 0) == np.array(bits)).mean() > 0.95


def test_what_marking_does_is_measured(frames: np.ndarray) -> None:
    same = quality(frames, frames)
    assert same["ssim"] == pytest.approx(1)
    assert same["psnr"] is not None
    assert same["psnr"] > 90
    worse = frames.copy()
    worse[3] = np.clip(worse[3].astype(int) + 10, 0, 255)
    changed = quality(frames, worse)
    assert changed["psnr worst"] == pytest.approx(28.1, abs=0.3)


def test_a_peer_is_shown_pictures_scaled_back(frames: np.ndarray) -> None:
    from benchmarks.watermark.contestants import _sizes

    small = frames[:, ::2, ::2]
    assert [pictures.shape[1:3] for pictures in _sizes(small, (WIDTH, HEIGHT))] == [(HEIGHT, WIDTH)]
    assert len(_sizes(frames, (WIDTH, HEIGHT))) == 1


def test_contestants_carry_the_same_payload() -> None:
    ours, plain = contestant("robust"), contestant("dwtDctSvd")
    assert payload_for(ours, "x") == payload_for(plain, "x") != payload_for(ours, "y")
    assert ours.digest != contestant("invisible").digest


def test_test_clips_are_none_that_were_tuned_on(tmp_path: Path) -> None:
    sources = (*clips.CLIPS, *clips.STILLS)
    assert len(clips.CLIPS) >= 12
    assert all(source.sha256[0] in "89abcdef" and len(source.sha256) == 64 for source in sources)
    (tmp_path / "other.mp4").write_bytes(b"x" * clips.CLIPS[0].size)
    assert clips.found(tmp_path, clips.CLIPS) == {}


def test_the_plot_is_drawn(tmp_path: Path, cells: list[run.Cell]) -> None:
    from PIL import Image

    target = tmp_path / "plot.png"
    plot.heatmap(counts.survival(cells, "clips"), ["robust", "dwtDctSvd + code"], target, "A title")
    with Image.open(target) as picture:
        assert picture.width > 1000
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10


def test_a_quick_run_measures_what_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.watermark import __main__ as program

    monkeypatch.setattr(program.speed, "figures", lambda runs: {"embed fps 720p": 120.0})
    monkeypatch.setattr(program, "rendered_jobs", lambda: iter([
        run.Job("robust", "quick", "texture", None, ("scene 1", None), (run.QUALITY, "none")),
    ]))  # fmt: skip
    target = tmp_path / "found.json"
    monkeypatch.setattr(
        "sys.argv",
        ["watermark", "--quick", "--json", str(target), "--work", str(tmp_path / "w"), "--jobs", "1"],
    )
    assert program.main() == 0
    found = json.loads(target.read_text())
    lines = {line["name"]: line for line in found["goals"]}
    assert lines["robust: share read, H.264 CRF 32"]["met"] is None
    assert lines["embedding at 720p, frames a second of one core"]["met"] is True
    assert found["quick"]["survival"][0]["exact"] == 1
