"""The registry as the detectors ask it: releases by digest, payload and pictures."""

from __future__ import annotations

from guard.fingerprints import Fingerprint, FrameHash, Match, compare
from guard.provenance import Recorded
from guard.store import Database, Pictures
from guard.store import fingerprints as fingerprint_rows
from guard.store import releases as release_rows
from guard.store.models import Release

_CANDIDATES = 10
SAME_PICTURES = 10
"""Bits (median of 256) within which pictures count as those of a revoked release. Stricter than a match: two plain
scenes of like composition come within 24 to 31 bits of each other, and a stranger's clip must not be blocked for it."""


class StoredRegistry:
    """Lookups in the database.

    Args:
        database: what was released.
        pictures: finds releases by their pictures.
    """

    def __init__(self, database: Database, pictures: Pictures) -> None:
        self._database = database
        self._pictures = pictures

    def by_digest(self, sha256: str) -> Recorded | None:
        """The release with exactly these bytes."""
        return self._found(asset_digest=f"sha256:{sha256}")

    def by_payload(self, payload: bytes) -> Recorded | None:
        """The release whose watermark carries this payload."""
        return self._found(payload=payload)

    def fingerprint(self, release_id: str) -> Fingerprint:
        """The fingerprint taken at release; without hashes for an unknown release."""
        with self._database.read() as session:
            return Fingerprint(
                tuple(
                    FrameHash(time=row.time, hash=row.hash.hex(), quality=row.quality, crop=row.crop)
                    for row in fingerprint_rows.read_fingerprint(session, release_id)
                )
            )

    def nearest(self, fingerprint: Fingerprint) -> list[tuple[Recorded, Match]]:
        """Releases whose pictures match, best first."""
        return self._matching(fingerprint, revoked_only=False)

    def blocks(self, fingerprint: Fingerprint) -> bool:
        """Whether these pictures were released before and revoked."""
        return any(
            match.median_distance <= SAME_PICTURES
            for _, match in self._matching(fingerprint, revoked_only=True)
        )

    def _matching(self, fingerprint: Fingerprint, *, revoked_only: bool) -> list[tuple[Recorded, Match]]:
        with self._database.read() as session:
            candidates = self._pictures.like(
                session, fingerprint.hashes, revoked_only=revoked_only, limit=_CANDIDATES
            )
            releases = [release_rows.get_release(session, release_id) for release_id, _ in candidates]
        found = [
            (_recorded(release), compare(fingerprint, self.fingerprint(release.id))) for release in releases
        ]
        matched = [(release, match) for release, match in found if match.matched]
        return sorted(matched, key=lambda pair: (-pair[1].fraction_of_upload, pair[1].median_distance))

    def _found(self, **binding: bytes | str) -> Recorded | None:
        with self._database.read() as session:
            release = release_rows.find_release(session, **binding)  # type: ignore[arg-type]
            return None if release is None else _recorded(release)


def _recorded(release: Release) -> Recorded:
    return Recorded(
        release_id=release.id,
        video_id=release.video_id,
        manifest_id=release.manifest_id,
        revoked_at=release.revoked_at,
    )
