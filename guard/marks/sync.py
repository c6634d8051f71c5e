"""From a geometry to soft code bits: line values, pilot alignment, likelihoods."""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guard.marks.lattice import LINES, RADII, TILE, Floats, Ints, Lattice
from guard.marks.search import BAND_EDGE, SPECTRUM, Scene, frequencies

SHIFT_STEPS = 128
"""Shifts tried along each axis: half a canonical pixel apart over the whole tile."""
SYMMETRIES = ((1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
              (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, -1, 0), (0, -1, -1, 0))  # fmt: skip
"""The lattice's own symmetries (flips and quarter turns), which its energy cannot tell apart."""
ALIGNMENTS_SEARCHED = SHIFT_STEPS * SHIFT_STEPS * len(SYMMETRIES)
_LINES: Floats = LINES.astype(np.float64)
_HALVES = ((0.5, 0.5), (0.5, -0.5), (-0.5, 0.5), (-0.5, -0.5))

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

    Lines that fall out of the band are zero.
    """
    f = frequencies(geometry)
    value = _transform_at(of, f)
    # halfway between lines there is noise only
    around = sum(np.abs(_transform_at(of, frequencies(geometry, _LINES + half))) ** 2 for half in _HALVES)
    bins = np.round(f * SPECTRUM).astype(np.int64) % SPECTRUM
    noise = np.sqrt(around / 8 + of.level[bins[:, 1], bins[:, 0]] / 2) + 1e-9
    value = np.where((np.abs(f) < BAND_EDGE).all(axis=1), value / noise, 0)
    size = np.abs(value)
    result: Complex = value * (np.minimum(size, 4.0) / np.maximum(size, 1e-9))
    return result


def _transform_at(of: Scene, f: Floats) -> Complex:
    """Fourier transform of the plane at (n, 2) frequencies in cycles per pixel, (n,)."""
    h, w = of.plane.shape
    x = np.exp(-2j * np.pi * np.outer(np.arange(w), f[:, 0])).astype(np.complex64)
    y = np.exp(-2j * np.pi * np.outer(np.arange(h), f[:, 1])).astype(np.complex64)
    rows = of.plane @ x.real + 1j * (of.plane @ x.imag)
    result: Complex = (rows * y).sum(axis=0).astype(np.complex128)
    return result


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
    dx, dy = at.shift
    turn = np.exp(2j * np.pi * (_LINES[:, 0] * dx + _LINES[:, 1] * dy) / TILE)
    level = _permuted(values, at.symmetry) * of.rotation.conj() * turn
    pilots = level[of.pilots]
    near = np.exp(-0.5 * ((RADII[:, None] - RADII[None, of.pilots]) / 1.5) ** 2) * (np.abs(pilots) > 0)
    amplitude = np.maximum((near * pilots.real).sum(axis=1) / (near.sum(axis=1) + 1e-6), 0.02)
    weighted = (level * amplitude)[of.data]
    return np.stack([weighted.real, weighted.imag], axis=1).ravel().astype(np.float32)
