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
LEAST_MATCHING = 3
"""Frames that must match, of an upload that has as many: one picture may be like another by chance, or be a still
that somebody else's film shows for a moment."""
BITS = 256
_HARDLY = 8
"""Bits by which coding alone moves a picture's hash."""


@dataclass(frozen=True)
class Match:
    """What a comparison found.

    Attributes:
        matched: whether enough frames agree: `LEAST_SHARE` of the upload's or of the recorded clip's, so that
            an excerpt is recognised as well as a compilation.
        reason: ``match``, ``no_match``, or ``too_plain`` where one of the two has no frame with enough
            texture. A plain frame's hash is noise about its median and matches anything plain, so no looser
            rule is tried.
        fraction_of_upload: share of all of the upload's frames that match. A plain one cannot match, and counts
            as the recorded clip's only in the proportion in which that clip itself has plain frames.
        fraction_of_recorded: share of the recorded clip's seconds that the upload shows: those of usable frames
            that are matched, and no more than the upload's matching frames stand for. Else one picture out of a
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
    asked, plain = _whole(upload)
    known, known_plain = _whole(recorded)
    kept = [index for index, item in enumerate(recorded.hashes) if item.quality >= LEAST_QUALITY]
    if not asked or not known:
        return Match(False, "too_plain", 0.0, 0.0, BITS)
    distances = hamming(upload.words[asked], recorded.words[kept])
    nearest = distances.min(axis=1)
    matching = int(np.sum(nearest <= THRESHOLD))
    own_plain = min(plain, matching * known_plain / len(known))
    of_upload = (matching + own_plain) / (len(asked) + plain)
    close = {
        recorded.hashes[kept[index]].time for index in np.flatnonzero(distances.min(axis=0) <= THRESHOLD)
    }
    of_recorded = _shown(upload, matching, recorded, close, {recorded.hashes[index].time for index in kept})
    enough = matching >= min(LEAST_MATCHING, len(asked) + plain)
    matched = enough and max(of_upload, of_recorded) >= LEAST_SHARE
    return Match(matched, "match" if matched else "no_match", of_upload, of_recorded, int(np.median(nearest)))


def closest(upload: Fingerprint, recorded: Fingerprint) -> tuple[float, float] | None:
    """Where two clips show the same: seconds in the one and in the other; None if nothing matches.

    Of the pairs that are hardly less alike than the most alike one, that which is nearest in time: in a calm scene
    every picture is like every other, and people should not be shown two moments.
    """
    asked, _ = _whole(upload)
    kept = [index for index, item in enumerate(recorded.hashes) if item.quality >= LEAST_QUALITY]
    if not asked or not kept:
        return None
    distances = hamming(upload.words[asked], recorded.words[kept])
    least = int(distances.min())
    if least > THRESHOLD:
        return None
    rows, columns = np.nonzero(distances <= min(THRESHOLD, least + _HARDLY))
    pairs = [
        (upload.hashes[asked[row]].time, recorded.hashes[kept[column]].time, int(distances[row, column]))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    first, second, _ = min(pairs, key=lambda pair: (abs(pair[0] - pair[1]), pair[2], pair[0]))
    return first, second


def _whole(fingerprint: Fingerprint) -> tuple[list[int], int]:
    """Indices of whole frames with enough texture, and how many whole frames have too little."""
    whole = [index for index, item in enumerate(fingerprint.hashes) if item.crop == WHOLE]
    usable = [index for index in whole if fingerprint.hashes[index].quality >= LEAST_QUALITY]
    return usable, len(whole) - len(usable)


def _shown(
    upload: Fingerprint, matching: int, recorded: Fingerprint, seen: set[float], usable: set[float]
) -> float:
    """Share of the recorded clip's usable seconds that are `seen`, and for which the upload has time enough."""
    times = sorted({item.time for item in recorded.hashes})
    apart = _apart(times)
    lasts = dict(zip(times, [*np.diff(times), apart], strict=True))
    stands_for = matching * (_apart(sorted({item.time for item in upload.hashes})) or apart)
    found, there = (sum(lasts[time] for time in chosen) for chosen in (seen, usable))
    return float(min(found, stands_for) / there) if there else float(bool(seen))


def _apart(times: list[float]) -> float:
    """Mean distance of the times in seconds; 0 for a single one."""
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0


def hamming(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Differing bits of every pair: (n, 4) and (m, 4) to (n, m)."""
    total = np.zeros((len(first), len(second)), np.uint16)
    for word in range(4):
        total += np.bitwise_count(first[:, None, word] ^ second[None, :, word])
    return total
