"""What this service knows of a file: three detectors that ask the registry.

They work on observations (digest, mark reading, fingerprint) that a sandboxed process took off the file, so they may
hold what an untrusted file must never come near: the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pydantic import JsonValue

from detectors import Claim, Evidence, EvidenceType, Outcome, Segment, Strength, Subject
from guard.fingerprints import Fingerprint, Match, compare
from guard.marks import ALGORITHM, Reading

_VERSION = "1"


@dataclass(frozen=True)
class Recorded:
    """A release as the registry knows it.

    Attributes:
        release_id: its id.
        video_id: the job that made it.
        manifest_id: label of its C2PA manifest.
        revoked_at: when it was withdrawn; None while it stands.
    """

    release_id: str
    video_id: str
    manifest_id: str
    revoked_at: datetime | None

    @property
    def revoked(self) -> bool:
        """Whether it has been withdrawn."""
        return self.revoked_at is not None


class Registry(Protocol):
    """What the detectors ask; the store answers."""

    def by_digest(self, sha256: str) -> Recorded | None:
        """The release with exactly these bytes; ``sha256`` is 64 lower-case hex digits."""
        ...

    def by_payload(self, payload: bytes) -> Recorded | None:
        """The release whose watermark carries this payload."""
        ...

    def fingerprint(self, release_id: str) -> Fingerprint:
        """The fingerprint taken at release."""
        ...

    def nearest(self, fingerprint: Fingerprint) -> Sequence[tuple[Recorded, Match]]:
        """Releases whose pictures match, best first."""
        ...


def _details(release: Recorded) -> dict[str, JsonValue]:
    details: dict[str, JsonValue] = {
        "release_id": release.release_id,
        "video_id": release.video_id,
        "manifest_id": release.manifest_id,
        "revoked": release.revoked,
    }
    if release.revoked_at is not None:
        details["revoked_at"] = release.revoked_at.astimezone(UTC).isoformat(timespec="seconds")
    return details


def _match_details(match: Match) -> dict[str, JsonValue]:
    return {
        "fraction_of_upload": round(match.fraction_of_upload, 3),
        "fraction_of_recorded": round(match.fraction_of_recorded, 3),
        "median_distance": match.median_distance,
    }


@dataclass(frozen=True)
class ExactRelease:
    """Whether this very file was released here."""

    registry: Registry
    id = "guard.registry"
    version = _VERSION
    types = (EvidenceType.REGISTRY,)

    def examine(self, subject: Subject) -> list[Evidence]:
        """One piece of evidence from the file's sha256."""
        release = self.registry.by_digest(subject.sha256)
        if release is None:
            return [
                self._evidence(
                    None,
                    "This exact file is not among the releases of this service.",
                    "Genau diese Datei gehört nicht zu den Freigaben dieses Dienstes.",
                )
            ]
        if release.revoked:
            return [
                self._evidence(
                    release,
                    "This exact file was released here and has been revoked since.",
                    "Genau diese Datei wurde hier freigegeben und seitdem widerrufen.",
                )
            ]
        return [
            self._evidence(
                release,
                "This exact file was released by this service.",
                "Genau diese Datei wurde von diesem Dienst freigegeben.",
            )
        ]

    def _evidence(self, release: Recorded | None, en: str, de: str) -> Evidence:
        claim = None
        if release is not None:
            claim = Claim.OWN_RELEASE_REVOKED if release.revoked else Claim.OWN_RELEASE
        return Evidence(
            type=EvidenceType.REGISTRY,
            detector=self.id,
            version=self.version,
            outcome=Outcome.NOT_DETECTED if claim is None else Outcome.DETECTED,
            strength=Strength.CRYPTOGRAPHIC,
            claim=claim,
            summary={"en": en, "de": de},
            details={} if release is None else _details(release),
        )


