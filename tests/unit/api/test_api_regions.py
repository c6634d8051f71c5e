"""Regions of interest: which mean a part of a file, which are refused, and how."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from guard.api.errors import ApiError
from guard.api.regions import part_of
from guard.media.parts import Part, Rectangle, Stretch

SHAPE = {"kind": "rectangle", "unit": "pixel", "origin": {"x": 10, "y": 5.5}, "width": 40, "height": 30}


def spatial(**changes: Any) -> dict[str, Any]:
    return {"type": "spatial", "shape": {**SHAPE, **changes}}


def temporal(**time: Any) -> dict[str, Any]:
    return {"type": "temporal", "time": time}


def frames(**frame: Any) -> dict[str, Any]:
    return {"type": "frame", "frame": frame}


def test_no_region_means_all_of_the_file() -> None:
    assert part_of(None) is None
    assert part_of([]) is None


@pytest.mark.parametrize(
    ("region", "part"),
    [
        ([spatial()], Part(Rectangle(10, 5.5, 40, 30))),
        ([spatial(unit="percent", inside=True)], Part(Rectangle(10, 5.5, 40, 30, percent=True))),
        (
            [
                {
                    "type": "spatial",
                    "shape": {**{k: v for k, v in SHAPE.items() if k != "kind"}, "type": "rectangle"},
                }
            ],
            Part(Rectangle(10, 5.5, 40, 30)),
        ),
        ([temporal()], Part()),
        (
            [temporal(type="ntp", start="12:05:30.5", end="12:07:40.2")],
            Part(stretch=Stretch(43530.5, 43660.2)),
        ),
        ([temporal(type="npt", start="2.5")], Part(stretch=Stretch(2.5))),
        ([temporal(end="3", endInclusivity="inclusive")], Part(stretch=Stretch(0, math.nextafter(3.0, 4)))),
        ([frames(start=4, end=4)], Part(stretch=Stretch(4, 5, counted=True))),
        ([frames()], Part(stretch=Stretch(counted=True))),
        ([frames(start=7), spatial()], Part(Rectangle(10, 5.5, 40, 30), Stretch(7, counted=True))),
    ],
)
def test_a_rectangle_and_a_range_mean_a_part(region: list[dict[str, Any]], part: Part) -> None:
    assert part_of(region) == part


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ([spatial(kind="circle")], "region_unsupported"),
        ([spatial(kind="polygon", vertices=[{"x": 1, "y": 1}])], "region_unsupported"),
        ([spatial(inside=False)], "region_unsupported"),
        ([spatial(), spatial()], "region_unsupported"),
        ([temporal(end="1"), frames(end=1)], "region_unsupported"),
        ([temporal(type="wallClock", start="2026-11-25T10:00:00Z")], "region_unsupported"),
        ([temporal(type="wall-clock", start="2026-11-25T10:00:00Z")], "region_unsupported"),
        ([{"type": "textual", "text": {}}], "region_unsupported"),
        ([{"type": "identified", "item": {"identifier": "track_id", "value": "2"}}], "region_unsupported"),
        ({"type": "spatial"}, "invalid_type"),
        (["spatial"], "invalid_type"),
        ([{}], "invalid_value"),
        ([{"type": "somewhere"}], "invalid_value"),
        ([{"type": "spatial"}], "missing_required_parameter"),
        ([{"type": "spatial", "shape": "all"}], "invalid_type"),
        ([spatial(kind="star")], "invalid_value"),
        ([spatial(unit="inch")], "invalid_value"),
        ([spatial(origin=None)], "missing_required_parameter"),
        ([spatial(width=None)], "missing_required_parameter"),
        ([spatial(width=0)], "invalid_value"),
        ([spatial(width=True)], "invalid_type"),
        ([spatial(height="12")], "invalid_type"),
        ([spatial(height=json.loads("NaN"))], "invalid_value"),
        ([spatial(width=json.loads("1e400"))], "invalid_value"),
        ([temporal(start=12)], "invalid_value"),
        ([temporal(start="a minute")], "invalid_value"),
        ([temporal(start="0:60:00")], "invalid_value"),
        ([temporal(start="9" * 5000)], "invalid_value"),
        ([temporal(type="smpte")], "invalid_value"),
        ([temporal(end="1", endInclusivity="perhaps")], "invalid_value"),
        ([temporal(start="3", end="3")], "invalid_value"),
        ([frames(start=3, end=2)], "invalid_value"),
        ([frames(start=-1)], "invalid_value"),
        ([frames(start=1.5)], "invalid_type"),
        ([frames(end=True)], "invalid_type"),
        ([{"type": "temporal"}], "missing_required_parameter"),
    ],
)
def test_whatever_else_is_refused(region: Any, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        part_of(region)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, "region")
