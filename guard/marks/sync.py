"""From a geometry to soft code bits: line values, pilot alignment, likelihoods."""

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from guard.marks.frames import Plane
from guard.marks.lattice import LINES, RADII, TILE, Floats, Ints, Lattice
from guard.marks.search import BAND_EDGE, Scene, frequencies

SHIFT_STEPS = 128
"""Shifts tried along each axis: half a canonical pixel apart over the whole tile."""
SYMMETRIES = ((1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
              (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, -1, 0), (0, -1, -1, 0))  # fmt: skip
"""The lattice's own symmetries (flips and quarter turns), which its energy cannot tell apart."""
ALIGNMENTS_SEARCHED = SHIFT_STEPS * SHIFT_STEPS * len(SYMMETRIES)
_LINES: Floats = LINES.astype(np.float64)
FOLD = 2 * TILE
_SMOOTHED_BELOW = 0.6
_NOISE_BINS = 7
_BINS_BETWEEN = 40
"""How many of the 7 x 7 bins around a line are on no line."""
_BETWEEN = np.ones((FOLD, FOLD))
_BETWEEN[::2, ::2] = 0

Complex = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Alignment:
    """One way of laying a key's pilots over the line values.

    Attributes:
        score: Normalised pilot correlation; sub-Gaussian with unit variance where there is no mark.
        symmetry: Index into :data:`SYMMETRIES`.
        shift: (dx, dy) of the tile in canonical pixels.
    """

    score: float
    symmetry: int
    shift: tuple[float, float]


def line_values(of: Scene, geometry: Floats) -> Complex:
    """(336,) complex line values under a geometry, in units of the noise around each line, clipped at 4.

    The plane is laid back over the tile that it was marked with and summed up over 2 x 2 tiles, of whose spectrum
    the lines are every second bin and the bins between them noise only. Lines that fall out of the band are zero.
    """
    spectrum = np.fft.fft2(_folded(of.plane, geometry))
    power = np.abs(spectrum) ** 2 * _BETWEEN
    reach = _NOISE_BINS // 2
    wrapped = cv2.copyMakeBorder(power, reach, reach, reach, reach, cv2.BORDER_WRAP)
    near = cv2.boxFilter(wrapped, -1, (_NOISE_BINS, _NOISE_BINS), normalize=False)[reach:-reach, reach:-reach]
    noise = np.sqrt(near / _BINS_BETWEEN) + 1e-9
    at = (2 * LINES[:, 1] % FOLD, 2 * LINES[:, 0] % FOLD)
    fx, fy = frequencies(geometry[None])
    inside = (np.abs(fx[0]) < BAND_EDGE) & (np.abs(fy[0]) < BAND_EDGE)
    value: Complex = np.where(inside, spectrum[at] / noise[at], 0).astype(np.complex128)
    size = np.abs(value)
    result: Complex = value * (np.minimum(size, 4.0) / np.maximum(size, 1e-9))
    return result


def _folded(plane: Plane, geometry: Floats) -> Plane:
    """(128, 128) sum over all 2 x 2 tiles of a plane that is laid back over the tiles that it was marked with."""
    a, b, c, d = geometry * TILE
    if not np.allclose((a, b, c, d), (1, 0, 0, 1), atol=1e-6):
        height, width = plane.shape
        back = np.array([[a, b], [c, d]])
        corners = back @ np.array([[0, width, 0, width], [0, 0, height, height]])
        low = corners.min(axis=1)
        size = np.ceil(corners.max(axis=1) - low).astype(int) + 1
        shrinks = math.sqrt(abs(a * d - b * c))
        if shrinks < _SMOOTHED_BELOW:
            plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), 0.35 / shrinks), np.float32)
        matrix = np.column_stack([back, -low])
        warped = cv2.warpAffine(plane, matrix, (int(size[0]), int(size[1])), flags=cv2.INTER_CUBIC)
        plane = np.asarray(warped, np.float32)
    rows, columns = (-side % FOLD for side in plane.shape)
    padded = np.pad(plane, ((0, rows), (0, columns)))
    tiles = padded.reshape(padded.shape[0] // FOLD, FOLD, -1, FOLD)
    return np.asarray(tiles.sum(axis=(0, 2)), np.float32)


@functools.cache
def _permutations() -> tuple[tuple[Ints, npt.NDArray[np.bool_]], ...]:
    """For every symmetry: which line each line is taken to, and whether it arrives conjugated."""
    index = {(int(x), int(y)): i for i, (x, y) in enumerate(LINES)}
    result = []
    for p, q, r, s in SYMMETRIES:
        image = [(p * int(x) + q * int(y), r * int(x) + s * int(y)) for x, y in LINES]
        mirrored = np.array([k not in index for k in image])
        target = [index.get(k, index.get((-k[0], -k[1]))) for k in image]
        result.append((np.array(target, dtype=np.int64), mirrored))
    return tuple(result)


def _permuted(values: Complex, symmetry: int) -> Complex:
    target, mirrored = _permutations()[symmetry]
    moved = values[target]
    return np.where(mirrored, moved.conj(), moved)


def data_score(values: Complex, of: Lattice, at: Alignment, code: npt.NDArray[np.uint8]) -> float:
    """How well the data lines agree with a known code word of (512,) bits; scaled as :attr:`Alignment.score`."""
    symbols = of.symbols(code)[of.data]
    level = _laid(values, of, at)[of.data] * (symbols * of.rotation[of.data].conj()).conj()
    return float(level.real.sum() / (np.sqrt((np.abs(level) ** 2).sum() / 2) + 1e-9))


def align(values: Complex, of: Lattice, count: int) -> list[Alignment]:
    """The best alignments of a key's pilots, best first.

    Args:
        values: (336,) from :func:`line_values`.
        of: The key's lattice.
        count: How many to return.
    """
    found = []
    kx, ky = LINES[of.pilots, 0], LINES[of.pilots, 1]
    for symmetry in range(len(SYMMETRIES)):
        turned = _permuted(values, symmetry)[of.pilots] * of.rotation[of.pilots].conj()
        norm = np.sqrt((np.abs(turned) ** 2).sum() / 2) + 1e-9
        spectrum = np.zeros((SHIFT_STEPS, SHIFT_STEPS), dtype=np.complex64)
        spectrum[ky % SHIFT_STEPS, kx % SHIFT_STEPS] = turned.conj() / norm
        # the real part over all shifts is the transform of the spectrum made hermitian
        surface = np.fft.fft2(spectrum).real
        for _ in range(min(count, 4)):
            peak = int(surface.argmax())
            y, x = divmod(peak, SHIFT_STEPS)
            found.append(Alignment(float(surface[y, x]), symmetry, (x / 2, y / 2)))
            surface[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = -np.inf
    found.sort(key=lambda a: -a.score)
    return found[:count]


def soft_bits(values: Complex, of: Lattice, at: Alignment) -> npt.NDArray[np.float32]:
    """(512,) log likelihood ratios of the code bits up to a common scale, positive for zero.

    How much is left of the mark at each radius is estimated from the pilots.
    """
    level = _laid(values, of, at)
    pilots = level[of.pilots]
    near = np.exp(-0.5 * ((RADII[:, None] - RADII[None, of.pilots]) / 1.5) ** 2) * (np.abs(pilots) > 0)
    amplitude = np.maximum((near * pilots.real).sum(axis=1) / (near.sum(axis=1) + 1e-6), 0.02)
    weighted = (level * amplitude)[of.data]
    return np.stack([weighted.real, weighted.imag], axis=1).ravel().astype(np.float32)


def _laid(values: Complex, of: Lattice, at: Alignment) -> Complex:
    """(336,) line values, moved as an alignment says and turned back by the key's phases."""
    dx, dy = at.shift
    turn = np.exp(2j * np.pi * (_LINES[:, 0] * dx + _LINES[:, 1] * dy) / TILE)
    result: Complex = _permuted(values, at.symmetry) * of.rotation.conj() * turn
    return result
