"""The pages' static files, and the contrast of their colours."""

from __future__ import annotations

import re
from pathlib import Path

import guard.web
from guard.web.rendering import MEDIA_TYPES, static_file

STATIC = Path(guard.web.__file__).parent / "static"


def test_static_files_are_exactly_the_listed_ones() -> None:
    shipped = {path.name for path in STATIC.iterdir()}
    assert shipped - set(MEDIA_TYPES) == {"htmx.LICENSE.txt"}
    for name, media_type in MEDIA_TYPES.items():
        found = static_file(name)
        assert found is not None
        assert found.headers["content-type"] == media_type
        assert found.body == (STATIC / name).read_bytes()
    assert static_file("htmx.LICENSE.txt") is None
    assert static_file("../pages.py") is None


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_colours_have_enough_contrast_in_both_schemes() -> None:
    css = (STATIC / "guard.css").read_text("utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    )
    assert set(dark) == set(light)
    for scheme in (light, dark):
        for ground in ("page", "card"):
            for ink in ("ink", "soft", "accent", "ours", "ai", "warn", "capture", "unknown"):
                assert contrast(scheme[ink], scheme[ground]) >= 4.5, (ink, ground, scheme)
            assert contrast(scheme["focus"], scheme[ground]) >= 3, (ground, scheme)
        assert contrast(scheme["accent-ink"], scheme["accent"]) >= 4.5
        assert contrast(scheme["warn"], scheme["warn-pale"]) >= 4.5
        assert contrast(scheme["ink"], scheme["accent-pale"]) >= 4.5
