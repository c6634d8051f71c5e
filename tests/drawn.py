"""Pictures for the examiners, drawn here: a face, lettering, and neither."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Picture = NDArray[np.uint8]
_SKIN, _DARK, _HAIR = (224, 172, 140), (60, 40, 34), (58, 38, 28)


def face(side: int = 400) -> Picture:
    """A plain portrait: shoulders, hair, eyes, nose and mouth, softly shaded; (side, side, 3) uint8 RGB."""
    image = Image.new("RGB", (400, 400), (150, 170, 185))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 310, 340, 560), fill=(70, 80, 120))
    draw.ellipse((118, 60, 282, 300), fill=_HAIR)
    draw.rectangle((170, 260, 230, 340), fill=(205, 150, 120))
    draw.ellipse((132, 88, 268, 300), fill=_SKIN)
    draw.pieslice((125, 70, 275, 210), 180, 360, fill=_HAIR)
    draw.rectangle((140, 132, 260, 150), fill=_SKIN)
    for x in (170, 230):
        draw.arc((x - 22, 150, x + 22, 180), 200, 340, fill=_DARK, width=6)
        draw.ellipse((x - 16, 172, x + 16, 190), fill=(250, 250, 250))
        draw.ellipse((x - 8, 172, x + 8, 190), fill=(50, 60, 70))
    draw.line((200, 185, 194, 225), fill=(190, 130, 105), width=5)
    draw.arc((184, 215, 216, 235), 20, 160, fill=(150, 95, 80), width=4)
    draw.ellipse((172, 248, 228, 268), fill=(175, 80, 80))
    draw.line((174, 258, 226, 258), fill=(110, 45, 50), width=3)
    image = image.filter(ImageFilter.GaussianBlur(1.6))
    return np.asarray(image.resize((side, side)))


def lettered(text: str, width: int = 640, height: int = 360, size: int = 34) -> Picture:
    """White text on a slope of blues; (height, width, 3) uint8 RGB."""
    slope = np.linspace(40, 110, width, dtype=np.uint8)
    ground = np.stack([np.full_like(slope, 30), slope, slope + 60], axis=-1)
    image = Image.fromarray(np.repeat(ground[None], height, axis=0))
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(text.split("\n")):
        draw.text((30, 40 + number * (size + 22)), line, font=ImageFont.load_default(size), fill="white")
    return np.asarray(image)
