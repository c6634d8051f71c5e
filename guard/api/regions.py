"""``region`` of a query: regions of interest, as C2PA writes them down, to the part of a file that is looked at.

The interface's own schema and the specification that it refers to differ in names: ``kind`` or ``type`` of a shape,
``ntp`` or ``npt`` for seconds from the start. Both are read.
"""

from __future__ import annotations

import math
import re
from typing import Any

from guard.api.errors import ApiError
from guard.media.parts import Part, Rectangle, Stretch

_SECONDS = re.compile(r"(?:(\d{1,6}):([0-5]?\d):([0-5]?\d(?:\.\d*)?))|(\d{1,9}(?:\.\d*)?)", re.ASCII)
_FARTHEST = 1e9
_UNSUPPORTED = (
    "One rectangle and one range of seconds or frames are looked at; no other shape, nothing outside of a shape, no "
    "time of day, text or item."
)


def part_of(value: Any) -> Part | None:
    """What of a file a ``region`` means; None for all of it.

    A rectangle and a range of seconds or frames hold together. What they mean beside others of their kind the
    specification leaves open, so that there may be one of each.

    Raises:
        ApiError: ``region_unsupported``; ``invalid_type``, ``invalid_value``, ``missing_required_parameter``.
    """
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong("region must be a list of objects.", "invalid_type")
    areas = [_rectangle(item) for item in value if item.get("type") == "spatial"]
    stretches = [_stretch(item) for item in value if item.get("type") in ("temporal", "frame")]
    if any(item.get("type") in ("textual", "identified") for item in value):
        raise _unsupported()
    if len(areas) + len(stretches) < len(value):
        raise _wrong("A range is spatial, temporal, frame, textual or identified.")
    if len(areas) > 1 or len(stretches) > 1:
        raise _unsupported()
    return Part(next(iter(areas), None), next(iter(stretches), Stretch()))


def _rectangle(item: dict[str, Any]) -> Rectangle:
    shape = _object(item, "shape")
    kind, unit = shape.get("kind", shape.get("type")), shape.get("unit")
    if kind in ("circle", "polygon") or shape.get("inside", True) is False:
        raise _unsupported()
    if kind != "rectangle" or unit not in ("pixel", "percent"):
        raise _wrong("A shape is a rectangle, circle or polygon, in pixel or percent.")
    origin = _object(shape, "origin")
    width, height = _number(shape, "width"), _number(shape, "height")
    if width <= 0 or height <= 0:
        raise _wrong("width and height must be above 0.")
    return Rectangle(_number(origin, "x"), _number(origin, "y"), width, height, percent=unit == "percent")


def _stretch(item: dict[str, Any]) -> Stretch:
    if item["type"] == "frame":
        frame = _object(item, "frame")
        first, last = _whole(frame, "start"), _whole(frame, "end")
        return _forwards(Stretch(first or 0, None if last is None else last + 1, counted=True))
    time = _object(item, "time")
    kind = time.get("type", "npt")
    if kind in ("wallClock", "wall-clock"):
        raise _unsupported()
    if kind not in ("npt", "ntp") or time.get("endInclusivity", "exclusive") not in (
        "inclusive",
        "exclusive",
    ):
        raise _wrong("A time is of the type npt, its end inclusive or exclusive.")
    start, end = _seconds(time, "start"), _seconds(time, "end")
    if end is not None and time.get("endInclusivity") == "inclusive":
        end = math.nextafter(end, math.inf)
    return _forwards(Stretch(start or 0.0, end))


def _forwards(stretch: Stretch) -> Stretch:
    if stretch.end is not None and stretch.end <= stretch.start:
        raise _wrong("A range must end after it starts.")
    return stretch


def _object(values: dict[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    if found is None:
        raise _wrong(f"A region lacks its {name}.", "missing_required_parameter")
    if not isinstance(found, dict):
        raise _wrong(f"{name} must be an object.", "invalid_type")
    return found


def _number(values: dict[str, Any], name: str) -> float:
    found = values.get(name)
    if found is None:
        raise _wrong(f"A rectangle needs {name}.", "missing_required_parameter")
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise _wrong(f"{name} must be a number.", "invalid_type")
    if not -_FARTHEST <= found <= _FARTHEST:
        raise _wrong(f"{name} is no size of a picture.")
    return float(found)


def _whole(values: dict[str, Any], name: str) -> int | None:
    found = values.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int):
        raise _wrong(f"{name} must be a whole number.", "invalid_type")
    if not 0 <= found <= _FARTHEST:
        raise _wrong(f"{name} is no number of a picture; the first is 0.")
    return found


def _seconds(time: dict[str, Any], name: str) -> float | None:
    value = time.get(name)
    if value is None:
        return None
    found = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _wrong(f"{name} must read like 12.5 or 0:01:12.5, as a string.")
    hours, minutes, rest, alone = found.groups()
    return float(alone) if alone is not None else 3600 * int(hours) + 60 * int(minutes) + float(rest)


def _wrong(message: str, code: str = "invalid_value") -> ApiError:
    return ApiError(400, code, message, param="region")


def _unsupported() -> ApiError:
    return ApiError(400, "region_unsupported", _UNSUPPORTED, param="region")
