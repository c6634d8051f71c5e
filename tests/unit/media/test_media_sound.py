"""Sound from a generator: exact in the raw clip, in place in the finished one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from guard.media import VideoFile, encode, probe, write_lossless

FPS, FRAMES = 12, 24


@dataclass(frozen=True)
class Tone:
    samples: NDArray[np.float32]
    rate: int


def tone(rate: int, channels: int, seconds: float = 2.0) -> Tone:
    """440 Hz left, 660 Hz right."""
    times = np.arange(round(seconds * rate)) / rate
    waves = [0.4 * np.sin(2 * np.pi * hertz * times) for hertz in (440, 660)[:channels]]
    return Tone(np.stack(waves, axis=1).astype(np.float32), rate)


def heard(path: Path) -> tuple[NDArray[np.float32], int]:
    """All samples of a file, (n, channels), and their rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        channels, rate = stream.codec_context.channels, stream.codec_context.sample_rate
        parts = []
        for frame in container.decode(stream):
            array = frame.to_ndarray()
            parts.append(array.T if frame.format.is_planar else array.reshape(-1, channels))
    return np.concatenate(parts), rate


def pitches(samples: NDArray[np.float32], rate: int) -> list[int]:
    """The strongest frequency of each channel, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples, axis=0))
    return [round(index * rate / len(samples)) for index in spectrum.argmax(axis=0)]


@pytest.mark.parametrize(("rate", "channels"), [(16000, 2), (24000, 1), (44100, 2), (48000, 2)])
def test_samples_are_kept_exactly_and_reach_the_finished_file(
    rate: int, channels: int, tmp_path: Path, pictures_360: NDArray[np.uint8]
) -> None:
    sound = tone(rate, channels)
    pictures = np.ascontiguousarray(pictures_360[:FRAMES, ::4, ::4])
    raw = tmp_path / "raw.avi"
    info = write_lossless(raw, [pictures], width=160, height=90, fps=FPS, sound=lambda: sound)
    assert (info.frames, info.audio) == (FRAMES, True)
    kept, kept_rate = heard(raw)
    assert kept_rate == rate
    assert np.array_equal(kept, sound.samples)
    assert np.array_equal(np.concatenate([c.frames for c in VideoFile(raw).chunks()]), pictures)

    encode(VideoFile(raw), tmp_path / "out.mp4", audio_from=raw)
    finished, rate = heard(tmp_path / "out.mp4")
    assert len(finished) / rate == pytest.approx(2.0, abs=0.1)
    assert pitches(finished[rate // 4 : -rate // 4], rate) == pytest.approx([440, 660][:channels], abs=2)
    with av.open(str(tmp_path / "out.mp4")) as container:
        starts = [float((stream.start_time or 0) * stream.time_base) for stream in container.streams]
    assert starts == pytest.approx([0, 0], abs=0.05)
    encode(VideoFile(raw), tmp_path / "again.mp4", audio_from=raw)
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "out.mp4").read_bytes()


def test_pictures_and_sound_lie_side_by_side(tmp_path: Path, pictures_360: NDArray[np.uint8]) -> None:
    raw = tmp_path / "raw.avi"
    pictures = np.ascontiguousarray(pictures_360[:FRAMES, ::4, ::4])
    write_lossless(raw, [pictures], width=160, height=90, fps=FPS, sound=lambda: tone(48000, 2))
    with av.open(str(raw)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    assert "audio" in kinds[:4]
    assert "video" in kinds[-8:]


def test_sound_is_asked_for_once_the_first_pictures_are_there(
    tmp_path: Path, pictures_360: NDArray[np.uint8]
) -> None:
    made: list[int] = []
    pictures = np.ascontiguousarray(pictures_360[:FRAMES, ::4, ::4])

    def chunks():  # type: ignore[no-untyped-def]
        made.append(1)
        yield pictures

    def sound() -> Tone:
        assert made
        return tone(16000, 1)

    write_lossless(tmp_path / "a.avi", chunks(), width=160, height=90, fps=FPS, sound=sound)
    assert probe(tmp_path / "a.avi").audio
