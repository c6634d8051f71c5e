"""What a fingerprint is, as JSON and as bytes."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALGORITHM = "io.github.generation-guard.vpdq.1"
"""PDQ of sampled frames, one a second and 8 a clip at least, more where it moves, each whole and in central crops."""

WHOLE = 100
_VERSION = 1
_RECORD = struct.Struct(">IBB32s")


class FingerprintError(Exception):
    """A fingerprint cannot be read or made: ``fingerprint_malformed`` or ``fingerprint_no_frames``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class FrameHash:
    """PDQ of one sampled frame.

    Attributes:
        time: seconds from the start, in whole milliseconds.
        hash: 256 bits as 64 lower-case hex digits.
        quality: PDQ's measure of texture, 0 to 100; below 50 the hash says little.
        crop: per cent of width and height that were hashed, around the centre; 100 for the whole frame.
    """

    time: float
    hash: str
    quality: int
    crop: int = WHOLE


@dataclass(frozen=True)
class Fingerprint:
    """The hashes of a clip's sampled frames, in order of time; equal clips give equal bytes."""

    hashes: tuple[FrameHash, ...]

    @cached_property
    def words(self) -> NDArray[np.uint64]:
        """The hashes as numbers, shape (n, 4)."""
        raw = b"".join(bytes.fromhex(item.hash) for item in self.hashes)
        return np.frombuffer(raw, dtype=">u8").astype(np.uint64).reshape(-1, 4)

    @cached_property
    def digest(self) -> str:
        """``sha256:`` and the digest of `to_bytes`."""
        return f"sha256:{hashlib.sha256(self.to_bytes()).hexdigest()}"

    def to_bytes(self) -> bytes:
        """A version byte, then 38 bytes a hash: milliseconds, quality, crop, PDQ."""
        records = (
            _RECORD.pack(round(item.time * 1000), item.quality, item.crop, bytes.fromhex(item.hash))
            for item in self.hashes
        )
        return bytes([_VERSION]) + b"".join(records)

    @classmethod
    def from_bytes(cls, value: bytes) -> Fingerprint:
        """The inverse of `to_bytes`.

        Raises:
            FingerprintError: ``fingerprint_malformed``.
        """
        if value[:1] != bytes([_VERSION]) or (len(value) - 1) % _RECORD.size:
            raise _malformed()
        return cls(
            tuple(
                FrameHash(time / 1000, digest.hex(), quality, crop)
                for time, quality, crop, digest in _RECORD.iter_unpack(value[1:])
            )
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON value: the algorithm and a list of [time, hash, quality, crop]."""
        rows = [[item.time, item.hash, item.quality, item.crop] for item in self.hashes]
        return {"algorithm": ALGORITHM, "hashes": rows}

    @classmethod
    def from_json(cls, value: Any) -> Fingerprint:
        """The inverse of `to_json`.

        Raises:
            FingerprintError: ``fingerprint_malformed``.
        """
        try:
            if value["algorithm"] != ALGORITHM:
                raise _malformed()
            rows = [
                FrameHash(float(row[0]), str(row[1]), int(row[2]), int(row[3])) for row in value["hashes"]
            ]
            found = cls(tuple(rows))
            if len(found.words) != len(rows) or cls.from_bytes(found.to_bytes()) != found:
                raise _malformed()
        except (KeyError, IndexError, TypeError, ValueError, struct.error) as error:
            raise _malformed() from error
        return found


def _malformed() -> FingerprintError:
    return FingerprintError("fingerprint_malformed", f"Not a fingerprint of {ALGORITHM}; compute it anew.")
