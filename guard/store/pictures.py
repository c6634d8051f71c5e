"""The search for releases with like pictures: an index of most of them, and a scan of those recorded since.

The database is the truth. An index says up to which entry of the log it knows the releases; whatever was recorded
after that is read from the database and compared one by one. So a release can be found from the moment that its
transaction ends, by every process and after every crash, and an index that is missing, damaged or of another
database costs time and memory, and nothing else.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from guard.fingerprints.index import Hashes, HashIndex, IndexFileError, Owners, build, scan
from guard.fingerprints.match import LEAST_QUALITY
from guard.store.fingerprints import FrameHash
from guard.store.models import FingerprintHash, Release

SCANNED_AT_MOST = 100_000
"""Hashes outside the index from which a search takes longer than it should, so that the operator is told."""
_BLOCK = 65_536
_PARAMETERS = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Coverage:
    """What a search looks through.

    Attributes:
        indexed: hashes in the index.
        scanned: hashes that were recorded since.
        fault: why there is no index: ``index_missing``, ``index_damaged`` or ``index_foreign``; None if there is one.
    """

    indexed: int
    scanned: int
    fault: str | None


class Pictures:
    """Lookups by pictures; safe to use from many threads.

    Hashes of plain pictures are left out: they are like all plain pictures.

    Args:
        path: of the index file, which need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: object = ()
        self._next: int
        self._recent: Hashes
        self._owners: Owners
        self._forget(None, "index_missing")

    def like(
        self, session: Session, hashes: Iterable[FrameHash], *, revoked_only: bool = False, limit: int
    ) -> list[tuple[str, int]]:
        """Releases that share pictures with an upload.

        Args:
            session: any transaction.
            hashes: the upload's frame hashes.
            revoked_only: look among revoked releases only.
            limit: at most so many.

        Returns:
            ``(release id, how many of the upload's frames are found in it)``, most first.
        """
        asked = _raw(bytes.fromhex(frame.hash) for frame in hashes if frame.quality >= LEAST_QUALITY)
        index, recent, owners = self._current(session)
        found = Counter(scan(recent, owners, asked)[0].tolist())
        if index is not None:
            found.update(index.search(asked)[0].tolist())
        ranked = [number for number, _ in found.most_common()]
        releases: list[tuple[str, int]] = []
        for first in range(0, len(ranked), _PARAMETERS):
            names = _names(session, ranked[first : first + _PARAMETERS], revoked_only=revoked_only)
            releases += [(names[n], found[n]) for n in ranked[first : first + _PARAMETERS] if n in names]
            if len(releases) >= limit:
                break
        return releases[:limit]

    def coverage(self, session: Session) -> Coverage:
        """What a search would look through now."""
        index, recent, _ = self._current(session)
        return Coverage(0 if index is None else index.count, len(recent), self._fault)

    def rebuild(self, session: Session, progress: Callable[[float], None] = lambda share: None) -> int:
        """Write the index anew from the database, and return how many hashes it has.

        Raises:
            IndexFileError: ``index_unwritable``.
        """
        newest = session.execute(
            select(Release.ledger_index, Release.id).order_by(Release.ledger_index.desc()).limit(1)
        ).one_or_none()
        through, last = (0, None) if newest is None else (newest[0] + 1, newest[1])
        usable = select(func.count()).where(FingerprintHash.quality >= LEAST_QUALITY)
        count = session.scalars(usable.select_from(FingerprintHash)).one()
        build(self._path, _recorded(session, 0), count, {"through": through, "last": last}, progress)
        return count

    def _current(self, session: Session) -> tuple[HashIndex | None, Hashes, Owners]:
        """The index as it is on disk, and what was recorded since."""
        with self._lock:
            self._reopen(session)
            batches = list(_recorded(session, self._next))
            if batches:
                self._recent = np.concatenate([self._recent, *(hashes for hashes, _ in batches)])
                self._owners = np.concatenate([self._owners, *(owners for _, owners in batches)])
                self._next = int(self._owners[-1]) + 1
            return self._index, self._recent, self._owners

    def _reopen(self, session: Session) -> None:
        try:
            stat = self._path.stat()
            seen: object = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except OSError:
            seen = None
        if seen == self._seen:
            return
        try:
            index = HashIndex(self._path)
            self._forget(index, None if _belongs(session, index) else "index_foreign")
        except IndexFileError as error:
            self._forget(None, error.code)
        self._seen = seen
        if self._fault not in (None, "index_missing"):
            _log.warning("index_unusable", code=self._fault)

    def _forget(self, index: HashIndex | None, fault: str | None) -> None:
        self._fault = fault
        self._index = None if fault else index
        self._next = 0 if self._index is None else int(self._index.note["through"])
        self._recent, self._owners = np.empty((0, 4), np.uint64), np.empty(0, np.uint32)


def _belongs(session: Session, index: HashIndex) -> bool:
    """Whether the newest release that an index knows is one of this database, so that the older ones are too."""
    through, last = index.note.get("through"), index.note.get("last")
    if not isinstance(through, int) or through < 1:
        return through == 0 and index.count == 0
    return (
        last == session.scalars(select(Release.id).where(Release.ledger_index == through - 1)).one_or_none()
    )


def _recorded(session: Session, start: int) -> Iterator[tuple[Hashes, Owners]]:
    """Usable hashes of releases from an entry of the log on, in its order, with the entries as owners."""
    query = (
        select(Release.ledger_index, FingerprintHash.hash)
        .join(Release, Release.id == FingerprintHash.release_id)
        .where(FingerprintHash.quality >= LEAST_QUALITY, Release.ledger_index >= start)
        .order_by(Release.ledger_index)
    )
    for rows in session.execute(query.execution_options(yield_per=_BLOCK)).partitions():
        yield _raw(row[1] for row in rows), np.array([row[0] for row in rows], np.uint32)


def _names(session: Session, entries: list[int], *, revoked_only: bool) -> dict[int, str]:
    query = select(Release.ledger_index, Release.id).where(Release.ledger_index.in_(entries))
    if revoked_only:
        query = query.where(Release.revoked_at.is_not(None))
    return {row[0]: row[1] for row in session.execute(query)}


def _raw(hashes: Iterable[bytes]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, 4)
