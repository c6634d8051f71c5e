"""Finding recorded clips that look like an upload, exactly, among thousands."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

import numpy as np

from guard.fingerprints.fingerprint import Fingerprint
from guard.fingerprints.match import LEAST_QUALITY, THRESHOLD, Match, compare, hamming, usable_whole

_FIRST_CAPACITY = 1024


@dataclass(frozen=True)
class Found:
    """A recorded clip that matches, and how well."""

    id: str
    match: Match


class Index:
    """Recorded fingerprints in memory, searched by comparing with every hash; safe to share between threads.

    Sized for thousands of clips: 48 hashes (1.5 kB) a clip of 8 sampled frames.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fingerprints: dict[str, Fingerprint] = {}
        self._words = np.empty((_FIRST_CAPACITY, 4), np.uint64)
        self._owners: list[str] = []

    def __len__(self) -> int:
        return len(self._fingerprints)

    def add(self, clip_id: str, fingerprint: Fingerprint) -> None:
        """Add a recorded clip, replacing what was known under that id."""
        self.remove(clip_id)
        kept = [index for index, item in enumerate(fingerprint.hashes) if item.quality >= LEAST_QUALITY]
        with self._lock:
            self._fingerprints[clip_id] = fingerprint
            start, end = len(self._owners), len(self._owners) + len(kept)
            while end > len(self._words):
                self._words = np.concatenate([self._words, np.empty_like(self._words)])
            self._words[start:end] = fingerprint.words[kept]
            self._owners += [clip_id] * len(kept)

    def remove(self, clip_id: str) -> bool:
        """Forget a clip; False if it was not there."""
        with self._lock:
            if self._fingerprints.pop(clip_id, None) is None:
                return False
            stay = [index for index, owner in enumerate(self._owners) if owner != clip_id]
            self._words[: len(stay)] = self._words[stay]
            self._owners = [self._owners[index] for index in stay]
            return True

    def search(self, upload: Fingerprint, *, limit: int = 10) -> list[Found]:
        """Recorded clips that match, best first: largest share of the upload, then smallest distance."""
        asked = upload.words[usable_whole(upload)]
        with self._lock:
            words = self._words[: len(self._owners)]
            hits: Counter[str] = Counter()
            for row in asked:
                close = np.flatnonzero(hamming(row[None], words)[0] <= THRESHOLD)
                hits.update({self._owners[index] for index in close})
            candidates = {id_: self._fingerprints[id_] for id_ in hits}
        found = [Found(id_, compare(upload, recorded)) for id_, recorded in candidates.items()]
        found = [item for item in found if item.match.matched]
        found.sort(key=lambda item: (-item.match.fraction_of_upload, item.match.median_distance, item.id))
        return found[:limit]
