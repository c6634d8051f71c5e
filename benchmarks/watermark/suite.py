"""Which attacks are run, and the steps that they are made of."""

from __future__ import annotations

from typing import Any

from benchmarks.watermark.attacks import Attack, Step


def _code(encoder: str, crf: int, *more: Any) -> Step:
    return ("code", (encoder, crf, *more))


def _filter(name: str, argument: str = "") -> Step:
    return ("filter", (name, argument))


def _edit(family: str, name: str, *steps: Step, crf: int = 23) -> Attack:
    """An edit and the encoding that follows it."""
    return Attack(name, family, (*steps, _code("h264-fast", crf)))


def _scale(share: float) -> Step:
    return _filter("scale", f"trunc(iw*{share}/2)*2:trunc(ih*{share}/2)*2:flags=bicubic")


def _crop(share: float) -> Step:
    """Keeps that share of each side, a little left of the middle."""
    side = f"trunc(iw*{share}/2)*2:trunc(ih*{share}/2)*2"
    return _filter("crop", f"{side}:trunc((iw-ow)/6)*2:trunc((ih-oh)/4)*2")


def _wide(width: int) -> Step:
    """So many pixels on the long side."""
    long, short = f"trunc({width}/2)*2", f"trunc(min(iw,ih)*{width}/max(iw,ih)/2)*2"
    return _filter("scale", f"if(gte(iw,ih),{long},{short}):if(gte(iw,ih),{short},{long}):flags=bicubic")


def _luma(expression: str) -> Step:
    return _filter("lutyuv", f"y='{expression}'")


def _rotated(degrees: float) -> Step:
    return _filter("rotate", f"{degrees}*PI/180:c=black")


_BACK = _filter("scale", "{width}:{height}:flags=bicubic")
_SCREEN = (
    _filter("gblur", "sigma=1"),
    _luma("clip(0.9*(255*pow(val/255,0.8)-128)+128,0,255)"),
    _filter("noise", "alls=8:allf=t"),
)

COMPRESSION = (
    Attack("none", "compression", ()),
    *(
        Attack(f"H.264 CRF {crf}", "compression", (_code("h264", crf),))
        for crf in (18, 23, 28, 32, 36, 40, 45)
    ),
    *(Attack(f"HEVC CRF {crf}", "compression", (_code("hevc", crf),)) for crf in (28, 34)),
    *(Attack(f"VP9 CRF {crf}", "compression", (_code("vp9", crf),)) for crf in (36, 46)),
    *(Attack(f"AV1 CRF {crf}", "compression", (_code("av1", crf),)) for crf in (38, 50)),
    _edit("compression", "JPEG 50 frames", ("jpeg", (50,))),
)

GEOMETRY = (
    *(_edit("geometry", f"resize {share} %", _scale(share / 100)) for share in (75, 50, 30)),
    _edit("geometry", "resize 50 % and back", _scale(0.5), _BACK),
    _edit("geometry", "aspect 0.8", _filter("scale", "trunc(iw*0.8/2)*2:ih:flags=bicubic")),
    # square clips get bars at the sides
    _edit(
        "geometry", "letterbox 4:3", _filter("pad", "ceil(max(iw,ih*4/3)/4)*4:ceil(max(ih,iw*3/4)/4)*4:-1:-1")
    ),
    _edit("geometry", "padded to a square", _filter("pad", "max(iw,ih):max(iw,ih):-1:-1")),
    _edit("geometry", "crop to 9:16", _filter("crop", "trunc(min(iw,ih*9/16)/2)*2:ih")),
    *(_edit("geometry", f"crop {share} %", _crop(share / 100)) for share in (90, 75, 50)),
    *(_edit("geometry", f"rotation {angle} deg", _rotated(angle)) for angle in (5, 15)),
    _edit("geometry", "rotation 90 deg", _filter("transpose", "1")),
    _edit("geometry", "mirror", _filter("hflip")),
    _edit("geometry", "perspective 5 %", ("perspective", (0.05,))),
)

VALUES = (
    _edit("values", "brightness 0.8", _luma("val*0.8")),
    _edit("values", "brightness 0.5", _luma("val*0.5")),
    _edit("values", "contrast 1.5", _luma("clip(1.5*(val-128)+128,0,255)")),
    _edit("values", "gamma 1.5", _luma("255*pow(val/255,1/1.5)")),
    _edit("values", "hue 45 deg, saturation 0.6", _filter("hue", "h=45:s=0.6")),
    _edit("values", "noise (sd 12)", _filter("noise", "alls=20:allf=t")),
    _edit("values", "blur (2 pixels)", _filter("gblur", "sigma=2")),
    _edit("values", "median 5", _filter("median", "radius=2")),
    _edit("values", "sharpened", _filter("unsharp", "5:5:1.5")),
    _edit("values", "denoised", _filter("atadenoise"), _filter("bilateral", "sigmaS=3:sigmaR=0.08")),
)

TIME = (
    _edit("time", "rate 0.8", ("rate", (0.8,))),
    _edit("time", "every second frame", ("half", ())),
    _edit("time", "one second", ("second", ())),
    _edit("time", "speed 1.25", ("speed", (1.25,))),
    _edit("time", "rate 1.6, blended", ("interpolate", (1.6,))),
    _edit("time", "two frames blended", ("blend", (2,))),
    _edit("time", "middle cut out", ("keep", ((0.0, 0.3), (0.7, 1.0)))),
    _edit("time", "half of it a stranger's", ("splice", ())),
)

