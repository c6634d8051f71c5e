"""Watermarks that other generators embed: the public ``dwtDct`` payloads.

The payloads are constants in the generators' public sources; encoder and decoder come from the package
``invisible-watermark``. One bit sits in each 8 x 8 pixels (a 4 x 4 block of the Haar approximation of the U
channel), block ``n`` in row-major order carries bit ``n mod L`` of a payload of ``L`` bits, and the decoder
lets the blocks of one bit vote. A payload survives neither lossy compression nor resizing nor cropping, so
only a positive says anything.

False positives. If a picture without a payload gave fair, independent bits, a random match would have these
probabilities at the thresholds used here (upper tail of the binomial distribution, 1/2):

========  ======  =====  =========  ===========================================
payload   bits    least  chance     used by
========  ======  =====  =========  ===========================================
SD1       136     109    3.5e-13    Stable Diffusion 1 scripts
SDXL      48      44     7.6e-10    SDXL; Stable Video Diffusion, frame by frame
FLUX      46      42     2.6e-9     FLUX.1 reference code
InvokeAI  64      58     4.5e-12    InvokeAI
SD2       32      31     7.7e-9     Stable Diffusion 2 scripts
SDXL-32   32      31     7.7e-9     SIGE demonstration and its forks
========  ======  =====  =========  ===========================================

Real pictures are neither fair nor independent: flat areas decode to long runs of equal bits. Hence the second
condition, contrast: the blocks that should say 1 must vote 1 more often, by ``CONTRAST``, than those that
should say 0. The 32-bit payloads, the shortest, are looked for only where their generators put them: in a
lossless picture whose sides are multiples of 64 pixels.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.errors import DetectorError
from detectors.evidence import Claim, Evidence, EvidenceType, Outcome, Strength
from detectors.protocol import ClipInfo, FrameSource, Subject

CONTRAST = 0.25
"""Least difference between the mean votes of the payload's ones and zeros, on a scale from 0 to 1."""

MIN_SIDE = 256
"""Pixels; the generators leave smaller pictures unmarked."""

MAX_PIXELS = 1 << 21
"""Work limit per picture. Rows are cut off at the bottom, which leaves the order of the blocks as it was."""

FRAME_POSITIONS = (0.1, 0.5, 0.9)
"""Where in a clip frames are taken, as shares of its duration."""

_SPAN_SECONDS = 1.0
_ONE_PASS_SECONDS = 15.0  # up to here, decoding once beats seeking thrice to a distant key frame
_BLOCK_PIXELS = 8
_LOSSLESS_CODECS = frozenset({"png", "bmp", "tiff"})


@dataclass(frozen=True)
class Payload:
    """A constant that a generator embeds.

    Attributes:
        name: Stable name.
        origin: Which generators embed it.
        bits: ``(L,)`` bool.
        least: How many bits must match.
        strict: Whether it is looked for only in lossless pictures with sides that are multiples of 64.
    """

    name: str
    origin: str
    bits: npt.NDArray[np.bool_]
    least: int
    strict: bool = False


def _from_bytes(text: bytes) -> npt.NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(text, dtype=np.uint8)).astype(np.bool_)


def _from_digits(digits: str) -> npt.NDArray[np.bool_]:
    return np.array([digit == "1" for digit in digits])


PAYLOADS: tuple[Payload, ...] = (
    Payload("SD1", "Stable Diffusion 1", _from_bytes(b"StableDiffusionV1"), least=109),
    Payload(
        "SDXL",
        "Stable Diffusion XL, Stable Video Diffusion",
        _from_digits("101100111110110010010000011110111011000110011110"),
        least=44,
    ),
    # The source writes this constant with two leading zeros, which its conversion to digits drops: 46 bits.
    Payload("FLUX", "FLUX.1", _from_digits("1010101111111010000111100111001111010100101110"), least=42),
    Payload("InvokeAI", "InvokeAI", _from_bytes(b"InvokeAI"), least=58),
    Payload("SD2", "Stable Diffusion 2", _from_bytes(b"SDV2"), least=31, strict=True),
    Payload("SDXL-32", "SIGE", _from_bytes(b"SDXL"), least=31, strict=True),
)


