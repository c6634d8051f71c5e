"""A mark lifted from a release and put into somebody else's clip, and a release cut into one: what the service says."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests import media
from tests.server import Server

Frames = NDArray[np.uint8]
SIZE = (640, 360)
LEVEL = 2.5
"""Standard deviation, in code values, at which the attacker adds what was lifted."""


@pytest.fixture(scope="module")
def ours(
    server: Server, released: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> list[Frames]:
    """The pictures of a release, as anyone who downloads it sees them."""
    path = tmp_path_factory.mktemp("copied") / "release.mp4"
    path.write_bytes(server.request("GET", f"/videos/{released['id']}/content").content)
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def stranger() -> list[Frames]:
    """Two seconds that have nothing to do with this service."""
    return list(media.scene(*SIZE, 48, seed=77))


def lifted(pictures: list[Frames]) -> NDArray[np.float32]:
    """The copy attack: the average of what a denoiser takes off the pictures of one marked clip. It needs no key."""
    total = np.zeros(SIZE[::-1], np.float32)
    for picture in pictures:
        luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        total += np.clip(luma - cv2.GaussianBlur(luma, (0, 0), 4), -8, 8)
    total -= cv2.GaussianBlur(total, (0, 0), 12)
    return total / total.std()


def pasted(pictures: list[Frames], pattern: NDArray[np.float32]) -> Iterator[Frames]:
    for picture in pictures:
        yield np.clip(np.rint(picture + LEVEL * pattern[..., None]), 0, 255).astype(np.uint8)


def verified(server: Server, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer, and its evidence of the watermark."""
    answer = server.request("POST", "/verifications", files={"file": ("clip.mp4", path.read_bytes())}).json()
    return answer, next(item for item in answer["evidence"] if item["type"] == "watermark")


def test_a_copied_mark_does_not_make_a_clip_ours(
    server: Server, ours: list[Frames], stranger: list[Frames], tmp_path: Path
) -> None:
    forged = media.write_clip(tmp_path / "forged.mp4", pasted(stranger, lifted(ours)), fps=Fraction(24))
    answer, mark = verified(server, forged)
    # the payload itself is read, so the attack has succeeded as far as it can
    assert mark["claim"] == "own_mark_copied"
    assert mark["details"]["release_id"]
    assert answer["verdict"] == "copied_or_heavily_edited"
    assert (answer["releases"], answer["named_revoked_releases"]) == ([], [])
    honest, nothing = verified(server, media.write_clip(tmp_path / "plain.mp4", stranger, fps=Fraction(24)))
    assert nothing["outcome"] == "not_detected"
    assert honest["verdict"] == "inconclusive"


def test_a_release_cut_into_a_strangers_clip_is_located(
    server: Server, ours: list[Frames], stranger: list[Frames], tmp_path: Path
) -> None:
    cut = media.write_clip(tmp_path / "cut.mp4", [*stranger, *ours], fps=Fraction(24))
    answer, mark = verified(server, cut)
    assert mark["claim"] == "own_mark_resolved"
    (segment,) = mark["segments"]
    assert (segment["track"], segment["start_ms"]) == ("visual", pytest.approx(2000, abs=600))
    assert segment["end_ms"] == pytest.approx(2000 + 1000 * len(ours) / 24, abs=100)
    assert answer["releases"] == [mark["details"]["release_id"]]
