"""Writing clips: exact where it must be, the same bytes each time, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from guard.media import MediaError, VideoFile, encode, probe, strip_metadata, write_lossless
from guard.media.boxes import outermost
from tests import media


def everything(path: Path) -> np.ndarray:
    return np.concatenate([chunk.frames for chunk in VideoFile(path).chunks()])


@pytest.fixture(scope="module")
def pictures(pictures_360: np.ndarray) -> np.ndarray:
    """36 small pictures: more than a chunk, quick to encode."""
    return np.ascontiguousarray(pictures_360[:36, ::2, ::2])


@pytest.fixture(scope="module")
def raw(media_folder: Path, pictures: np.ndarray) -> Path:
    path = media_folder / "raw.avi"
    write_lossless(path, [pictures[:20], pictures[20:]], width=320, height=180, fps=24)
    return path


def test_lossless_is_lossless(raw: Path, pictures: np.ndarray) -> None:
    info = probe(raw)
    assert (info.codec, info.fps, info.width, info.height) == ("utvideo", Fraction(24), 320, 180)
    assert info.frames == 36
    assert raw.stat().st_mode & 0o777 == 0o600
    assert np.array_equal(everything(raw), pictures)


@pytest.mark.parametrize(
    "fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(12)]
)
def test_times_survive_the_way_from_raw_to_release(fps: Fraction, tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (30, 37, 53, 3), np.uint8)
    write_lossless(tmp_path / "raw.avi", [noise], width=53, height=37, fps=fps)
    assert np.array_equal(everything(tmp_path / "raw.avi"), noise)
    even = np.ascontiguousarray(noise[:, :36, :52])
    write_lossless(tmp_path / "even.avi", [even], width=52, height=36, fps=fps)
    info = encode(VideoFile(tmp_path / "even.avi"), tmp_path / "out.mp4")
    assert (info.fps, info.frames) == (fps, 30)
    times = np.concatenate([chunk.times for chunk in VideoFile(tmp_path / "out.mp4").chunks()])
    assert times == pytest.approx(np.arange(30) / float(fps), abs=1e-9)


def test_encoding_is_close_tagged_and_starts_with_the_index(
    raw: Path, tmp_path: Path, pictures: np.ndarray
) -> None:
    seen: list[float] = []
    info = encode(VideoFile(raw), tmp_path / "out.mp4", progress=seen.append)
    assert (info.codec, info.frames, info.fps, info.audio) == ("h264", 36, Fraction(24), False)
    assert media.psnr(everything(tmp_path / "out.mp4"), pictures) > 33
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.pix_fmt == "yuv420p"
        frame = next(container.decode(stream))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)
        assert "encoder" not in container.metadata
        assert "creation_time" not in container.metadata
    with (tmp_path / "out.mp4").open("rb") as file:
        kinds = [box.kind for box in outermost(file)]
    assert kinds.index(b"moov") < kinds.index(b"mdat")


def test_the_same_input_gives_the_same_bytes(raw: Path, clip_with_sound: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from guard.media import VideoFile, encode;"
        "encode(VideoFile(sys.argv[1]), sys.argv[2], audio_from=sys.argv[3])"
    )
    for fill in ("1", "170", "254"):  # what malloc leaves in fresh memory must not reach the file
        command = [sys.executable, "-c", program, str(raw), str(tmp_path / fill), str(clip_with_sound)]
        subprocess.run(command, check=True, env={**os.environ, "MALLOC_PERTURB_": fill})
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_the_transform_sees_every_chunk(raw: Path, tmp_path: Path, pictures: np.ndarray) -> None:
    shapes = []

    def invert(frames: np.ndarray) -> np.ndarray:
        shapes.append(frames.shape)
        return 255 - frames

    encode(VideoFile(raw), tmp_path / "out.mp4", transform=invert)
    assert shapes == [(32, 180, 320, 3), (4, 180, 320, 3)]
    assert media.psnr(everything(tmp_path / "out.mp4"), 255 - pictures) > 33


def samples(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        assert frames
        start = container.streams.audio[0].start_time
    assert start is not None
    return np.concatenate(frames, axis=1)


def test_sound_that_mp4_can_hold_is_copied(raw: Path, clip_with_sound: Path, tmp_path: Path) -> None:
    info = encode(VideoFile(raw), tmp_path / "out.mp4", audio_from=clip_with_sound)
    assert info.audio
    assert np.array_equal(samples(tmp_path / "out.mp4"), samples(clip_with_sound))


def test_other_sound_becomes_aac(raw: Path, tmp_path: Path) -> None:
    wave = media.write_clip(tmp_path / "tone.wav", iter(()), sound="pcm_s16le", seconds=2)
    info = encode(VideoFile(raw), tmp_path / "out.mp4", audio_from=wave)
    assert info.audio
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    heard = samples(tmp_path / "out.mp4")[0]
    assert len(heard) / 48000 == pytest.approx(2.0, abs=0.05)
    spectrum = np.abs(np.fft.rfft(heard[4800 : 4800 + 48000]))
    assert int(spectrum.argmax()) == pytest.approx(440, abs=1)


def test_a_silent_source_stays_silent(raw: Path, clip_360: Path, tmp_path: Path) -> None:
    assert not encode(VideoFile(raw), tmp_path / "out.mp4", audio_from=clip_360).audio


def test_odd_sizes_and_wrong_shapes_are_refused(tmp_path: Path) -> None:
    frames = np.zeros((2, 37, 53, 3), np.uint8)
    write_lossless(tmp_path / "odd.avi", [frames], width=53, height=37, fps=24)
    with pytest.raises(MediaError) as caught:
        encode(VideoFile(tmp_path / "odd.avi"), tmp_path / "out.mp4")
    assert caught.value.code == "media_size_unsupported"
    with pytest.raises(MediaError) as caught:
        write_lossless(tmp_path / "wrong.avi", [frames], width=54, height=37, fps=24)
    assert caught.value.code == "media_size_unsupported"
    with pytest.raises(MediaError) as caught:
        write_lossless(tmp_path / "none.avi", [], width=54, height=37, fps=24)
    assert caught.value.code == "media_no_video"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["odd.avi"]


def test_a_failure_in_mid_encode_leaves_the_old_file(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    calls = []

    def fail_later(frames: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("power cut")
        return frames

    with pytest.raises(RuntimeError, match="power cut"):
        encode(VideoFile(raw), out, transform=fail_later)
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_an_unknown_encoder_is_named(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        encode(VideoFile(raw), tmp_path / "out.mp4", encoder="libnone")  # type: ignore[arg-type]
    assert caught.value.code == "media_encoder_missing"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_write_error(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        encode(VideoFile(raw), tmp_path / "none" / "out.mp4")
    assert caught.value.code == "media_write_failed"


def test_stripping_keeps_pictures_and_sound_and_nothing_else(clip_with_sound: Path, tmp_path: Path) -> None:
    tagged = tmp_path / "tagged.mp4"
    content = clip_with_sound.read_bytes()
    extra = b"credentials" * 20
    tagged.write_bytes(content + (len(extra) + 8).to_bytes(4, "big") + b"uuid" + extra)
    strip_metadata(tagged, tmp_path / "bare.mp4")
    assert b"credentials" not in (tmp_path / "bare.mp4").read_bytes()
    assert np.array_equal(everything(tmp_path / "bare.mp4"), everything(clip_with_sound))
    assert np.array_equal(samples(tmp_path / "bare.mp4"), samples(clip_with_sound))


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_a_copy_out_of_matroska_keeps_every_picture(count: int, tmp_path: Path) -> None:
    source = media.write_clip(
        tmp_path / "clip.mkv", media.scene(64, 48, count)
    )  # the encoder reorders pictures
    strip_metadata(source, tmp_path / "clip.mp4")

    def pictures(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]

    assert len(pictures(source)) == count
    assert pictures(tmp_path / "clip.mp4") == pictures(source)
