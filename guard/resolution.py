"""From a soft binding, or from a file that carries one, to the manifest that it lost.

A watermark can be copied onto somebody else's pictures, so that it alone leads to nothing: what a file resolves to by
its mark, its fingerprint has to confirm. Revoked releases are found like others, and say that they are revoked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from guard.fingerprints import ALGORITHM as FINGERPRINT
from guard.fingerprints import Fingerprint, FingerprintError, Match, compare
from guard.fingerprints.match import BITS
from guard.inspection import Inspection
from guard.marks import ALGORITHM as MARK
from guard.provenance import Recorded
from guard.registry import StoredRegistry
from guard.store import Database
from guard.store import manifests as manifest_rows

Way = Literal["file", "watermark", "fingerprint", "binding"]
_MOST_TEXT = 1024
_MOST_HASHES = 2000


class ResolutionError(Exception):
    """A query cannot be answered: ``algorithm_unsupported`` or ``binding_malformed``."""

    def __init__(self, code: str, message: str, param: str) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


@dataclass(frozen=True)
class Resolved:
    """A manifest that a query leads to.

    Attributes:
        manifest_id: its identifier.
        release_id: the release whose manifest it is; None for one that a tenant keeps here.
        revoked: whether that release was revoked.
        score: how like the pictures are, 0 to 100; None where none were compared.
        way: what led here.
    """

    manifest_id: str
    release_id: str | None
    revoked: bool
    score: int | None
    way: Way


class Resolver:
    """Answers queries.

    Args:
        database: the bindings that tenants brought.
        registry: what was released.
        mark: algorithm that new files are marked with; what the lattice has marked is resolved too.
    """

    def __init__(self, database: Database, registry: StoredRegistry, mark: str) -> None:
        self._database = database
        self._registry = registry
        self.watermarks = tuple(dict.fromkeys((mark, MARK)))
        self.fingerprints = (FINGERPRINT,)

    def by_binding(self, alg: str, value: str, *, limit: int) -> list[Resolved]:
        """What a soft binding leads to.

        Of our own algorithms only releases answer; of others only what tenants have bound, whose values say nothing
        of their algorithm.

        Args:
            alg: the algorithm's name.
            value: base64 of the value, as manifests have it.
            limit: at most so many.

        Raises:
            ResolutionError: ``binding_malformed``.
        """
        if alg in self.watermarks:
            release = self._registry.by_payload(_decoded(value, "value"))
            return [] if release is None else [_resolved(release, None, "watermark")]
        if alg in self.fingerprints:
            found = self._registry.nearest(_fingerprint(value, "value"))
            return [_resolved(release, match, "fingerprint") for release, match in found[:limit]]
        if not 0 < len(value) <= _MOST_TEXT:
            raise ResolutionError("binding_malformed", f"A value has 1 to {_MOST_TEXT} characters.", "value")
        with self._database.read() as session:
            bound = manifest_rows.bound(session, value, limit=limit)
        return [Resolved(manifest_id, None, False, None, "binding") for manifest_id in bound]

    def check(self, alg: str | None, hint: tuple[str, str] | None) -> None:
        """Refuse what `by_content` would refuse, before there is a file.

        Raises:
            ResolutionError: ``algorithm_unsupported``, ``binding_malformed``.
        """
        for name, param in ((alg, "alg"), (hint[0] if hint else None, "hintAlg")):
            if name is not None and name not in self.watermarks + self.fingerprints:
                raise ResolutionError(
                    "algorithm_unsupported",
                    "This service reads "
                    + ", ".join(self.watermarks + self.fingerprints)
                    + " off files, nothing else.",
                    param,
                )
        if hint is not None:
            _decoded(hint[1], "hintValue")

    def by_content(
        self,
        seen: Inspection,
        *,
        alg: str | None = None,
        hint: tuple[str, str] | None = None,
        limit: int,
        whole: bool = True,
    ) -> list[Resolved]:
        """What a file leads to, the surest first.

        Args:
            seen: what was read off it.
            alg: look by this algorithm alone.
            hint: an algorithm and a value that the caller read; counts as if we had read it.
            limit: at most so many.
            whole: whether all of the file was looked at; of a part, only what is read off it counts.

        Raises:
            ResolutionError: ``algorithm_unsupported``, ``binding_malformed``.
        """
        self.check(alg, hint)
        found: list[Resolved] = []
        exact = self._registry.by_digest(seen.sha256) if whole and alg is None else None
        if exact is not None:
            found.append(Resolved(exact.manifest_id, exact.release_id, exact.revoked, 100, "file"))
        if alg in (None, *self.watermarks) and seen.fingerprint is not None:
            found += self._confirmed(seen.fingerprint, self._payloads(seen, hint))
        if alg in (None, *self.fingerprints) and seen.fingerprint is not None:
            matches = self._registry.nearest(seen.fingerprint)
            found += [_resolved(release, match, "fingerprint") for release, match in matches]
        first: dict[str, Resolved] = {}
        for one in found:
            first.setdefault(one.manifest_id, one)
        return list(first.values())[:limit]

    def _payloads(self, seen: Inspection, hint: tuple[str, str] | None) -> list[bytes]:
        read = () if seen.reading is None else seen.reading.payloads
        hinted = [_decoded(hint[1], "hintValue")] if hint is not None and hint[0] in self.watermarks else []
        return list(dict.fromkeys([*read, *hinted]))

    def _confirmed(self, upload: Fingerprint, payloads: Iterable[bytes]) -> list[Resolved]:
        named = [release for payload in payloads if (release := self._registry.by_payload(payload))]
        compared = [(one, compare(upload, self._registry.fingerprint(one.release_id))) for one in named]
        return [_resolved(release, match, "watermark") for release, match in compared if match.matched]


def _resolved(release: Recorded, match: Match | None, way: Way) -> Resolved:
    score = None if match is None else round(100 * (1 - match.median_distance / BITS))
    return Resolved(release.manifest_id, release.release_id, release.revoked, score, way)


def _decoded(value: str, param: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ResolutionError("binding_malformed", "The value of this algorithm is base64.", param) from None


def _fingerprint(value: str, param: str) -> Fingerprint:
    try:
        found = Fingerprint.from_bytes(_decoded(value, param))
    except FingerprintError as error:
        raise ResolutionError("binding_malformed", str(error), param) from None
    if len(found.hashes) > _MOST_HASHES:
        raise ResolutionError("binding_malformed", f"A fingerprint has at most {_MOST_HASHES} hashes.", param)
    return found
