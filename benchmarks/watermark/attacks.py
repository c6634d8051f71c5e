"""The attack suite: what happens to a clip between us and whoever wants to know where it comes from.

An attack is a list of steps, and a step is the name of a function here and its arguments. So an attack can be
written down, and its results are kept under the digest of what was written. Every edit of the pictures' places
or values is followed by x264 (veryfast) at CRF 23, since nobody passes on raw pictures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from benchmarks.watermark.coding import Clip, Frames, coded, filtered

VERSION = 1
"""To be raised when a step does something else than before: stored results count no longer."""
EVEN = "trunc({}/2)*2"
Step = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Attack:
    """A named edit.

    Attributes:
        name: of the row.
        family: what kind of edit it is.
        steps: what is done, in order.
    """

    name: str
    family: str
    steps: tuple[Step, ...]

    @property
    def digest(self) -> str:
        """Changes with what the attack does."""
        written = json.dumps([VERSION, self.steps])
        return hashlib.sha256(written.encode()).hexdigest()[:16]

    def __call__(self, clip: Clip, stranger: Clip) -> Clip:
        """The clip after the attack.

        Args:
            clip: a marked one.
            stranger: an unmarked one of the same size and length, for what is spliced or blended with it.
        """
        original = clip
        for name, arguments in self.steps:
            clip = _STEPS[name](clip, original, stranger, *arguments)
        return clip


def _code(clip: Clip, _: Clip, __: Clip, encoder: str, crf: int, group: int | None = None) -> Clip:
    return coded(clip, encoder, crf, **({} if group is None else {"g": str(group)}))


def _filter(clip: Clip, original: Clip, _: Clip, name: str, argument: str = "") -> Clip:
    """`{width}` and `{height}` in the argument are the marked clip's."""
    return filtered(clip, (name, argument.format(width=original.width, height=original.height)))


def _jpeg(clip: Clip, _: Clip, __: Clip, quality: int) -> Clip:
    def saved(picture: Frames) -> Frames:
        _, file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)

    return _pictured(clip, saved)


def _webp(clip: Clip, _: Clip, __: Clip, quality: int) -> Clip:
    def saved(picture: Frames) -> Frames:
        _, file = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
        return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)

    return _pictured(clip, saved)


def _perspective(clip: Clip, _: Clip, __: Clip, share: float) -> Clip:
    """Every corner moves by up to that share of the sides."""
    height, width = clip.height, clip.width
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moves = np.random.default_rng(1).uniform(-share, share, (4, 2)) * [width, height]
    matrix = cv2.getPerspectiveTransform(corners, (corners + moves).astype(np.float32))

    def warped(picture: Frames) -> Frames:
        seen = cv2.warpPerspective(
            picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=(20, 20, 20)
        )
        return np.asarray(seen, np.uint8)

    return _pictured(clip, warped)


def _pictured(clip: Clip, change: Callable[[Frames], Frames]) -> Clip:
    """Change every picture as BGR."""
    return clip.of(
        np.stack(
            [
                cv2.cvtColor(
                    change(np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)),
                    cv2.COLOR_BGR2YUV_I420,
                )
                for planes in clip.planes
            ]
        )
    )


def _rate(clip: Clip, _: Clip, __: Clip, times: float) -> Clip:
    """Another rate, by repeating or leaving out the nearest pictures."""
    count = round(len(clip.planes) * times)
    taken = np.minimum((np.arange(count) / times + 0.5).astype(int), len(clip.planes) - 1)
    return clip.of(clip.planes[taken], (clip.fps * Fraction(times)).limit_denominator(1001))


def _speed(clip: Clip, _: Clip, __: Clip, times: float) -> Clip:
    """Played faster at the same rate: pictures are left out."""
    taken = (np.arange(int(len(clip.planes) / times)) * times + 0.5).astype(int)
    return clip.of(clip.planes[np.minimum(taken, len(clip.planes) - 1)])


def _interpolate(clip: Clip, _: Clip, __: Clip, times: float) -> Clip:
    """A higher rate, by blending the two nearest pictures."""
    at = np.arange(round((len(clip.planes) - 1) * times)) / times
    before = at.astype(int)
    share = (at - before)[:, None, None].astype(np.float32)
    mixed = (1 - share) * clip.planes[before] + share * clip.planes[before + 1]
    return clip.of((mixed + 0.5).astype(np.uint8), (clip.fps * Fraction(times)).limit_denominator(1001))


def _blend(clip: Clip, _: Clip, __: Clip, count: int) -> Clip:
    """Every picture becomes the mean of itself and those after it."""
    total = sum(clip.planes[i : len(clip.planes) - count + 1 + i].astype(np.uint16) for i in range(count))
    return clip.of(((total + count // 2) // count).astype(np.uint8))


def _keep(clip: Clip, _: Clip, __: Clip, *spans: tuple[float, float]) -> Clip:
    """These stretches alone, as shares of the length."""
    count = len(clip.planes)
    return clip.of(np.concatenate([clip.planes[round(a * count) : round(b * count)] for a, b in spans]))


def _second(clip: Clip, _: Clip, __: Clip) -> Clip:
    """One second from the middle."""
    count = min(len(clip.planes), round(clip.fps))
    start = (len(clip.planes) - count) // 2
    return clip.of(clip.planes[start : start + count])


def _half(clip: Clip, _: Clip, __: Clip) -> Clip:
    """Every second picture, at half the rate."""
    return clip.of(clip.planes[::2], clip.fps / 2)


def _splice(clip: Clip, _: Clip, stranger: Clip) -> Clip:
    """The first half, and then another clip's second half."""
    half = len(clip.planes) // 2
    return clip.of(np.concatenate([clip.planes[:half], stranger.planes[half : len(clip.planes)]]))


def _inset(clip: Clip, _: Clip, stranger: Clip, share: float, ours_inside: bool) -> Clip:
    """Picture in picture: one clip over the other's lower right corner."""
    outer, inner = (stranger, clip) if ours_inside else (clip, stranger)
    width, height = (int(side * share / 4) * 4 for side in (clip.width, clip.height))
    small = filtered(inner, ("scale", f"{width}:{height}:flags=bicubic"))
    left, top = (
        (clip.width - width - clip.width // 20) // 4 * 4,
        (clip.height - height - clip.height // 20) // 4 * 4,
    )
    planes = outer.planes[: len(inner.planes)].copy()
    for under, over in zip(_split(planes), _split(small.planes), strict=True):
        scale = under.shape[2] / clip.width
        x, y = int(left * scale), int(top * scale)
        under[:, y : y + over.shape[1], x : x + over.shape[2]] = over
    return clip.of(planes)


def _split(planes: Frames) -> tuple[Frames, Frames, Frames]:
    """Views of Y, U and V, (n, h, w) each, in contiguous planes."""
    count, rows, width = planes.shape
    height = rows * 2 // 3
    flat, luma, chroma = planes.reshape(count, -1), height * width, height * width // 4
    half = (count, height // 2, width // 2)
    return (
        flat[:, :luma].reshape(count, height, width),
        flat[:, luma : luma + chroma].reshape(half),
        flat[:, luma + chroma :].reshape(half),
    )


_STEPS: dict[str, Callable[..., Clip]] = {
    "code": _code,
    "filter": _filter,
    "jpeg": _jpeg,
    "webp": _webp,
    "perspective": _perspective,
    "rate": _rate,
    "speed": _speed,
    "interpolate": _interpolate,
    "blend": _blend,
    "keep": _keep,
    "second": _second,
    "half": _half,
    "splice": _splice,
    "inset": _inset,
}
