"""Reading: is there a mark of ours, and what does it say?"""

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
from guard.marks.search import geometries, scene
from guard.marks.sync import SYMMETRIES, Alignment, align, line_values, soft_bits

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


def read(chunks: Iterable[Chunk], keys: Sequence[MarkKey]) -> Reading:
    """Read the mark of a clip.

    Frames are taken in as they come, at most 128 spread evenly over the clip are summed, and memory does not
    grow with the clip. The unchanged geometry is tried first, then zooms and rotations to 16 degrees, changed
    aspects, and all rotations, each with every key; the first payload found ends the reading.

    Args:
        chunks: The clip, in order.
        keys: One to three keys: the current one first, then retired ones.

    Raises:
        MarkError: ``mark_keys_invalid``, ``mark_no_frames``, ``mark_frame_too_small``,
        ``mark_frames_invalid`` or
            ``mark_size_changed``.
    """
    allowed = bounds.alignments_allowed(len(keys))
    if len({key.id for key in keys}) != len(keys):
        raise MarkError("mark_keys_invalid", "Two mark keys have the same id; give each key its own.")
    front = _sum_up(chunks)
    lattices = [(key, lattice(key)) for key in keys]
    of = scene(front.total())
    decodings = 0
    best = Reading("absent", None, None, 1.0, front.frames, None)
    for i, geometry in enumerate(geometries(of)):
        values = line_values(of, geometry)
        for key, lines in lattices:
            for rank, alignment in enumerate(align(values, lines, allowed)):
                place = _edit(geometry, alignment)
                if rank == 0:
                    p = bounds.presence_p_value(alignment.score, keys=len(keys), identity=i == 0)
                    if p < best.p_value:
                        best = _present(p, key, front.frames, place)
                decodings += 1
                payload = polar.decode(key, soft_bits(values, lines, alignment))
                if payload is not None:
                    p = bounds.false_payload_bound(decodings)
                    return Reading("read", payload, key.id, p, front.frames, place)
    return best


def _present(p: float, key: MarkKey, frames: int, place: tuple[float, ...]) -> Reading:
    if p <= bounds.PRESENCE_LEVEL:
        return Reading("unreadable", None, key.id, p, frames, place)
    return Reading("absent", None, None, p, frames, None)


def _sum_up(chunks: Iterable[Chunk]) -> Front:
    front = None
    for chunk in chunks:
        frames = chunk.frames
        check_frames(frames)
        for frame in frames:
            if front is None:
                front = Front(frame.shape[1], frame.shape[0])
            front.add(np.ascontiguousarray(frame))
    if front is None:
        raise MarkError("mark_no_frames", "The clip has no frames to read a mark from.")
    return front


def _edit(geometry: Floats, alignment: Alignment) -> tuple[float, ...]:
    """The geometry together with the flip or quarter turn that the pilots have shown."""
    a, b, c, d = geometry * TILE
    p, q, r, s = SYMMETRIES[alignment.symmetry]
    return tuple(round(float(x), 5) for x in (a * p + c * r, b * p + d * r, a * q + c * s, b * q + d * s))
