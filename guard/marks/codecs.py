"""The codecs that a clip can be marked with: the lattice, and peers that carry the same payload.

What the service does with a mark, it does through :class:`Codec`: embed a payload, gather pictures, read. The
lattice of this package is one; the others are :mod:`guard.marks.carriers`, whose bits carry the payload and its
keyed check as :mod:`guard.marks.words` writes them. Each has a C2PA soft-binding name of its own: the peers' models
are their makers', but what their bits say is ours, so none of them bears the name of a codec whose readers expect
something else.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np

from guard.marks import bounds, carriers, words
from guard.marks.carriers import Carrier, Soft
from guard.marks.embed import Embedder
from guard.marks.errors import MarkError
from guard.marks.frames import Chunk, Frames, check_frames
from guard.marks.keys import MarkKey
from guard.marks.look import MAX_FRAMES, Look
from guard.marks.polar import PAYLOAD_BYTES
from guard.marks.presets import DEFAULT_PRESET
from guard.marks.reading import Reading, Status, Stretch
from guard.media.selection import FIRST_STRETCH, Selection

DEFAULT_CODEC = "lattice"
_PREFIX = "io.github.generation-guard"
_LEAST_SIDE = 256
_SHOWN = 0.02
"""Seconds for which a picture counts at least: so that each has a moment of its own at 50 a second."""


class Gathering(Protocol):
    """Gathers what a mark is read from, as pictures of a clip pass; see ``guard.media.selection.Viewer``."""

    def wants(self, end: float) -> bool:
        """Whether to be shown the picture that is on screen until `end`."""
        ...

    def see(self, end: float, frame: Frames) -> None:
        """The picture that is on screen until `end`, (height, width, 3) uint8 RGB."""
        ...

    def read(self, keys: Sequence[MarkKey]) -> Reading:
        """Read the mark of what was gathered."""
        ...


class Codec(Protocol):
    """A way to mark clips and to read the marks."""

    @property
    def name(self) -> str:
        """As it is chosen."""
        ...

    @property
    def algorithm(self) -> str:
        """Its C2PA soft-binding name."""
        ...

    def embedder(
        self, key: MarkKey, payload: bytes, width: int, height: int, preset: str = DEFAULT_PRESET
    ) -> Callable[[Frames], Frames]:
        """What marks the frames of one clip, (n, height, width, 3) uint8 RGB to the same, chunk by chunk.

        Raises:
            MarkError: ``mark_payload_invalid``, ``mark_frame_too_small``, ``mark_preset_unknown``.
        """
        ...

    def look(self, most: int, lot: random.Random, *, stretch: float = FIRST_STRETCH) -> Gathering:
        """What gathers at most so many pictures of a stranger's clip, drawn by lot, and reads them."""
        ...


@dataclass(frozen=True)
class _Lattice:
    name: str
    algorithm: str

    def embedder(
        self, key: MarkKey, payload: bytes, width: int, height: int, preset: str = DEFAULT_PRESET
    ) -> Callable[[Frames], Frames]:
        return Embedder(key, payload, width, height, preset)

    def look(self, most: int, lot: random.Random, *, stretch: float = FIRST_STRETCH) -> Gathering:
        return Look(most, lot, stretch=stretch)


@dataclass(frozen=True)
class _Carried:
    """A peer that carries our word. It has one strength, whatever the preset."""

    name: str
    algorithm: str
    opened: Callable[[Path | None], Carrier]
    weights: Path | None

    @cached_property
    def carrier(self) -> Carrier:
        return self.opened(self.weights)

    def embedder(
        self, key: MarkKey, payload: bytes, width: int, height: int, preset: str = DEFAULT_PRESET
    ) -> Callable[[Frames], Frames]:
        if len(payload) != PAYLOAD_BYTES:
            raise MarkError("mark_payload_invalid", f"A mark's payload must be {PAYLOAD_BYTES} bytes.")
        if min(width, height) < _LEAST_SIDE:
            raise MarkError(
                "mark_frame_too_small",
                f"Frames of {width}x{height} are too small for {self.name}; each side must be at least "
                f"{_LEAST_SIDE} pixels.",
            )
        word = words.written(key, payload, self.carrier.bits)

        def mark(frames: Frames) -> Frames:
            check_frames(frames)
            return np.stack([self.carrier.write(np.ascontiguousarray(frame), word) for frame in frames])

        return mark

    def look(self, most: int, lot: random.Random, *, stretch: float = FIRST_STRETCH) -> Gathering:
        limit = self.carrier.most
        return _Sum(self.carrier, most if limit is None else min(most, limit), lot, stretch)