@dataclass(frozen=True)
class Hit:
    """A payload found in one picture: how many bits matched, and by how much the votes differ."""

    payload: Payload
    matched: int
    contrast: float


def read_blocks(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """The vote of every block of a picture.

    Args:
        frame: ``(height, width, 3)`` uint8 RGB, at least 256 x 256 pixels.

    Returns:
        ``(blocks,)`` bool, row by row.

    Raises:
        DetectorError: ``decoder_unavailable`` where the decoder's package is not installed.
    """
    height, width = frame.shape[:2]
    rows = min(height, max(MIN_SIDE, MAX_PIXELS // width // _BLOCK_PIXELS * _BLOCK_PIXELS))
    blocks = (rows // _BLOCK_PIXELS) * (width // _BLOCK_PIXELS)
    # With as many bits as blocks, each block is a bit of its own: one pass serves every payload length.
    decoder = _decoder_class()(wmLen=blocks)
    bgr = np.ascontiguousarray(frame[:rows, :, ::-1])
    return np.asarray(decoder.decode(bgr), dtype=np.bool_)


def match(blocks: npt.NDArray[np.bool_], payload: Payload) -> Hit | None:
    """Compare the blocks' votes with a payload.

    Args:
        blocks: ``(blocks,)`` bool from ``read_blocks``.
        payload: What to look for.

    Returns:
        The match, or None where bits or contrast fall short.
    """
    length = len(payload.bits)
    votes = np.bincount(np.arange(len(blocks)) % length, weights=blocks, minlength=length)
    share = votes / np.bincount(np.arange(len(blocks)) % length, minlength=length).clip(1)
    matched = int(np.count_nonzero((share * 255 > 127) == payload.bits))
    contrast = float(share[payload.bits].mean() - share[~payload.bits].mean())
    if matched < payload.least or contrast < CONTRAST:
        return None
    return Hit(payload, matched, contrast)


class KnownWatermarks:
    """Looks for the payloads in a picture, or in three frames of a clip."""

    id = "known_watermarks"
    version = "1"
    types = (EvidenceType.KNOWN_WATERMARK,)

    def examine(self, subject: Subject) -> list[Evidence]:
        """One piece of evidence per payload found, or one that none was found."""
        if subject.media is None:
            return [_no_pictures()]
        info = subject.media.info
        found: dict[str, tuple[Hit, list[int]]] = {}
        examined = 0
        for time_ms, frame in _frames(subject.media):
            if min(frame.shape[:2]) < MIN_SIDE:
                continue
            examined += 1
            blocks = read_blocks(frame)
            for payload in PAYLOADS:
                if payload.strict and not _as_generated(info):
                    continue
                if hit := match(blocks, payload):
                    best, times = found.get(payload.name, (hit, []))
                    found[payload.name] = (max(best, hit, key=lambda h: h.matched), [*times, time_ms])
        if not examined:
            return [_no_pictures()]
        if not found:
            return [_nothing(examined)]
        return [_positive(hit, times, examined) for hit, times in found.values()]


def _frames(media: FrameSource) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Times in milliseconds and frames."""
    info = media.info
    if info.kind == "audio":
        return
    if info.kind == "image" or not math.isfinite(info.duration) or info.duration <= 0:
        spans: tuple[tuple[float, float] | None, ...] = (None,)
    else:
        spans = tuple((at * info.duration, at * info.duration + _SPAN_SECONDS) for at in FRAME_POSITIONS)
    empty = True
    short = len(spans) > 1 and info.duration <= _ONE_PASS_SECONDS
    for frame in _in_one_pass(media) if short else chain.from_iterable(_first(media, span) for span in spans):
        empty = False
        yield frame
    if empty and spans != (None,):  # very few frames, all outside the spans
        yield from _first(media, None)


def _in_one_pass(media: FrameSource) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """The frames at the positions, which are equally far apart."""
    info = media.info
    first, second, last = FRAME_POSITIONS
    every = max(1, round((second - first) * info.duration * float(info.fps)))
    left = len(FRAME_POSITIONS)
    for chunk in media.chunks(every=every, span=(first * info.duration, (last + first) * info.duration)):
        for time, frame in zip(chunk.times[:left], chunk.frames[:left], strict=True):
            yield round(float(time) * 1000), frame
        left -= min(left, len(chunk.times))
    for at in FRAME_POSITIONS[len(FRAME_POSITIONS) - left :]:  # the container overstates its rate
        yield from _first(media, (at * info.duration, at * info.duration + _SPAN_SECONDS))


def _first(
    media: FrameSource, span: tuple[float, float] | None
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    every = max(1, round(float(media.info.fps) * _SPAN_SECONDS))  # converts few more pictures than the one
    for chunk in media.chunks(every=every, span=span):
        if len(chunk.frames):
            yield round(float(chunk.times[0]) * 1000), chunk.frames[0]
            return


def _as_generated(info: ClipInfo) -> bool:
    """Whether a picture can still be what a generator wrote."""
    return (
        info.kind == "image"
        and info.codec in _LOSSLESS_CODECS
        and info.width % 64 == 0
        and info.height % 64 == 0
    )


@cache
def _decoder_class() -> Any:
    """The package's decoder for ``dwtDct``.

    Loaded from its own file: the package's front door also imports PyTorch for a method that is not used
    here, which costs a sandboxed process 190 MB and most of a second.
    """
    package = importlib.util.find_spec("imwatermark")
    if package is None or not package.submodule_search_locations:
        raise DetectorError("decoder_unavailable", "Install the package invisible-watermark.")
    source = Path(package.submodule_search_locations[0]) / "maxDct.py"
    spec = importlib.util.spec_from_file_location("_imwatermark_max_dct", source)
    if spec is None or spec.loader is None or not source.is_file():
        raise DetectorError("decoder_unavailable", "Install the pinned version of invisible-watermark.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EmbedMaxDct


def _positive(hit: Hit, times_ms: list[int], examined: int) -> Evidence:
    payload = hit.payload
    bits = len(payload.bits)
    return Evidence(
        type=EvidenceType.KNOWN_WATERMARK,
        detector=KnownWatermarks.id,
        version=KnownWatermarks.version,
        outcome=Outcome.DETECTED,
        strength=Strength.STATISTICAL,
        claim=Claim.KNOWN_AI_PAYLOAD,
        summary={
            "en": f"The watermark embedded by {payload.origin} was read ({hit.matched} of {bits} bits).",
            "de": f"Das Wasserzeichen von {payload.origin} wurde gelesen ({hit.matched} von {bits} Bit).",
        },
        details={
            "payload": payload.name,
            "origin": payload.origin,
            "bits": bits,
            "bits_matched": hit.matched,
            "contrast": round(hit.contrast, 3),
            "frames_examined": examined,
            "frames_at_ms": [*times_ms],
        },
    )


def _nothing(examined: int) -> Evidence:
    return Evidence(
        type=EvidenceType.KNOWN_WATERMARK,
        detector=KnownWatermarks.id,
        version=KnownWatermarks.version,
        outcome=Outcome.NOT_DETECTED,
        strength=Strength.STATISTICAL,
        summary={
            "en": "None of the known watermarks was found; compression and resizing remove them.",
            "de": "Keines der bekannten Wasserzeichen gefunden; Kompression und Skalierung entfernen sie.",
        },
        details={"frames_examined": examined},
    )


def _no_pictures() -> Evidence:
    return Evidence(
        type=EvidenceType.KNOWN_WATERMARK,
        detector=KnownWatermarks.id,
        version=KnownWatermarks.version,
        outcome=Outcome.UNAVAILABLE,
        strength=Strength.STATISTICAL,
        summary={
            "en": "There are no pictures large enough to hold one of the known watermarks.",
            "de": "Es gibt keine Bilder, die groß genug für eines der bekannten Wasserzeichen sind.",
        },
        details={"min_side": MIN_SIDE},
    )
