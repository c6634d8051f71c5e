"""Small pictures of a generated clip for lists and players: one as WebP, many on one sheet as JPEG."""

from __future__ import annotations

import io
import math
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from guard.media.errors import MediaError
from guard.media.info import Frames, FrameSource

MADE_BY_A_MODEL = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>
</rdf:RDF></x:xmpmeta><?xpacket end="r"?>"""
"""What previews say of themselves (XMP, IPTC digital source type): made small, they may not carry the watermark."""


def thumbnail(
    source: FrameSource, *, time: float | None = None, width: int = 640, declared: bool = True
) -> bytes:
    """One picture of a clip as WebP.

    Args:
        source: where the pictures come from.
        time: seconds from the start; None for a third of the way, past fades and titles. Beyond the end the
            first picture is taken.
        width: of the result, in pixels; never enlarged.
        declared: whether it says of itself that a model made it.

    Raises:
        MediaError: ``media_no_video``, and what reading the source raises.
    """
    start = source.info.duration / 3 if time is None else time
    chunk = next(source.chunks(span=(start, math.inf)), None) if start > 0 else None
    chunk = chunk or next(source.chunks(), None)
    if chunk is None:
        raise MediaError("media_no_video", "There are no pictures to preview.")
    return _compress(_fitted(chunk.frames[0], width), "WEBP", declared=declared, quality=80, method=4)


def spritesheet(source: FrameSource, *, columns: int = 5, rows: int = 5, tile_width: int = 192) -> bytes:
    """Up to `columns` x `rows` pictures, evenly spaced and in reading order, on one JPEG.

    Raises:
        MediaError: ``media_no_video``, and what reading the source raises.
    """
    info = source.info
    frames = info.frames or round(info.duration * info.fps) or 1
    every = max(1, math.ceil(frames / (columns * rows)))
    pictures = (frame for chunk in source.chunks(every=every) for frame in chunk.frames)
    tiles = [_fitted(picture, tile_width) for picture in islice(pictures, columns * rows)]
    if not tiles:
        raise MediaError("media_no_video", "There are no pictures to preview.")
    width, height = tiles[0].size
    across = min(columns, len(tiles))
    sheet = Image.new("RGB", (width * across, height * math.ceil(len(tiles) / across)))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % across * width, number // across * height))
    return _compress(sheet, "JPEG", quality=82)


def _fitted(picture: Frames, width: int) -> Image.Image:
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    image = Image.fromarray(np.ascontiguousarray(picture))
    if width >= image.width:
        return image
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _compress(image: Image.Image, kind: str, *, declared: bool = True, **options: Any) -> bytes:
    output = io.BytesIO()
    if declared:
        options["xmp"] = MADE_BY_A_MODEL
    image.save(output, format=kind, **options)
    return output.getvalue()
