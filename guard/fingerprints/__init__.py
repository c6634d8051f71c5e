"""Perceptual fingerprints: a clip is found again after re-encoding, scaling and small central crops."""

from guard.fingerprints.compute import Taker, compute
from guard.fingerprints.fingerprint import ALGORITHM, WHOLE, Fingerprint, FingerprintError, FrameHash
from guard.fingerprints.match import Match, closest, compare

__all__ = [
    "ALGORITHM",
    "WHOLE",
    "Fingerprint",
    "FingerprintError",
    "FrameHash",
    "Match",
    "Taker",
    "closest",
    "compare",
    "compute",
]