class _Sum:
    """Soft bits of a carrier, added up over the pictures that were drawn."""

    def __init__(self, carrier: Carrier, most: int, lot: random.Random, stretch: float) -> None:
        self._carrier = carrier
        self._selection: Selection[Soft] = Selection(lambda _: most, lot, stretch=stretch)
        self._end = 0.0

    def wants(self, end: float) -> bool:
        self._end = max(self._end, end)
        return self._selection.wants(end)

    def see(self, end: float, frame: Frames) -> None:
        large = min(frame.shape[:2]) >= _LEAST_SIDE
        soft = self._carrier.soft(frame) if large else np.zeros(self._carrier.bits)
        self._selection.keep(end, soft)

    def read(self, keys: Sequence[MarkKey]) -> Reading:
        bounds.check_keys([key.id for key in keys])
        seen = {id(soft): soft for _, soft in self._selection.kept}
        if not seen:
            raise MarkError("mark_no_frames", "The clip has no frames to read a mark from.")
        total = np.sum(list(seen.values()), axis=0)
        for key in keys:
            if (payload := words.read(key, total)) is not None:
                bound = words.false_payload_bound(len(total), len(keys))
                return self._reading("read", payload, key.id, bound, len(seen))
        return self._reading("absent", None, None, 1.0, len(seen))

    def _reading(
        self, status: Status, payload: bytes | None, key_id: str | None, p_value: float, frames: int
    ) -> Reading:
        timeline = (Stretch(0.0, self._end, status, payload),)
        return Reading(status, payload, key_id, p_value, frames, None, timeline)


_CARRIERS: Mapping[str, Callable[[Path | None], Carrier]] = MappingProxyType(
    {
        "dwtDct": carriers.dwt_dct,
        "dwtDctSvd": carriers.dwt_dct_svd,
        "rivaGan": carriers.riva_gan,
        "videoseal": carriers.video_seal,
        "trustmark": carriers.trust_mark,
    }
)
ALGORITHMS: Mapping[str, str] = MappingProxyType(
    {
        DEFAULT_CODEC: f"{_PREFIX}.lattice.1",
        "dwtDct": f"{_PREFIX}.dwt-dct.1",
        "dwtDctSvd": f"{_PREFIX}.dwt-dct-svd.1",
        "rivaGan": f"{_PREFIX}.rivagan.1",
        "videoseal": f"{_PREFIX}.videoseal.1",
        "trustmark": f"{_PREFIX}.trustmark.1",
    }
)
"""C2PA soft-binding names of the codecs, by name; unlisted, and fixed for good."""


def codec(name: str = DEFAULT_CODEC, weights: Path | None = None) -> Codec:
    """The codec of that name, ready to be used.

    Args:
        name: one of :data:`ALGORITHMS`.
        weights: file of Video Seal; of no use to the others.

    Raises:
        MarkError: ``mark_codec_unknown``; ``mark_codec_missing`` or ``mark_codec_invalid`` if its package or its
            weights are not there or are something else.
    """
    if name == DEFAULT_CODEC:
        return _Lattice(name, ALGORITHMS[name])
    if name not in _CARRIERS:
        known = ", ".join(ALGORITHMS)
        raise MarkError("mark_codec_unknown", f"There is no mark codec {name!r}; use one of {known}.")
    made = _Carried(name, ALGORITHMS[name], _CARRIERS[name], weights)
    _ = made.carrier  # missing parts are found now, and not when a clip is half done
    return made


def read(chunks: Iterable[Chunk], keys: Sequence[MarkKey], of: Codec) -> Reading:
    """Read a clip's mark with a codec; as :func:`guard.marks.read` does with the lattice.

    Raises:
        MarkError: as there.
    """
    gathering = of.look(MAX_FRAMES, random.Random(0))  # noqa: S311 - no secret
    for chunk in chunks:
        check_frames(chunk.frames)
        for start, frame in zip(chunk.times, chunk.frames, strict=True):
            end = float(start) + _SHOWN
            if gathering.wants(end):
                gathering.see(end, np.ascontiguousarray(frame))
    return gathering.read(keys)
