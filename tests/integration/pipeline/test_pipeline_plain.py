"""A clip without texture: its fingerprint says nothing, yet it is marked, signed and released."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from generator import GeneratedClip, GenerationRequest
from tests.house import House, WatchedGenerator


class PlainGenerator(WatchedGenerator):
    """A wall whose light changes a little, as in a fade."""

    def generate(
        self, request: GenerationRequest, *, progress: Callable[[float], None] | None = None
    ) -> GeneratedClip:
        clip = super().generate(request, progress=progress)

        def chunks() -> Iterator[NDArray[np.uint8]]:
            for start in range(0, clip.frames, 12):
                levels = np.arange(start, start + 12, dtype=np.uint8)[:, None, None, None] + np.uint8(90)
                yield np.broadcast_to(levels, (12, clip.height, clip.width, 3)).copy()

        return dataclasses.replace(clip, chunks=chunks())


def test_a_plain_clip_is_released(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "generator", PlainGenerator())
    made = house.ended(house.submit())
    assert (made.status, made.error_message) == ("completed", None)
    release = house.release_of(made.id)
    assert release is not None
    assert release.mark_preset
