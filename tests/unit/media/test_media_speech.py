from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np

from guard.media import speech
from tests import media


def test_sound_as_recognisers_take_it(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "clip.mp4", media.scene(64, 64, 24), sound="aac", seconds=1.0)
    with wave.open(io.BytesIO(speech(path) or b"")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert 15_000 <= len(samples) <= 17_500
    loudest = np.abs(np.fft.rfft(samples.astype(float)))[1:].argmax() + 1
    assert abs(loudest * 16_000 / len(samples) - 440) < 15


def test_a_clip_without_sound_has_none(tmp_path: Path) -> None:
    assert speech(media.write_clip(tmp_path / "clip.mp4", media.scene(64, 64, 4))) is None
