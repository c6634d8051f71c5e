"""Comparing fingerprints, as vPDQ does: frames match within 31 of 256 bits, clips by their share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from guard.fingerprints.fingerprint import WHOLE, Fingerprint

THRESHOLD = 31
LEAST_QUALITY = 50
LEAST_SHARE = 0.6
BITS = 256


@dataclass(frozen=True)
class Match:
    """What a comparison found.

    Attributes:
        matched: whether enough frames agree: `LEAST_SHARE` of the upload's or of the recorded clip's, so that
            an excerpt is recognised as well as a compilation.
        reason: ``match``, ``no_match``, or ``too_plain`` where one of the two has no frame with enough
            texture. A plain frame's hash is noise about its median and matches anything plain, so no looser
            rule is tried.
        fraction_of_upload: share of the upload's usable frames that match.
        fraction_of_recorded: share of the recorded clip that the upload shows: usable frames that are matched,
            and no more seconds of them than the upload's matching frames stand for. Else one picture out of a
            calm scene, where every frame is like every other, would count as the whole clip.
        median_distance: bits between each usable frame of the upload and the nearest recorded hash, median;
            256 where nothing is usable.
    """

    matched: bool
    reason: Literal["match", "no_match", "too_plain"]
    fraction_of_upload: float
    fraction_of_recorded: float
    median_distance: int

    def to_json(self) -> dict[str, Any]:
        """As JSON value."""
        return dict(self.__dict__)


def compare(upload: Fingerprint, recorded: Fingerprint) -> Match:
    """Compare the whole frames of an upload with the whole and cropped frames of a recorded clip."""
    asked = usable_whole(upload)
    kept = [index for index, item in enumerate(recorded.hashes) if item.quality >= LEAST_QUALITY]
    if not asked or not kept:
        return Match(False, "too_plain", 0.0, 0.0, BITS)
    distances = hamming(upload.words[asked], recorded.words[kept])
    nearest = distances.min(axis=1)
    close = distances.min(axis=0) <= THRESHOLD
    times = np.array([recorded.hashes[index].time for index in kept])
    of_upload = float(np.mean(nearest <= THRESHOLD))
    seen, there = len(np.unique(times[close])), len(np.unique(times))
    of_recorded = min(seen, _shown(upload, int(np.sum(nearest <= THRESHOLD)), recorded)) / there
    matched = max(of_upload, of_recorded) >= LEAST_SHARE
    return Match(matched, "match" if matched else "no_match", of_upload, of_recorded, int(np.median(nearest)))


def _shown(upload: Fingerprint, frames: int, recorded: Fingerprint) -> float:
    """How many of the recorded clip's sampled frames last as long as so many of the upload's."""
    apart = _apart(recorded)
    return frames * (_apart(upload) or apart) / apart if apart else float(frames)


def _apart(fingerprint: Fingerprint) -> float:
    """Mean distance of the sampled frames in seconds; 0 for a single one."""
    times = np.unique([item.time for item in fingerprint.hashes])
    return float(times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0


def usable_whole(fingerprint: Fingerprint) -> list[int]:
    """Indices of whole frames with enough texture."""
    return [
        index
        for index, item in enumerate(fingerprint.hashes)
        if item.crop == WHOLE and item.quality >= LEAST_QUALITY
    ]


def hamming(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Differing bits of every pair: (n, 4) and (m, 4) to (n, m)."""
    total = np.zeros((len(first), len(second)), np.uint16)
    for word in range(4):
        total += np.bitwise_count(first[:, None, word] ^ second[None, :, word])
    return total
