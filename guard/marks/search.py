"""Where the lattice lies: a search for the geometry of a clip that needs no key.

Zoom, crop, rotation and a changed aspect map the lattice's frequencies by a 2 x 2 matrix. Many matrices are
scored by the energy found at the frequencies to which they send the lines; the best ones are refined by hill
climbing. Nothing here depends on a key, so the number of geometries that go on to decoding is fixed
beforehand.
"""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from guard.marks.frames import Plane
from guard.marks.jit import compiled
from guard.marks.lattice import LINES, RADII, TILE, Floats

SPECTRUM = 1024
"""Side of the spectrum in which the lattice is looked for, in bins."""
BAND_EDGE = 0.46
"""Frequencies beyond this, in cycles per pixel, hold nothing useful."""
LEVELS = ("zoom_rotation", "aspect", "rotation")
PER_LEVEL = 6
"""Geometries that each level of the search hands on, at most."""
GEOMETRIES = 1 + PER_LEVEL * len(LEVELS)
"""Geometries tried in a file, at most: the unchanged one and those of the search."""
_POWER_CAP = 12.0
_SHORTLIST = 300
_LINES: Floats = LINES.astype(np.float64)

IDENTITY: Floats = np.array([1.0, 0.0, 0.0, 1.0]) / TILE
"""Geometry of a clip whose canonical frame is the marked one, (4,): see :func:`frequencies`."""


@dataclass(frozen=True)
class Scene:
    """A clip's summed residual, ready for the search.

    Attributes:
        plane: (h, w) float32 residual, its rim faded out.
        power: (1024, 1024) float32 power spectrum over its local mean.
        level: (1024, 1024) float32 that local mean, at the scale of ``plane``.
    """

    plane: Plane
    power: Plane
    level: Plane


def scene(total: Plane) -> Scene:
    """Window a summed residual of (h, w), both at most 1024, and take its spectrum."""
    h, w = total.shape
    centred = total - total.mean()
    # the search needs low side lobes, the values of known lines all of the picture that there is
    window = np.sqrt(np.hanning(h + 2)[1:-1, None] * np.hanning(w + 2)[None, 1:-1])
    rim = _fade(h)[:, None] * _fade(w)[None]
    plane = np.asarray(centred * rim, np.float32)
    padded = np.zeros((SPECTRUM, SPECTRUM), np.float32)
    padded[:h, :w] = centred * window
    spectrum = cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT, nonzeroRows=h)
    power = cv2.magnitude(spectrum[..., 0], spectrum[..., 1]) ** 2
    edge = 40
    wrapped = np.asarray(cv2.copyMakeBorder(power, edge, edge, edge, edge, cv2.BORDER_WRAP), np.float32)
    mean = cv2.blur(wrapped, (41, 41))
    # lines that stand out must not raise the level that they are measured against
    mean = cv2.blur(np.minimum(wrapped, 3 * mean), (41, 41))
    level = np.ascontiguousarray(mean[edge:-edge, edge:-edge], dtype=np.float32)
    prominence = np.asarray(power / (level + 1e-9), np.float32)
    scale = np.float32(np.mean(rim**2) / np.mean(window**2))
    return Scene(plane=plane, power=prominence, level=level * scale)


def _fade(side: int) -> Floats:
    """(side,) ones that rise from and fall to zero as a cosine over a twentieth at either end."""
    rim = max(1, side // 20)
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(rim) + 0.5) / rim)
    return np.concatenate([rise, np.ones(side - 2 * rim), rise[::-1]])


def frequencies(geometry: Floats, lines: Floats = _LINES) -> Floats:
    """(n, 2) frequencies (fx, fy) in cycles per pixel to which a geometry (a, b, c, d) sends (n, 2) lines.

    fx = a kx + c ky and fy = b kx + d ky, with kx and ky in cycles per tile.
    """
    a, b, c, d = geometry
    return np.stack([a * lines[:, 0] + c * lines[:, 1], b * lines[:, 0] + d * lines[:, 1]], axis=1)


def geometries(of: Scene) -> Iterator[Floats]:
    """At most 19 candidate geometries, (4,) each: the unchanged one, then those of ever wider searches."""
    yield IDENTITY
    reach = max(of.plane.shape)
    for level in LEVELS:
        grid = _grid(level)
        scores = score_grid(of.power, grid, _LINES, _POWER_CAP, BAND_EDGE)
        shortlist = np.argpartition(-scores, _SHORTLIST)[:_SHORTLIST]
        shortlist = shortlist[np.argsort(-scores[shortlist])]
        chosen: list[Floats] = []
        for i in shortlist:
            if all(np.abs(grid[i] - other).max() > 0.012 / TILE for other in chosen):
                chosen.append(grid[i])
            if len(chosen) == PER_LEVEL:
                break
        step = 0.35 / reach / RADII[-1]
        climbed = [climb(of.power, start, _LINES, _POWER_CAP, BAND_EDGE, step) for start in chosen]
        climbed.sort(key=lambda pair: -pair[1])
        distinct: list[Floats] = []
        for geometry, _ in climbed:
            if all(np.abs(geometry - other).max() > 0.002 / TILE for other in distinct):
                distinct.append(geometry)
        yield from distinct


