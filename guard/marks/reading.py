"""What a reading says, and its form in JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from guard.marks.errors import MarkError
from guard.marks.polar import PAYLOAD_BYTES

Status = Literal["read", "unreadable", "absent"]


@dataclass(frozen=True)
class Stretch:
    """A stretch of a clip and what its mark says.

    Attributes:
        start: Seconds from the first picture.
        end: Seconds from the first picture.
        status: As for :class:`Reading`.
        payload: 8 bytes if read.
    """

    start: float
    end: float
    status: Status
    payload: bytes | None


@dataclass(frozen=True)
class Reading:
    """What a clip's mark says.

    Attributes:
        status: ``read``: a payload was recovered. ``unreadable``: a mark of one of the keys is there, its payload is
            lost. ``absent``: no mark of these keys was found, which says nothing about where the clip comes from.
        payload: 8 bytes if read; of several payloads, the one that lasts longest.
        key_id: Key that the mark was made with, unless absent.
        p_value: Chance that a clip without a mark gives such a reading or a stronger one, at most.
        frames: Frames that the reading rests on.
        geometry: If there is a mark, the matrix (a, b, c, d) by which the edit has mapped its frequencies:
            fx' = a fx + c fy, fy' = b fx + d fy, both in frames (without bars around the picture) scaled to a short
            side of 256.
        timeline: The whole clip from start to end, in stretches that differ from their neighbours. Where one starts
            and ends is known to about a second, or a twenty-sixth of the clip if that is longer.
    """

    status: Status
    payload: bytes | None
    key_id: str | None
    p_value: float
    frames: int
    geometry: tuple[float, ...] | None
    timeline: tuple[Stretch, ...]

    @property
    def payloads(self) -> tuple[bytes, ...]:
        """All payloads of the clip, the longest-lasting one first."""
        if self.payload is None:
            return ()
        others = (stretch.payload for stretch in self.timeline if stretch.payload is not None)
        return tuple(dict.fromkeys((self.payload, *others)))

    def to_json(self) -> dict[str, Any]:
        """The reading in JSON's types; payloads in hexadecimal."""
        return {
            "status": self.status,
            "payload": _hex(self.payload),
            "key_id": self.key_id,
            "p_value": self.p_value,
            "frames": self.frames,
            "geometry": None if self.geometry is None else list(self.geometry),
            "timeline": [
                {"start": s.start, "end": s.end, "status": s.status, "payload": _hex(s.payload)}
                for s in self.timeline
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Reading":
        """The reading that :meth:`to_json` gave.

        Raises:
            MarkError: ``mark_reading_invalid`` if it has another form or contradicts itself.
        """
        try:
            geometry, key_id = value["geometry"], value["key_id"]
            reading = cls(
                status=value["status"],
                payload=_bytes(value["payload"]),
                key_id=None if key_id is None else str(key_id),
                p_value=float(value["p_value"]),
                frames=int(value["frames"]),
                geometry=None if geometry is None else tuple(float(x) for x in geometry),
                timeline=tuple(
                    Stretch(float(s["start"]), float(s["end"]), s["status"], _bytes(s["payload"]))
                    for s in value["timeline"]
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise MarkError(
                "mark_reading_invalid", "This is not a stored mark reading; read the file again."
            ) from error
        said = [
            (reading.status, reading.payload),
            *((part.status, part.payload) for part in reading.timeline),
        ]
        sound = all(_agree(*part) for part in said)
        if not sound or not 0 <= reading.p_value <= 1:
            raise MarkError(
                "mark_reading_invalid", "This stored mark reading contradicts itself; read the file again."
            )
        return reading


def _hex(payload: bytes | None) -> str | None:
    return None if payload is None else payload.hex()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _agree(status: str, payload: bytes | None) -> bool:
    if status not in get_args(Status) or (status == "read") != (payload is not None):
        return False
    return payload is None or len(payload) == PAYLOAD_BYTES
