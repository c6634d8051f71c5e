"""A generator that makes sound: it is in the released file, under the signature, and as long as the pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from generator import GeneratedClip, GenerationRequest, Sound
from guard.media import probe
from tests.house import House, WatchedGenerator
from tests.unit.media.test_media_sound import heard, pitches, tone

RATE = 16000


class SoundingGenerator(WatchedGenerator):
    """Pictures, and a tone that is there with the first of them."""

    def generate(
        self, request: GenerationRequest, *, progress: Callable[[float], None] | None = None
    ) -> GeneratedClip:
        clip = super().generate(request, progress=progress)
        samples = tone(RATE, 2, seconds=request.seconds).samples
        return dataclasses.replace(clip, sound=lambda: Sound(samples, RATE))


def test_sound_is_released_with_the_pictures(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(house, "generator", SoundingGenerator())
    made = house.ended(house.submit())
    assert (made.status, made.error_message) == ("completed", None)
    release = house.release_of(made.id)
    assert release is not None
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"".join(house.services.objects.stream(release.object_key)))
    info = probe(file)
    assert (info.frames, info.audio) == (24, True)
    samples, rate = heard(file)
    assert len(samples) / rate == pytest.approx(2.0, abs=0.1)
    middle = np.ascontiguousarray(samples[rate // 4 : -rate // 4])
    assert pitches(middle, rate) == pytest.approx([440, 660], abs=2)
