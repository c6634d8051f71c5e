"""Embedding: the tile is added to the luma of every frame, as strongly as the picture hides it."""

import math
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

from guard.marks import polar
from guard.marks.errors import MarkError
from guard.marks.frames import Chunk, Frames, Plane, check_frames, luma
from guard.marks.keys import MarkKey
from guard.marks.lattice import TILE, canonical_size, lattice
from guard.marks.presets import DEFAULT_PRESET, preset_named

MIN_SIDE = 128
"""Shortest side in pixels that a frame may have."""
_DITHER_MSE = 1 / 6
_SMOOTHING = 0.8
_MARGIN = 0.995
_ATTEMPTS = 4
_NOISE = 1.0
"""Local standard deviation up to which an area counts as flat."""
_MOST_GROWTH = 3.0
_NO_TEXTURE = 1e-3


class Embedder:
    """Adds one payload to the frames of one clip, streaming.

    The same value is added to R, G and B of a pixel, so that luma changes and chroma does not (but where a
    channel saturates). The pattern is the same in every frame; its strength follows the local standard
    deviation of the picture, and a servo scales it so that no frame falls below the preset's PSNR. The servo
    and the dither look at frames one after the other and at nothing else, so chunking does not matter: the
    same key, payload and frames give the same result.

    Args:
        key: Key to mark with.
        payload: 8 bytes.
        width: Width of the frames in pixels, at least 128.
        height: Height of the frames in pixels, at least 128.
        preset: One of :data:`guard.marks.PRESETS`.

    Raises:
        MarkError: ``mark_payload_invalid``, ``mark_frame_too_small`` or ``mark_preset_unknown``.
    """

    def __init__(
        self, key: MarkKey, payload: bytes, width: int, height: int, preset: str = DEFAULT_PRESET
    ) -> None:
        if len(payload) != polar.PAYLOAD_BYTES:
            raise MarkError("mark_payload_invalid", f"A mark's payload must be {polar.PAYLOAD_BYTES} bytes.")
        if min(width, height) < MIN_SIDE:
            raise MarkError(
                "mark_frame_too_small",
                f"Frames of {width}x{height} are too small to mark; each side must be at least "
                f"{MIN_SIDE} pixels.",
            )
        self.preset = preset_named(preset)
        self._size = (width, height)
        self._canonical = canonical_size(width, height)
        self._pattern = _pattern(lattice(key).tile(polar.encode(key, payload)), self._size, self._canonical)
        self._dither = _dither(width, height)
        self._counter_dither = -self._dither
        self._target_mse = 255.0**2 / 10 ** (self.preset.psnr / 10)
        self._followed: tuple[float, float] | None = None
        self._correction = 1.0

    def __call__(self, frames: Frames) -> Frames:
        """Mark the next frames of the clip.

        Args:
            frames: (n, height, width, 3) uint8 RGB, left as they are.

        Returns:
            (n, height, width, 3) uint8 RGB.

        Raises:
            MarkError: ``mark_frames_invalid`` or ``mark_size_changed``.
        """
        check_frames(frames)
        width, height = self._size
        if frames.shape[1:3] != (height, width):
            raise MarkError(
                "mark_size_changed",
                f"Frames of {frames.shape[2]}x{frames.shape[1]} came to an embedder for {width}x{height}; "
                "make one embedder for each clip.",
            )
        marked = np.empty(frames.shape, np.uint8)  # in plain order, whatever that of the frames is
        for i in range(len(frames)):
            self._mark(np.ascontiguousarray(frames[i]), marked[i])
        return marked

    def _mark(self, frame: Frames, out: Frames) -> None:
        texture = self._texture(frame)
        allowed = max(self._target_mse * _MARGIN - _DITHER_MSE, 0.0) / self._correction
        gain, growth = self._smooth(*self._wanted(texture, allowed))
        mask = 1 + np.float32(growth) * texture
        power = _mean_square(mask)
        for attempt in range(_ATTEMPTS):
            up, down, mse = self._change(mask, gain)
            if attempt == 0:
                # what the frame size and the interpolation make of the prediction, for the next frame
                self._correction = max(0.5, (mse - _DITHER_MSE) / (gain * gain * power))
            if mse <= self._target_mse:
                break
            gain *= 0.99 * math.sqrt(self._target_mse / mse)
        cv2.add(frame, cv2.merge([up, up, up]), dst=out)
        cv2.subtract(out, cv2.merge([down, down, down]), dst=out)

    def _wanted(self, texture: Plane, allowed: float) -> tuple[float, float]:
        """Strength in flat areas, and how much faster than the preset says it grows with texture.

        Where the cap on flat areas holds the mark back, texture takes what the PSNR still allows.
        """
        mean, square = float(cv2.mean(texture)[0]), _mean_square(texture)
        gain = math.sqrt(allowed / (1 + 2 * mean + square))
        if gain <= self.preset.flat or square < _NO_TEXTURE:
            return min(gain, self.preset.flat), 1.0
        # the growth g at which flat**2 (1 + 2 g mean + g**2 square) is what is allowed
        beyond = allowed / self.preset.flat**2 - 1
        growth = (math.sqrt(mean * mean + square * beyond) - mean) / square
        return self.preset.flat, min(growth, _MOST_GROWTH)

    def _smooth(self, gain: float, growth: float) -> tuple[float, float]:
        """Follow slowly to more, at once to less."""
        before = self._followed or (gain, growth)
        slow = [
            _SMOOTHING * old + (1 - _SMOOTHING) * new for old, new in zip(before, (gain, growth), strict=True)
        ]
        self._followed = (slow[0], slow[1])
        return min(slow[0], gain), min(slow[1], growth)

    def _texture(self, frame: Frames) -> Plane:
        """How much stronger than in a flat area the mark may be, (canonical height, canonical width) float32.

        Zero where the picture is flat; of a preset's slope and ceiling.
        """
        plane = luma(frame, *self._canonical)
        mean = cv2.blur(plane, (7, 7))
        variance = cv2.blur(cv2.multiply(plane, plane), (7, 7)) - cv2.multiply(mean, mean)
        deviation = cv2.sqrt(np.maximum(variance, 0))
        # an edge raises the deviation of the flat area beside it, where the mark would show: erode first
        texture = cv2.blur(cv2.erode(deviation, np.ones((5, 5), np.uint8)), (7, 7))
        # a camera's noise on a plain wall is no texture
        texture = self.preset.slope * np.maximum(texture - _NOISE, 0)
        return np.asarray(np.minimum(texture, self.preset.ceiling - 1), dtype=np.float32)

    def _change(self, mask: Plane, gain: float) -> tuple[Frames, Frames, float]:
        """What every channel gains and loses, two (height, width) uint8 planes, and their mean square."""
        strength = cv2.resize(mask * np.float32(gain), self._size, interpolation=cv2.INTER_LINEAR)
        change = cv2.multiply(strength, self._pattern, dst=strength)
        up = np.asarray(cv2.add(change, self._dither, dtype=cv2.CV_8U), dtype=np.uint8)
        down = np.asarray(cv2.subtract(self._counter_dither, change, dtype=cv2.CV_8U), dtype=np.uint8)
        total = cv2.norm(up, cv2.NORM_L2SQR) + cv2.norm(down, cv2.NORM_L2SQR)
        return up, down, total / change.size


