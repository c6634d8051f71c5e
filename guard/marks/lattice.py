"""The lattice: which Fourier lines carry the mark, what each of them means, and the tile they add up to.

Frames are brought to a canonical size whose short side is 256. There a 64 x 64 tile is repeated over the
frame, so the mark's energy sits on a lattice of discrete spatial frequencies, multiples of 1/64 cycles per
pixel. The 336 lowest half-plane lines from radius 3 on are used: lower ones are seen and are drowned by the
picture, higher ones die in compression and rescaling. Which lines exist is public (the geometry search needs
no key); which of them are pilots, the phase of every line and the order of the data bits follow from the key.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guard.marks.keys import MarkKey

CANONICAL = 256
"""Short side of the canonical frame in pixels."""
TILE = 64
"""Side of the repeated tile in canonical pixels."""
PILOTS = 80
DATA = 256
"""Data lines; each carries two code bits (QPSK)."""
CODE_BITS = 2 * DATA
_MIN_RADIUS = 3.0

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def _lines() -> Ints:
    reach = 40
    found = [
        (kx, ky)
        for kx in range(reach)
        for ky in range(-reach, reach)
        if (kx > 0 or ky > 0) and kx * kx + ky * ky >= _MIN_RADIUS**2
    ]
    found.sort(key=lambda k: (k[0] ** 2 + k[1] ** 2, k))
    return np.array(found[: PILOTS + DATA], dtype=np.int64)


LINES = _lines()
"""(336, 2) integer frequencies (kx, ky) in cycles per tile, by rising radius."""
RADII: Floats = np.hypot(LINES[:, 0], LINES[:, 1])
"""(336,) radius of each line in cycles per tile."""
AMPLITUDES: Floats = (RADII / _MIN_RADIUS) ** -0.5
"""(336,) relative amplitude of each line: roughly follows the spectrum of pictures, at half its slope."""


def canonical_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the canonical frame: the short side becomes 256, the aspect is kept."""
    scale = CANONICAL / min(width, height)
    return max(CANONICAL, round(width * scale)), max(CANONICAL, round(height * scale))


@dataclass(frozen=True)
class Lattice:
    """What one key makes of the lines.

    Attributes:
        pilots: (80,) indices into :data:`LINES` of the lines with a known value, one from every group of
        about four
            neighbours in radius.
        data: (256,) indices of the data lines, in the order of the code bits.
        rotation: (336,) complex unit phase of every line.
    """

    pilots: Ints
    data: Ints
    rotation: npt.NDArray[np.complex128]

    def symbols(self, code: npt.NDArray[np.uint8]) -> npt.NDArray[np.complex128]:
        """(336,) line values: QPSK on the data lines, one on the pilots, all turned by the keyed phases.

        Args:
            code: (512,) code bits.
        """
        pairs = 1.0 - 2.0 * code.reshape(DATA, 2)
        values = np.ones(len(LINES), dtype=np.complex128)
        values[self.data] = (pairs[:, 0] + 1j * pairs[:, 1]) / np.sqrt(2)
        result: npt.NDArray[np.complex128] = values * self.rotation
        return result

    def tile(self, code: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(64, 64) tile of unit standard deviation that carries a code word of (512,) bits."""
        spectrum = np.zeros((TILE, TILE), dtype=np.complex128)
        values = self.symbols(code) * AMPLITUDES
        spectrum[LINES[:, 1] % TILE, LINES[:, 0] % TILE] = values
        spectrum[-LINES[:, 1] % TILE, -LINES[:, 0] % TILE] = np.conj(values)
        tile = np.fft.ifft2(spectrum).real
        return np.asarray(tile / tile.std(), dtype=np.float32)


@functools.lru_cache(maxsize=8)
def lattice(key: MarkKey) -> Lattice:
    """Run the key schedule.

    Pilots are drawn from a stream labelled ``pilots``, phases from ``phases``, the order of data lines from
    ``order``.
    """
    count = len(LINES)
    edges = np.linspace(0, count, PILOTS + 1).astype(np.int64)
    draw = key.stream("pilots", PILOTS)
    pilots = np.array(
        [int(lo) + int(word) % int(hi - lo) for lo, hi, word in zip(edges[:-1], edges[1:], draw, strict=True)]
    )
    rest = np.setdiff1d(np.arange(count), pilots)
    data = rest[np.argsort(key.stream("order", DATA), kind="stable")]
    angle = key.stream("phases", count).astype(np.float64) * (2 * np.pi / 2.0**64)
    return Lattice(pilots=pilots, data=data, rotation=np.exp(1j * angle))
