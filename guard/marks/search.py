"""Where the lattice lies: a search for the geometry of a clip that needs no key.

Zoom, crop, rotation and a changed aspect map the lattice's frequencies by a 2 x 2 matrix. Many matrices are
scored by the energy found at the frequencies to which they send the lines; the best ones are refined by hill
climbing. Nothing here depends on a key, so the number of geometries that go on to decoding is fixed
beforehand, and one search serves all keys.
"""

import functools
import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from guard.marks.frames import Plane
from guard.marks.lattice import LINES, RADII, TILE, Floats

SPECTRUM = 1024
"""Side of the spectrum in which the lattice is looked for, in bins."""
BAND_EDGE = 0.46
"""Frequencies beyond this, in cycles per pixel, hold nothing useful."""
LEVELS = ("zoom_rotation", "aspect", "rotation")
PER_LEVEL = 6
"""Geometries that each level of the search hands on, at most."""
SEARCHED = PER_LEVEL * len(LEVELS)
"""Geometries that the whole search hands on, at most."""
_POWER_CAP = 12.0
_SHORTLIST = 300
_BLOCK = 4096
_LINES: Floats = LINES.astype(np.float64)
_WAYS: Floats = np.array(
    [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, -1.0, 0.0], [1.0, 0.0, 0.0, -1.0], [0.0, 1.0, 1.0, 0.0]]
)
"""Zoom, rotation, stretch and shear."""

IDENTITY: Floats = np.array([1.0, 0.0, 0.0, 1.0]) / TILE
"""Geometry of a clip whose canonical frame is the marked one, (4,): see :func:`frequencies`."""


class Scene:
    """A summed residual, ready for the search.

    Args:
        total: (h, w) float32, both at most 1024.

    Attributes:
        plane: The residual, its rim faded out.
    """

    def __init__(self, total: Plane) -> None:
        h, w = total.shape
        self._centred = total - total.mean()
        self.plane = np.asarray(self._centred * (_fade(h)[:, None] * _fade(w)[None]), np.float32)
        self._found: list[Floats] = []
        self._searching = _search(self)

    def geometries(self) -> Iterator[Floats]:
        """At most 18 candidate geometries, (4,) each, from ever wider searches; searched for once, and when needed."""
        for number in range(SEARCHED):
            if number == len(self._found):
                found = next(self._searching, None)
                if found is None:
                    return
                self._found.append(found)
            yield self._found[number]

    @functools.cached_property
    def power(self) -> Plane:
        """(1024, 1024) float32 power spectrum over its local mean, capped, zero frequency in the middle.

        Beyond the band's edge it is one.
        """
        h, w = self._centred.shape
        # the search needs low side lobes, the values of known lines all of the picture that there is
        window = np.sqrt(np.hanning(h + 2)[1:-1, None] * np.hanning(w + 2)[None, 1:-1])
        padded = np.zeros((SPECTRUM, SPECTRUM), np.float32)
        padded[:h, :w] = self._centred * window
        spectrum = cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT, nonzeroRows=h)
        power = cv2.magnitude(spectrum[..., 0], spectrum[..., 1]) ** 2
        edge = 40
        wrapped = np.asarray(cv2.copyMakeBorder(power, edge, edge, edge, edge, cv2.BORDER_WRAP), np.float32)
        mean = cv2.blur(wrapped, (41, 41))
        # lines that stand out must not raise the level that they are measured against
        mean = cv2.blur(np.minimum(wrapped, 3 * mean), (41, 41))
        prominence = np.minimum(power / (mean[edge:-edge, edge:-edge] + 1e-9), _POWER_CAP)
        prominence = np.fft.fftshift(prominence).astype(np.float32)
        beyond = SPECTRUM // 2 - math.floor(BAND_EDGE * SPECTRUM)
        prominence[:beyond] = prominence[-beyond:] = 1
        prominence[:, :beyond] = prominence[:, -beyond:] = 1
        return prominence


def _fade(side: int) -> Floats:
    """(side,) ones that rise from and fall to zero as a cosine over a twentieth at either end."""
    rim = max(1, side // 20)
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(rim) + 0.5) / rim)
    return np.concatenate([rise, np.ones(side - 2 * rim), rise[::-1]])


def frequencies(geometries: Floats) -> tuple[Floats, Floats]:
    """Frequencies fx and fy in cycles per pixel to which (n, 4) geometries (a, b, c, d) send the lines, (n, 336) each.

    fx = a kx + c ky and fy = b kx + d ky, with kx and ky in cycles per tile.
    """
    return geometries[:, 0::2] @ _LINES.T, geometries[:, 1::2] @ _LINES.T


def _search(of: Scene) -> Iterator[Floats]:
    reach = max(of.plane.shape)
    for level in LEVELS:
        grid = _grid(level)
        blocks = [
            score(of.power, grid[i : i + _BLOCK], cv2.INTER_NEAREST) for i in range(0, len(grid), _BLOCK)
        ]
        scores = np.concatenate(blocks)
        shortlist = np.argpartition(-scores, _SHORTLIST)[:_SHORTLIST]
        shortlist = shortlist[np.argsort(-scores[shortlist])]
        chosen: list[Floats] = []
        for i in shortlist:
            if all(np.abs(grid[i] - other).max() > 0.012 / TILE for other in chosen):
                chosen.append(grid[i])
            if len(chosen) == PER_LEVEL:
                break
        distinct: list[Floats] = []
        for geometry in _climbed(of.power, np.array(chosen), 0.35 / reach / RADII[-1]):
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


def score(power: Plane, geometries: Floats, interpolation: int = cv2.INTER_LINEAR) -> npt.NDArray[np.float32]:
    """Energy at the lines under (n, 4) geometries, over its deviation in noise, (n,)."""
    fx, fy = (f.astype(np.float32) for f in frequencies(geometries * SPECTRUM))
    centre = np.float32(SPECTRUM // 2)
    found = cv2.remap(
        power, fx + centre, fy + centre, interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=1
    )
    seen = np.full(len(geometries), len(_LINES))
    far = np.flatnonzero(np.abs(geometries).sum(axis=1) * RADII[-1] > BAND_EDGE)
    edge = BAND_EDGE * SPECTRUM
    seen[far] = ((np.abs(fx[far]) < edge) & (np.abs(fy[far]) < edge)).sum(axis=1)
    result: npt.NDArray[np.float32] = (found.sum(axis=1) - len(_LINES)) / np.sqrt(np.maximum(seen, 60))
    return result


def _climbed(power: Plane, starts: Floats, step: float) -> Floats:
    """Hill climbing from (n, 4) geometries along :data:`_WAYS`, all of them at a time: their peaks, best first."""
    best = starts.copy()
    peak = score(power, best)
    moves = np.concatenate([_WAYS, -_WAYS])
    for _halving in range(5):
        for _round in range(12):
            candidates = best[:, None] + step * moves
            scores = score(power, candidates.reshape(-1, 4)).reshape(len(best), len(moves))
            way = scores.argmax(axis=1)
            rows = np.arange(len(best))
            better = scores[rows, way] > peak
            if not better.any():
                break
            best[better] = candidates[rows, way][better]
            peak = np.maximum(peak, scores[rows, way])
        step *= 0.5
    return best[np.argsort(-peak)]
