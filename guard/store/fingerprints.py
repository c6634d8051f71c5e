"""Fingerprints of releases, and the search for releases with like pictures.

The search compares every frame hash with every recorded one, streamed in blocks: exact, with bounded memory,
and in time proportional to what was ever released.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from guard import fingerprints
from guard.store.models import FingerprintHash, Release

MAX_DISTANCE = 31
"""Bits of 256 in which two PDQ hashes of the same picture may differ."""

_BLOCK = 16_384


class FrameHash(Protocol):
    """One frame's hash, by structure: seconds, 64 hex digits, PDQ quality 0 to 100, per cent hashed."""

    @property
    def time(self) -> float: ...  # noqa: D102
    @property
    def hash(self) -> str: ...  # noqa: D102
    @property
    def quality(self) -> int: ...  # noqa: D102
    @property
    def crop(self) -> int: ...  # noqa: D102


def fingerprint_digest(hashes: Iterable[FrameHash]) -> str:
    """Digest of the same bytes that the file's manifest carries as soft binding."""
    frames = (fingerprints.FrameHash(frame.time, frame.hash, frame.quality, frame.crop) for frame in hashes)
    return fingerprints.Fingerprint(tuple(frames)).digest


def add_fingerprint(session: Session, release_id: str, hashes: Iterable[FrameHash]) -> None:
    """Record a release's frame hashes in their order."""
    rows = [
        {
            "release_id": release_id,
            "seq": seq,
            "time": float(frame.time),
            "hash": bytes.fromhex(frame.hash),
            "crop": int(frame.crop),
            "quality": int(frame.quality),
        }
        for seq, frame in enumerate(hashes)
    ]
    if rows:
        session.execute(insert(FingerprintHash), rows)


def read_fingerprint(session: Session, release_id: str) -> Sequence[FingerprintHash]:
    """A release's frame hashes in their order; empty for an unknown release."""
    query = select(FingerprintHash).where(FingerprintHash.release_id == release_id)
    return session.scalars(query.order_by(FingerprintHash.seq)).all()


def like_pictures(
    session: Session,
    hashes: Iterable[FrameHash],
    *,
    revoked_only: bool = False,
    min_quality: int = 0,
    limit: int = 20,
) -> list[tuple[str, int]]:
    """Releases that share pictures with an upload.

    Args:
        session: any transaction.
        hashes: the upload's frame hashes.
        revoked_only: look among revoked releases only.
        min_quality: leave out frames, on both sides, with less detail than that.
        limit: at most so many.

    Returns:
        ``(release id, how many of the upload's frames are found in it)``, most first.
    """
    raw = b"".join(bytes.fromhex(frame.hash) for frame in hashes if frame.quality >= min_quality)
    upload = np.frombuffer(raw, dtype=np.uint64).reshape(-1, 4)
    query = select(FingerprintHash.release_id, FingerprintHash.hash).where(
        FingerprintHash.quality >= min_quality
    )
    if revoked_only:
        query = query.join(Release, Release.id == FingerprintHash.release_id).where(
            Release.revoked_at.is_not(None)
        )
    found: dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]] = {}
    if len(upload):
        for block in session.execute(query.execution_options(yield_per=_BLOCK)).partitions():
            recorded = np.frombuffer(b"".join(row[1] for row in block), dtype=np.uint64).reshape(-1, 4)
            for number, frame in enumerate(upload):
                distance = np.bitwise_count(recorded ^ frame).sum(axis=1)
                for row in np.flatnonzero(distance <= MAX_DISTANCE).tolist():
                    hits = found.setdefault(block[row][0], np.zeros(len(upload), dtype=np.bool_))
                    hits[number] = True
    return Counter({release: int(hits.sum()) for release, hits in found.items()}).most_common(limit)
