"""The survival table as a picture: attacks down, contestants across, the share read as a colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.watermark.counts import Row

_SCALE = 2
_ROW, _LABEL, _CELL, _HEAD, _GAP = 22, 270, 92, 54, 36
_LOW, _MIDDLE, _HIGH = (178, 58, 52), (240, 208, 128), (46, 125, 84)
_INK, _PAPER, _NONE = (32, 33, 36), (255, 255, 255), (238, 239, 241)


def heatmap(rows: Sequence[Row], names: Sequence[str], path: Path, title: str) -> None:
    """Draw it in two columns.

    Args:
        rows: as `counts.survival` gives them.
        names: contestants, from left to right.
        path: of the PNG.
        title: above it.
    """
    shares = {(row["contestant"], row["attack"]): (row["exact"], row["n"]) for row in rows}
    attacks = list(dict.fromkeys(row["attack"] for row in rows))
    half = -(-len(attacks) // 2)
    panel = _LABEL + _CELL * len(names)
    size = (2 * panel + 3 * _GAP, _HEAD + _ROW * half + 2 * _GAP)
    picture = Image.new("RGB", (size[0] * _SCALE, size[1] * _SCALE), _PAPER)
    draw = ImageDraw.Draw(picture)
    _text(draw, (_GAP, 12), title, 15)
    for column, part in enumerate((attacks[:half], attacks[half:])):
        left = _GAP + column * (panel + _GAP)
        for i, name in enumerate(names):
            _text(draw, (left + _LABEL + _CELL * i + _CELL / 2, _GAP + _HEAD - 14), name, 10, "ms")
        for line, attack in enumerate(part):
            top = _GAP + _HEAD + line * _ROW - 8
            _text(draw, (left + _LABEL - 10, top + _ROW / 2), attack, 12, "rm")
            for i, name in enumerate(names):
                _cell(draw, (left + _LABEL + _CELL * i, top), shares.get((name, attack)))
    picture.save(path, optimize=True)


def _cell(draw: ImageDraw.ImageDraw, at: tuple[float, float], share: tuple[int, int] | None) -> None:
    box = [round(value * _SCALE) for value in (at[0], at[1], at[0] + _CELL - 2, at[1] + _ROW - 2)]
    draw.rectangle(box, fill=_NONE if share is None else _colour(share[0] / share[1]))
    if share is not None:
        bright = 0.25 < share[0] / share[1] < 0.8
        middle = (at[0] + _CELL / 2, at[1] + _ROW / 2)
        _text(draw, middle, f"{share[0]}/{share[1]}", 12, "mm", _INK if bright else _PAPER)


def _colour(share: float) -> tuple[int, ...]:
    below, above, at = (_LOW, _MIDDLE, 2 * share) if share < 0.5 else (_MIDDLE, _HIGH, 2 * share - 1)
    return tuple(round(a + (b - a) * at) for a, b in zip(below, above, strict=True))


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    anchor: str = "la",
    colour: tuple[int, int, int] = _INK,
) -> None:
    font = ImageFont.load_default(size * _SCALE)
    draw.text((at[0] * _SCALE, at[1] * _SCALE), text, colour, font=font, anchor=anchor)