def embed(
    chunks: Iterable[Chunk], payload: bytes, key: MarkKey, preset: str = DEFAULT_PRESET
) -> Iterator[Frames]:
    """Mark a clip as it passes.

    Args:
        chunks: The clip, in order.
        payload: 8 bytes.
        key: Key to mark with.
        preset: One of :data:`guard.marks.PRESETS`.

    Yields:
        The frames of each chunk, (n, height, width, 3) uint8 RGB.

    Raises:
        MarkError: As :class:`Embedder`.
    """
    embedder: Embedder | None = None
    for chunk in chunks:
        check_frames(chunk.frames)
        if embedder is None:
            embedder = Embedder(key, payload, chunk.frames.shape[2], chunk.frames.shape[1], preset)
        yield embedder(chunk.frames)


def _mean_square(plane: Plane) -> float:
    return float(cv2.mean(cv2.multiply(plane, plane))[0])


def _pattern(tile: npt.NDArray[np.float32], size: tuple[int, int], canonical: tuple[int, int]) -> Plane:
    """The tile repeated over the canonical frame and scaled to the frame, (height, width) float32."""
    width, height = canonical
    repeated = np.tile(tile, (height // TILE + 1, width // TILE + 1))[:height, :width]
    pattern = cv2.resize(np.ascontiguousarray(repeated), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(pattern, dtype=np.float32)


def _dither(width: int, height: int) -> Plane:
    """(height, width) float32 in [-0.5, 0.5): interleaved gradient noise (Jimenez 2014).

    Rounding to whole code values would swallow a mark weaker than half of one. This pattern is spread evenly
    over the range in every small neighbourhood, and its spectrum lies above the mark's.
    """
    x = np.arange(width, dtype=np.float64)[None]
    y = np.arange(height, dtype=np.float64)[:, None]
    noise = (52.9829189 * ((0.06711056 * x + 0.00583715 * y) % 1.0)) % 1.0
    return (noise - 0.5).astype(np.float32)