@dataclass(frozen=True)
class OwnMark:
    """Whether the pictures carry our watermark, and whether they are the pictures that it names."""

    registry: Registry
    reading: Reading | None
    fingerprint: Fingerprint | None
    algorithm: str = ALGORITHM
    id = ALGORITHM
    version = _VERSION
    types = (EvidenceType.WATERMARK,)

    def examine(self, subject: Subject) -> list[Evidence]:
        """One piece of evidence for each payload, or one that there is none.

        A payload counts only if it names a release and the fingerprint confirms the pictures.
        """
        reading = self.reading
        if reading is None:
            return [
                self._evidence(
                    None,
                    {},
                    "There are no pictures large enough to look for a watermark in.",
                    "Es gibt keine Bilder, die groß genug wären, um darin ein Wasserzeichen zu suchen.",
                )
            ]
        if reading.status == "absent":
            return [
                self._evidence(
                    None,
                    {},
                    "No watermark of this service was found.",
                    "Es wurde kein Wasserzeichen dieses Dienstes gefunden.",
                )
            ]
        if reading.payload is None:
            return [
                self._evidence(
                    Claim.OWN_MARK_UNREADABLE,
                    {},
                    "A watermark of this service is present, but too damaged to say which release it belongs to.",
                    "Ein Wasserzeichen dieses Dienstes ist vorhanden, aber zu beschädigt, um es einer Freigabe"
                    " zuzuordnen.",
                    _segments(reading, None),
                )
            ]
        return [self._read(payload, _segments(reading, payload)) for payload in reading.payloads]

    def _read(self, payload: bytes, segments: tuple[Segment, ...]) -> Evidence:
        release = self.registry.by_payload(payload)
        if release is None:
            return self._evidence(
                Claim.OWN_MARK_UNRESOLVED,
                {},
                "A watermark of this service was read, but no release with its identifier is known.",
                "Ein Wasserzeichen dieses Dienstes wurde gelesen, aber zu seiner Kennung ist keine Freigabe bekannt.",
                segments,
            )
        details = _details(release)
        matched = False
        if self.fingerprint is not None:
            recorded = self.registry.fingerprint(release.release_id)
            match = compare(self.fingerprint, recorded)
            details |= _match_details(match)
            # the mark says where to look: somebody else's pictures before and after it are no objection
            matched = match.matched or (
                bool(segments) and compare(_within(self.fingerprint, segments), recorded).matched
            )
        if matched:
            return self._evidence(
                Claim.OWN_MARK_RESOLVED,
                details,
                "The watermark names a release of this service, and the pictures match it.",
                "Das Wasserzeichen nennt eine Freigabe dieses Dienstes, und die Bilder stimmen damit überein.",
                segments,
            )
        return self._evidence(
            Claim.OWN_MARK_COPIED,
            details,
            "The watermark names a release of this service, but the pictures could not be matched to it.",
            "Das Wasserzeichen nennt eine Freigabe dieses Dienstes, aber die Bilder ließen sich ihr nicht zuordnen.",
            segments,
        )

    def _evidence(
        self,
        claim: Claim | None,
        details: dict[str, JsonValue],
        en: str,
        de: str,
        segments: tuple[Segment, ...] = (),
    ) -> Evidence:
        figures: dict[str, JsonValue] = {}
        outcome = Outcome.UNAVAILABLE
        if self.reading is not None:
            figures = {"p_value": self.reading.p_value, "frames": self.reading.frames}
            outcome = Outcome.NOT_DETECTED if claim is None else Outcome.DETECTED
        if segments:
            en += " It is in a part of the clip only."
            de += " Es steckt nur in einem Teil des Clips."
        return Evidence(
            type=EvidenceType.WATERMARK,
            detector=self.id,
            version=self.version,
            outcome=outcome,
            strength=Strength.STATISTICAL,
            claim=claim,
            summary={"en": en, "de": de},
            details={"algorithm": self.algorithm, **figures, **details},
            segments=segments,
        )


def _segments(reading: Reading, payload: bytes | None) -> tuple[Segment, ...]:
    """Where a payload (or, for None, an unreadable mark) is; empty if it is everywhere or nowhere in particular."""
    status = "unreadable" if payload is None else "read"
    found = [s for s in reading.timeline if (s.status, s.payload) == (status, payload)]
    if len(found) == len(reading.timeline):
        return ()
    return tuple(
        Segment(track="visual", start_ms=round(1000 * s.start), end_ms=round(1000 * s.end)) for s in found
    )


def _within(fingerprint: Fingerprint, segments: tuple[Segment, ...]) -> Fingerprint:
    """Those hashes whose pictures lie in one of the segments."""
    return Fingerprint(
        tuple(
            item
            for item in fingerprint.hashes
            if any(segment.start_ms <= 1000 * item.time < segment.end_ms for segment in segments)
        )
    )


@dataclass(frozen=True)
class OwnFingerprint:
    """Whether the pictures are those of a release, whatever became of the file's metadata and marks."""

    registry: Registry
    fingerprint: Fingerprint | None
    id = "guard.fingerprint"
    version = _VERSION
    types = (EvidenceType.FINGERPRINT,)

    def examine(self, subject: Subject) -> list[Evidence]:
        """A piece of evidence for each release that matches, best first, or one that there is none."""
        if self.fingerprint is None:
            return [
                self._evidence(
                    Outcome.UNAVAILABLE,
                    {},
                    "There are no pictures to compare.",
                    "Es gibt keine Bilder, die sich vergleichen ließen.",
                )
            ]
        found = self.registry.nearest(self.fingerprint)
        if not found:
            return [
                self._evidence(
                    Outcome.NOT_DETECTED,
                    {},
                    "The pictures match no release of this service.",
                    "Die Bilder stimmen mit keiner Freigabe dieses Dienstes überein.",
                )
            ]
        return [self._match(release, match) for release, match in found]

    def _match(self, release: Recorded, match: Match) -> Evidence:
        en = "The pictures match a release of this service"
        de = "Die Bilder stimmen mit einer Freigabe dieses Dienstes überein"
        if release.revoked:
            en += ", which has been revoked since"
            de += ", die seitdem widerrufen wurde"
        details = _details(release) | _match_details(match)
        return self._evidence(Outcome.DETECTED, details, f"{en}.", f"{de}.")

    def _evidence(self, outcome: Outcome, details: dict[str, JsonValue], en: str, de: str) -> Evidence:
        return Evidence(
            type=EvidenceType.FINGERPRINT,
            detector=self.id,
            version=self.version,
            outcome=outcome,
            strength=Strength.STATISTICAL,
            claim=Claim.FINGERPRINT_MATCH if outcome is Outcome.DETECTED else None,
            summary={"en": en, "de": de},
            details=details,
        )
