"""Reading: is there a mark of ours, and what does it say?"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np

from guard.marks import bounds, polar
from guard.marks.errors import MarkError
from guard.marks.frames import Frames, check_frames
from guard.marks.front import Front
from guard.marks.keys import MarkKey
from guard.marks.lattice import TILE, Floats, lattice
from guard.marks.search import Scene, geometries, scene
from guard.marks.sync import SYMMETRIES, Alignment, align, line_values, soft_bits
from guard.media.selection import FIRST_STRETCH, Selection

MAX_FRAMES = 128
"""At most so many frames of a clip are summed where nothing else is asked for."""

Status = Literal["read", "unreadable", "absent"]


class Chunk(Protocol):
    """Consecutive frames of a clip."""

    @property
    def frames(self) -> Frames:
        """(n, height, width, 3) uint8 RGB."""


@dataclass(frozen=True)
class Reading:
    """What a clip's mark says.

    Attributes:
        status: ``read``: a payload was recovered. ``unreadable``: a mark of one of the keys is there, its
        payload is lost.
            ``absent``: no mark of these keys was found, which says nothing about where the clip comes from.
        payload: 8 bytes if read.
        key_id: Key that the mark was made with, unless absent.
        p_value: Chance that a clip without a mark gives such a reading or a stronger one, at most.
        frames: Frames that the reading rests on.
        geometry: If there is a mark, the matrix (a, b, c, d) by which the edit has mapped its frequencies:
            fx' = a fx + c fy, fy' = b fx + d fy, both in frames scaled to a short side of 256.
    """

    status: Status
    payload: bytes | None
    key_id: str | None
    p_value: float
    frames: int
    geometry: tuple[float, ...] | None

    def to_json(self) -> dict[str, Any]:
        """The reading in JSON's types; the payload in hexadecimal."""
        return {
            "status": self.status,
            "payload": None if self.payload is None else self.payload.hex(),
            "key_id": self.key_id,
            "p_value": self.p_value,
            "frames": self.frames,
            "geometry": None if self.geometry is None else list(self.geometry),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Reading":
        """The reading that :meth:`to_json` gave.

        Raises:
            MarkError: ``mark_reading_invalid`` if it has another form.
        """
        try:
            payload, geometry, key_id = value["payload"], value["geometry"], value["key_id"]
            reading = cls(
                status=value["status"],
                payload=None if payload is None else bytes.fromhex(payload),
                key_id=None if key_id is None else str(key_id),
                p_value=float(value["p_value"]),
                frames=int(value["frames"]),
                geometry=None if geometry is None else tuple(float(x) for x in geometry),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise MarkError(
                "mark_reading_invalid", "This is not a stored mark reading; read the file again."
            ) from error
        reads = reading.status == "read"
        if (
            reading.status not in get_args(Status)
            or reads != (reading.payload is not None)
            or (reading.payload is not None and len(reading.payload) != polar.PAYLOAD_BYTES)
            or not 0 <= reading.p_value <= 1
        ):
            raise MarkError(
                "mark_reading_invalid", "This stored mark reading contradicts itself; read the file again."
            )
        return reading


class Look:
    """Gathers what a mark is read from, as pictures of a clip pass: a viewer for ``VideoFile.show``.

    Args:
        most: Frames that are gathered at most, an even number; at least half as many of any clip that has them.
        lot: Draws which; see ``guard.media.selection``.
        stretch: As for ``Selection``.
    """

    def __init__(self, most: int, lot: random.Random, *, stretch: float = FIRST_STRETCH) -> None:
        self._front: Front | None = None
        self._selection: Selection[Frames] = Selection(lambda _: most, lot, stretch=stretch)

    def wants(self, end: float) -> bool:
        """Whether to be shown the picture that is on screen until ``end``."""
        return self._selection.wants(end)

    def see(self, end: float, frame: Frames) -> None:
        """The picture that is on screen until ``end``, (height, width, 3) uint8 RGB.

        Raises:
            MarkError: ``mark_frame_too_small`` or ``mark_size_changed``.
        """
        if self._front is None:
            self._front = Front(frame.shape[1], frame.shape[0])
        self._selection.keep(end, self._front.luma(frame))

    def read(self, keys: Sequence[MarkKey]) -> Reading:
        """Read the mark of what was gathered; see :func:`read`."""
        allowed = bounds.alignments_allowed(len(keys))
        if len({key.id for key in keys}) != len(keys):
            raise MarkError("mark_keys_invalid", "Two mark keys have the same id; give each key its own.")
        if self._front is None:
            raise MarkError("mark_no_frames", "The clip has no frames to read a mark from.")
        planes = {id(plane): plane for _, plane in self._selection.kept}  # a picture counts once
        return _read(scene(self._front.total(planes.values())), len(planes), keys, allowed)


def read(chunks: Iterable[Chunk], keys: Sequence[MarkKey]) -> Reading:
    """Read the mark of a clip.

    Frames are taken in as they come, at most 128 spread evenly over the clip are summed, and memory does not
    grow with the clip. The unchanged geometry is tried first, then zooms and rotations to 16 degrees, changed
    aspects, and all rotations, each with every key; the first payload found ends the reading.

    Args:
        chunks: The clip, in order. Which of its frames are summed can be known beforehand, so that the clip of
            a stranger is better shown to a :class:`Look`.
        keys: One to three keys: the current one first, then retired ones.

    Raises:
        MarkError: ``mark_keys_invalid``, ``mark_no_frames``, ``mark_frame_too_small``,
        ``mark_frames_invalid`` or
            ``mark_size_changed``.
    """
    look = Look(MAX_FRAMES, random.Random(0), stretch=1.0)  # noqa: S311 - no secret
    count = 0
    for chunk in chunks:
        check_frames(chunk.frames)
        for frame in chunk.frames:
            count += 1
            if look.wants(count):
                look.see(count, np.ascontiguousarray(frame))
    return look.read(keys)


def _read(of: Scene, frames: int, keys: Sequence[MarkKey], allowed: int) -> Reading:
    lattices = [(key, lattice(key)) for key in keys]
    decodings = 0
    best = Reading("absent", None, None, 1.0, frames, None)
    for i, geometry in enumerate(geometries(of)):
        values = line_values(of, geometry)
        for key, lines in lattices:
            for rank, alignment in enumerate(align(values, lines, allowed)):
                place = _edit(geometry, alignment)
                if rank == 0:
                    p = bounds.presence_p_value(alignment.score, keys=len(keys), identity=i == 0)
                    if p < best.p_value:
                        best = _present(p, key, frames, place)
                decodings += 1
                payload = polar.decode(key, soft_bits(values, lines, alignment))
                if payload is not None:
                    p = bounds.false_payload_bound(decodings)
                    return Reading("read", payload, key.id, p, frames, place)
    return best


def _present(p: float, key: MarkKey, frames: int, place: tuple[float, ...]) -> Reading:
    if p <= bounds.PRESENCE_LEVEL:
        return Reading("unreadable", None, key.id, p, frames, place)
    return Reading("absent", None, None, p, frames, None)


def _edit(geometry: Floats, alignment: Alignment) -> tuple[float, ...]:
    """The geometry together with the flip or quarter turn that the pilots have shown."""
    a, b, c, d = geometry * TILE
    p, q, r, s = SYMMETRIES[alignment.symmetry]
    return tuple(round(float(x), 5) for x in (a * p + c * r, b * p + d * r, a * q + c * s, b * q + d * s))
