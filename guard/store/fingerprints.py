"""Fingerprints of releases, as they are recorded; `guard.store.pictures` searches them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from guard import fingerprints
from guard.store.models import FingerprintHash


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
