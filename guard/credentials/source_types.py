"""Digital source types: the vocabularies of IPTC and C2PA, and what each says about the origin of a file."""

from __future__ import annotations

from collections.abc import Iterable

_IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_C2PA = "http://c2pa.org/digitalsourcetype/"

AI = frozenset({_IPTC + "trainedAlgorithmicMedia", _C2PA + "trainedAlgorithmicData"})
"""All of it made by a trained model."""

AI_EDIT = frozenset({_IPTC + "compositeWithTrainedAlgorithmicMedia", _IPTC + "compositeSynthetic"})
"""Part of it made by a trained model, or by means that the vocabulary does not keep apart from one."""

CAPTURE = frozenset(
    _IPTC + name
    for name in (
        "digitalCapture",
        "computationalCapture",
        "negativeFilm",
        "positiveFilm",
        "print",
    )
)
"""Recorded off the real world by a device."""

_OTHER_IPTC = (
    "algorithmicMedia",
    "algorithmicallyEnhanced",
    "composite",
    "compositeCapture",
    "dataDrivenMedia",
    "digitalArt",
    "digitalCreation",
    "humanEdits",
    "minorHumanEdits",
    "screenCapture",
    "softwareImage",
    "virtualRecording",
)
OTHER = frozenset([_C2PA + "empty", *(_IPTC + name for name in _OTHER_IPTC)])
"""Known, and neither of a trained model nor of a camera."""

KNOWN = AI | AI_EDIT | CAPTURE | OTHER


def normalise(uri: str) -> str:
    """The vocabulary's spelling: some writers use https, or leave out the vocabulary."""
    if uri.startswith(("https://cv.iptc.org/", "https://c2pa.org/")):
        uri = "http://" + uri.removeprefix("https://")
    if "/" not in uri and _IPTC + uri in KNOWN:
        return _IPTC + uri
    return uri


def unknown(uris: Iterable[str]) -> tuple[str, ...]:
    """Those that no vocabulary defines; the C2PA library lets them pass."""
    return tuple(uri for uri in uris if normalise(uri) not in KNOWN)
