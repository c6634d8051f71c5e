"""Decoding sums of frames: of a whole clip, and of the stretches that it is made of."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from guard.marks import bounds, polar
from guard.marks.frames import Frames, Plane
from guard.marks.front import Residuals, even, picture_area
from guard.marks.keys import MarkKey
from guard.marks.lattice import TILE, Floats, lattice
from guard.marks.search import IDENTITY, Scene
from guard.marks.sync import SYMMETRIES, Alignment, align, data_score, line_values, soft_bits

_PLACES = 3
"""Geometries, the best of the whole clip, that its stretches are decoded in besides the unchanged one."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where a lattice may lie: in which view of the frames, and under which geometry."""

    view: int
    geometry: Floats

    @property
    def identity(self) -> bool:
        """Whether it is the unchanged frame."""
        return self.view == 0 and self.geometry is IDENTITY


@dataclass(frozen=True)
class Found:
    """A key's mark at a place, or the likeliest place for one.

    Attributes:
        key: The key.
        place: Where the lattice lies.
        alignment: How the tile lies in it.
        p_value: Chance that there is none, at most.
        payload: What it says, if it was decoded.
    """

    key: MarkKey
    place: Place
    alignment: Alignment
    p_value: float
    payload: bytes | None = None

    def edit(self) -> tuple[float, ...]:
        """The matrix by which the frequencies were mapped, the flip or quarter turn of the pilots included."""
        a, b, c, d = self.place.geometry * TILE
        p, q, r, s = SYMMETRIES[self.alignment.symmetry]
        edit = (a * p + c * r, b * p + d * r, a * q + c * s, b * q + d * s)
        return tuple(round(float(x), 5) for x in edit)


class Clip:
    """The planes of a clip, summed up stretch by stretch.

    Args:
        stretches: Planes of each stretch, (h, w) uint8 each, all of one size.
        keys: Keys to read with.
    """

    def __init__(self, stretches: Sequence[Sequence[Frames]], keys: Sequence[MarkKey]) -> None:
        self._keys = keys
        every = [plane for stretch in stretches for plane in stretch]
        area = picture_area(every)
        shape = every[0].shape
        views = [Residuals((shape[0], shape[1]))]
        if area is not None:
            views.append(Residuals((shape[0], shape[1]), area))
        self._totals = [[view.total(stretch) for stretch in stretches] for view in views]
        self._known: dict[tuple[int, int], list[Scene]] = {}
        self.words = 0

    def with_keys(self, keys: Sequence[MarkKey]) -> Clip:
        """The same clip, to be read with other keys; what needs no key is not done again."""
        other = copy.copy(self)
        other._keys, other.words = keys, 0
        return other

    def whole(self) -> list[Found]:
        """What the sum of all stretches shows: a decoded mark alone, or the likeliest places, best first."""
        return self._searched(self._scenes(0, len(self._totals[0])), whole=True)

    def third(self, number: int) -> list[Found]:
        """The same for one third of the stretches; ``number`` is 0, 1 or 2."""
        count = len(self._totals[0])
        first, last = (count * n // bounds.THIRDS for n in (number, number + 1))
        return self._searched(self._scenes(first, last), whole=False)

    def stretch(self, number: int, places: Sequence[Found]) -> list[Found]:
        """The same for one stretch, at the unchanged geometry and the best of other ``places``, without a search."""
        scenes = self._scenes(number, number + 1)
        known = [found.place for found in places if not found.place.identity][:_PLACES]
        return self._tried(scenes, iter([Place(0, IDENTITY), *known]), whole=False)

    def agreement(self, number: int, found: Found) -> float:
        """How well a stretch agrees with a mark decoded elsewhere: a score with the variance of one."""
        if found.payload is None:
            raise ValueError("only a decoded mark can be agreed with")
        of = self._scenes(number, number + 1)[found.place.view]
        values = line_values(of, found.place.geometry)
        code = polar.encode(found.key, found.payload)
        return data_score(values, lattice(found.key), found.alignment, code)

    def _scenes(self, first: int, last: int) -> list[Scene]:
        if (first, last) not in self._known:
            self._known[first, last] = [Scene(even(_sum(view[first:last]))) for view in self._totals]
        return self._known[first, last]

    def _searched(self, scenes: list[Scene], *, whole: bool) -> list[Found]:
        def places() -> Iterator[Place]:
            for view in range(len(scenes)):
                yield Place(view, IDENTITY)
            for geometry in scenes[-1].geometries():
                yield Place(len(scenes) - 1, geometry)

        found = self._tried(scenes, places(), whole=whole)
        if found[0].payload is None:
            found[0] = self._once_more(scenes, found[0])
        return found

    def _tried(self, scenes: list[Scene], places: Iterator[Place], *, whole: bool) -> list[Found]:
        candidates = []
        for place in places:
            values = line_values(scenes[place.view], place.geometry)
            tries = []
            for key in self._keys:
                alignments = align(values, lattice(key), bounds.ALIGNMENTS)
                p = bounds.presence_p_value(
                    alignments[0].score, keys=len(self._keys), whole=whole, identity=place.identity
                )
                candidates.append(Found(key, place, alignments[0], p))
                tries += [(key, alignment) for alignment in alignments]
            self.words += len(tries) * polar.LIST_SIZE
            soft = np.stack([soft_bits(values, lattice(key), alignment) for key, alignment in tries])
            payloads = polar.decode([key for key, _ in tries], soft)
            for (key, alignment), payload in zip(tries, payloads, strict=True):
                if payload is not None:
                    p = bounds.false_payload_bound(self.words)
                    return [Found(key, place, alignment, p, payload)]
        candidates.sort(key=lambda found: -found.alignment.score)
        return candidates

    def _once_more(self, scenes: list[Scene], likeliest: Found) -> Found:
        """The likeliest place, decoded with a long list."""
        values = line_values(scenes[likeliest.place.view], likeliest.place.geometry)
        soft = soft_bits(values, lattice(likeliest.key), likeliest.alignment)
        self.words += polar.LONG_LIST
        (payload,) = polar.decode([likeliest.key], soft[None], polar.LONG_LIST)
        if payload is None:
            return likeliest
        return replace(likeliest, payload=payload, p_value=bounds.false_payload_bound(self.words))


def _sum(totals: Sequence[Plane]) -> Plane:
    return np.asarray(np.sum(totals, axis=0), np.float32)