@functools.cache
def _grid(level: str) -> Floats:
    """(n, 4) geometries that a level of the search looks at."""
    if level == "aspect":
        x, ratio = _mesh(_log_steps(0.29, 2.15, 0.003), _log_steps(0.5, 2.0, 0.006))
        zero = np.zeros_like(x)
        grid = np.stack([x, zero, zero, x * ratio], axis=1)
    else:
        widest = 16.0 if level == "zoom_rotation" else 45.0
        zoom = _log_steps(0.29, 2.15, 0.003) if level == "zoom_rotation" else _log_steps(0.45, 1.6, 0.003)
        z, angle = _mesh(zoom, np.radians(np.arange(-widest, widest + 0.01, 0.25)))
        cos, sin = z * np.cos(angle), z * np.sin(angle)
        grid = np.stack([cos, -sin, sin, cos], axis=1)
    return np.ascontiguousarray(grid / TILE)


def _log_steps(low: float, high: float, step: float) -> Floats:
    return np.asarray(np.exp(np.arange(math.log(low), math.log(high), step)))


def _mesh(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    one, two = np.meshgrid(first, second)
    return one.ravel(), two.ravel()


@compiled
def score_grid(power: Plane, grid: Floats, lines: Floats, cap: float, edge: float) -> npt.NDArray[np.float32]:
    """Normalised energy at the lines for (n, 4) geometries, nearest bin, (n,) float32."""
    bins = power.shape[0]
    scores = np.empty(len(grid), np.float32)
    for i in range(len(grid)):
        a, b, c, d = grid[i, 0], grid[i, 1], grid[i, 2], grid[i, 3]
        energy = 0.0
        seen = 0
        for k in range(len(lines)):
            fx = a * lines[k, 0] + c * lines[k, 1]
            fy = b * lines[k, 0] + d * lines[k, 1]
            if abs(fx) > edge or abs(fy) > edge:
                continue
            x = int(fx * bins + bins + 0.5) % bins
            y = int(fy * bins + bins + 0.5) % bins
            energy += min(power[y, x], cap)
            seen += 1
        scores[i] = (energy - seen) / math.sqrt(max(seen, 60))
    return scores


@compiled
def climb(
    power: Plane, start: Floats, lines: Floats, cap: float, edge: float, step: float
) -> tuple[Floats, float]:
    """Hill climbing from a (4,) geometry along zoom, rotation, stretch and shear, bilinear between bins.

    Returns:
        The (4,) geometry of the peak and its normalised energy.
    """
    bins = power.shape[0]
    ways = np.array(
        [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, -1.0, 0.0], [1.0, 0.0, 0.0, -1.0], [0.0, 1.0, 1.0, 0.0]]
    )
    best = start.copy()
    peak = -1e30
    for _halving in range(5):
        for _round in range(12):
            moved = False
            for trial in range(9):
                # the first trial stays where it is, which scores the start
                sign = 0.0 if trial == 0 else (1.0 if trial % 2 else -1.0)
                candidate = best + sign * step * ways[(trial - 1) // 2]
                energy = 0.0
                seen = 0
                for k in range(len(lines)):
                    fx = candidate[0] * lines[k, 0] + candidate[2] * lines[k, 1]
                    fy = candidate[1] * lines[k, 0] + candidate[3] * lines[k, 1]
                    if abs(fx) > edge or abs(fy) > edge:
                        continue
                    x = fx * bins + bins
                    y = fy * bins + bins
                    u = x - int(x)
                    v = y - int(y)
                    x0, x1 = int(x) % bins, (int(x) + 1) % bins
                    y0, y1 = int(y) % bins, (int(y) + 1) % bins
                    above = (1 - u) * power[y0, x0] + u * power[y0, x1]
                    below = (1 - u) * power[y1, x0] + u * power[y1, x1]
                    energy += min((1 - v) * above + v * below, cap)
                    seen += 1
                score = (energy - seen) / math.sqrt(max(seen, 60))
                if score > peak:
                    peak = score
                    best = candidate
                    moved = True
            if not moved:
                break
        step *= 0.5
    return best, peak


def compile_search() -> None:
    """Compile the search, or load it from numba's cache, by running it on next to nothing."""
    power = np.ones((SPECTRUM, SPECTRUM), np.float32)
    score_grid(power, IDENTITY[None], _LINES, _POWER_CAP, BAND_EDGE)
    climb(power, IDENTITY, _LINES, _POWER_CAP, BAND_EDGE, 1e-6)