OVERLAYS = (
    _edit(
        "overlays",
        "logo and banner",
        _filter("drawbox", "x=iw*0.6:y=ih*0.05:w=iw*0.35:h=ih*0.25:color=white:t=fill"),
        _filter("drawbox", "x=0:y=ih*0.82:w=iw:h=ih*0.12:color=black@0.8:t=fill"),
    ),
    _edit("overlays", "a stranger's picture in ours", ("inset", (0.4, False))),
    _edit("overlays", "ours in a stranger's picture", ("inset", (0.6, True))),
)

CHAINS = (
    Attack(
        "twice at CRF 28",
        "chains",
        (_code("h264", 28), ("keep", ((0.07, 1.0),)), _code("h264-fast", 28, 37)),
    ),
    _edit("chains", "social: 640 wide, CRF 30", _wide(640), crf=30),
    _edit("chains", "social: 480 wide, CRF 33, rate 0.8", _wide(480), ("rate", (0.8,)), crf=33),
    _edit("chains", "crop 80 %, brightness 0.8, CRF 30", _crop(0.8), _luma("val*0.8"), crf=30),
    _edit("chains", "crop 71 %, brightness 0.5, CRF 23", _crop(0.71), _luma("val*0.5")),
    Attack(
        "CRF 40, crop 71 %, brightness 0.5",
        "chains",
        (_code("h264", 40), _crop(0.71), _luma("val*0.5")),
    ),
    _edit("chains", "screen capture, 2 %", ("perspective", (0.02,)), *_SCREEN, crf=26),
    _edit("chains", "screen capture, 5 %", ("perspective", (0.05,)), *_SCREEN, crf=26),
)

SUITE = (*COMPRESSION, *GEOMETRY, *VALUES, *TIME, *OVERLAYS, *CHAINS)
"""Of clips of 480p and more."""

SMALL = tuple(
    attack
    for attack in SUITE
    if attack.name
    in ("none", "H.264 CRF 18", "H.264 CRF 23", "H.264 CRF 28", "H.264 CRF 32", "HEVC CRF 28", "crop 75 %",
        "crop 50 %", "resize 75 %", "rotation 5 deg", "mirror", "brightness 0.8", "blur (2 pixels)")
)  # fmt: skip
"""Of 16 frames of 256 x 256."""

STILLS = (
    Attack("none", "stills", ()),
    *(Attack(f"JPEG {quality}", "stills", (("jpeg", (quality,)),)) for quality in (90, 75, 50, 30)),
    *(Attack(f"WebP {quality}", "stills", (("webp", (quality,)),)) for quality in (80, 50)),
    Attack("resize 50 %, JPEG 80", "stills", (_scale(0.5), ("jpeg", (80,)))),
    Attack("resize 30 %, JPEG 80", "stills", (_scale(0.3), ("jpeg", (80,)))),
    Attack("crop 75 %, JPEG 80", "stills", (_crop(0.75), ("jpeg", (80,)))),
    Attack("crop 50 %, JPEG 80", "stills", (_crop(0.5), ("jpeg", (80,)))),
    Attack("rotation 5 deg, JPEG 80", "stills", (_rotated(5), ("jpeg", (80,)))),
    Attack("rotation 90 deg, JPEG 80", "stills", (_filter("transpose", "1"), ("jpeg", (80,)))),
    Attack("blur (2 pixels), JPEG 80", "stills", (_filter("gblur", "sigma=2"), ("jpeg", (80,)))),
    Attack("noise (sd 12), JPEG 80", "stills", (_filter("noise", "alls=20:allf=t"), ("jpeg", (80,)))),
)
"""Of single pictures of 512 x 512."""

SCENES = tuple(
    attack
    for attack in SUITE
    if attack.name
    in ("none", "H.264 CRF 18", "H.264 CRF 23", "H.264 CRF 28", "H.264 CRF 32", "H.264 CRF 36", "crop 50 %",
        "resize 50 %", "rotation 5 deg")
)  # fmt: skip
"""Of flat drawn scenes."""

QUICK = tuple(
    attack
    for attack in SUITE
    if attack.name
    in ("none", "H.264 CRF 23", "H.264 CRF 32", "resize 50 %", "crop 75 %", "rotation 5 deg", "mirror")
)
"""Of the clips that a quick run renders."""

OF_INVISIBLE = (
    "none", "H.264 CRF 18", "H.264 CRF 23", "H.264 CRF 28", "H.264 CRF 32", "H.264 CRF 36", "HEVC CRF 28",
    "VP9 CRF 36", "AV1 CRF 38", "resize 50 %", "aspect 0.8", "crop 75 %", "crop 50 %", "rotation 5 deg",
    "rotation 15 deg", "mirror", "brightness 0.5", "noise (sd 12)", "blur (2 pixels)", "every second frame",
    "one second", "logo and banner", "twice at CRF 28", "social: 640 wide, CRF 30",
)  # fmt: skip
"""Names of those that the preset `invisible` is given."""

OF_RIVA = (
    "none", "H.264 CRF 18", "H.264 CRF 23", "H.264 CRF 28", "H.264 CRF 32", "HEVC CRF 28", "VP9 CRF 36", "AV1 CRF 38",
    "resize 50 %", "resize 50 % and back", "aspect 0.8", "crop 75 %", "crop 50 %", "rotation 5 deg", "mirror",
    "brightness 0.8", "contrast 1.5", "noise (sd 12)", "blur (2 pixels)", "logo and banner", "social: 640 wide, CRF 30",
)  # fmt: skip
"""Names of those that rivaGan is given: it takes seconds for a frame."""
