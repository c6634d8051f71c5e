"""Audit of what the store holds against the log: every logged fact of every row, and the released files.

Rows are read as they lie there (:mod:`guard.ledger.raw`), so that a value of the wrong type is a finding and no crash.
"""

from __future__ import annotations

import heapq
import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from guard.fingerprints import FrameHash
from guard.ledger import Expected, Log, Report, commitment, verify_database
from guard.ledger.raw import as_bytes, as_text, as_time, raw
from guard.ledger.tables import salts
from guard.store.errors import StoreError
from guard.store.fingerprints import fingerprint_digest
from guard.store.models import (
    Decision,
    FingerprintHash,
    Prompt,
    Release,
    Review,
    StoredManifest,
    Video,
    manifest_key,
    object_key,
)
from guard.store.objects import Objects
from guard.store.vault import Vault

_DECISION = (
    "video_id", "stage", "action", "reason", "policy_id", "policy_version", "policy_digest", "model_digest",
)  # fmt: skip
_RELEASE = (
    "video_id", "asset_digest", "size", "manifest_id", "manifest_digest", "model_digest", "policy_digest",
    "mark_algorithm", "mark_key_id",
)  # fmt: skip
_NOWHERE = 2**63 - 1


def audit(
    session: Session,
    log: Log,
    *,
    kept: str | None,
    previous_checkpoint: str | None = None,
    vault: Vault | None = None,
) -> Report:
    """Audit log and rows together; see :func:`guard.ledger.verify_database`.

    Args:
        session: a read transaction, so that all of it is of one moment.
        log: the log.
        kept: what the log keeps beside its key, read *before* the transaction began; see :meth:`guard.ledger.Log.kept`.
        previous_checkpoint: one more, kept elsewhere.
        vault: of the prompts, to check that each still is what was decided on; not checked without.
    """
    report = verify_database(
        session.connection(),
        log.public_key,
        expected=partial(logged_rows, session),
        previous_checkpoints=[note for note in (kept, previous_checkpoint) if note is not None],
    )
    before = report.found
    if kept is None:
        report.problem(
            "checkpoint_unkept",
            "No checkpoint is kept beside the log's key, so a log that was rewritten and signed again cannot be"
            " told; the service keeps one at its next signature.",
        )
    report.held("kept", before)
    before = report.found
    for name, query in _BROKEN_LINKS:
        for row_id in session.scalars(query):
            report.problem(
                "row_mismatch", f"{name} {as_text(row_id)} and the rows that belong to it disagree."
            )
    report.held("links", before)
    if vault is not None:
        before = report.found
        for problem in _prompts(session, vault):
            report.problem("prompt_mismatch", problem)
        report.held("prompts", before)
    return report


@dataclass(frozen=True)
class Kept:
    """An object that must be there as it was logged.

    Attributes:
        key: where it lies.
        digest: what it must have.
        what: whose it is, in words.
    """

    key: str
    digest: str
    what: str


def audit_objects(
    report: Report, objects: Objects, released: Iterable[Kept], manifests: Iterable[Kept]
) -> None:
    """Hash what :func:`released_objects` and :func:`kept_manifests` list; what is wrong goes into the report."""
    for check, kept in (("objects", released), ("manifests", manifests)):
        before = report.found
        for one in kept:
            try:
                found = f"sha256:{objects.sha256(one.key)}"
            except StoreError as error:
                report.problem(error.code, f"{one.key}, {one.what}: {error}")
                continue
            if found != one.digest:
                report.problem("object_altered", f"{one.key} is not {one.what} as it was logged.")
        report.held(check, before)


def released_objects(session: Session) -> list[Kept]:
    """Every file that the service hands out."""
    query = (
        select(raw(Release.id), raw(Release.video_id), raw(Release.asset_digest))
        .join(Video, Video.id == Release.video_id)
        .where(Release.revoked_at.is_(None), Video.status == "completed")
        .order_by(Release.ledger_index)
    )
    return [
        Kept(object_key(as_text(video_id), as_text(digest)), as_text(digest), f"the file of {as_text(name)}")
        for name, video_id, digest in session.execute(query)
    ]


def kept_manifests(session: Session) -> list[Kept]:
    """The manifest of every release, also of those whose file is gone, and every one that a tenant keeps here."""
    releases = select(raw(Release.id), raw(Release.manifest_digest)).order_by(Release.ledger_index)
    tenants = select(raw(StoredManifest.id), raw(StoredManifest.digest)).order_by(StoredManifest.ledger_index)
    return [
        Kept(manifest_key(as_text(digest)), as_text(digest), f"the manifest {whose} {as_text(name)}")
        for whose, query in (("of", releases), ("kept as", tenants))
        for name, digest in session.execute(query)
    ]


def logged_rows(session: Session) -> Iterator[Expected]:
    """Every decision, review, release, revocation and kept manifest with the leaf that it claims to be, by index."""
    streams = (
        _decisions(session),
        _reviews(session),
        _releases(session),
        _revocations(session),
        _manifests(session),
    )
    return heapq.merge(*streams, key=lambda row: row.index)


def _decisions(session: Session) -> Iterator[Expected]:
    names = ("id", "tenant_id", "categories", "created", *_DECISION)
    query = _rows(Decision, Decision.ledger_index, names, raw(Prompt.commitment).label("prompt"))
    for row in session.execute(query.outerjoin(Prompt, Prompt.id == Decision.prompt_id)):
        yield Expected(
            _place(row.leaf_index),
            "decision",
            {
                **_values(row, _DECISION),
                "decision_id": row.id,
                "categories": _as_list(row.categories),
                "commitment": row.prompt,
                "time": as_time(row.created),
            },
            {"tenant_commitment": _committed(row.tenant_id)},
            _committed(row.salt),
        )


def _reviews(session: Session) -> Iterator[Expected]:
    names = ("id", "tenant_id", "video_id", "stage", "state", "reviewer", "decided_at")
    query = _rows(Review, Review.ledger_index, names).where(Review.state != "open")
    for row in session.execute(query):
        yield Expected(
            _place(row.leaf_index),
            "review",
            {
                **_values(row, ("video_id", "stage")),
                "review_id": row.id,
                "outcome": row.state,
                "time": as_time(row.decided_at),
            },
            {"tenant_commitment": _committed(row.tenant_id), "reviewer_commitment": _committed(row.reviewer)},
            _committed(row.salt),
        )


def _releases(session: Session) -> Iterator[Expected]:
    names = ("id", "tenant_id", "payload", "created", *_RELEASE)
    for row in session.execute(_rows(Release, Release.ledger_index, names)):
        yield Expected(
            _place(row.leaf_index),
            "release",
            {
                **_values(row, _RELEASE),
                "release_id": row.id,
                "fingerprint_digest": _fingerprint_digest(session, row.id),
                "time": as_time(row.created),
            },
            {"tenant_commitment": _committed(row.tenant_id), "payload_commitment": _committed(row.payload)},
            _committed(row.salt),
        )


def _revocations(session: Session) -> Iterator[Expected]:
    names = ("id", "tenant_id", "video_id", "revoked_at", "revoke_reason")
    query = _rows(Release, Release.revocation_index, names).where(Release.revoked_at.is_not(None))
    for row in session.execute(query):
        yield Expected(
            _place(row.leaf_index),
            "revocation",
            {"release_id": row.id, "video_id": row.video_id, "time": as_time(row.revoked_at)},
            {
                "tenant_commitment": _committed(row.tenant_id),
                "reason_commitment": _committed(row.revoke_reason),
            },
            _committed(row.salt),
        )


def _manifests(session: Session) -> Iterator[Expected]:
    # The salt of their commitments belongs to the digest, not to an id of ours.
    names = ("id", "tenant_id", "digest", "created")
    subject = func.replace(StoredManifest.digest, "sha256:", "")
    for row in session.execute(_rows(StoredManifest, StoredManifest.ledger_index, names, subject=subject)):
        yield Expected(
            _place(row.leaf_index),
            "manifest",
            {"manifest_id": row.id, "manifest_digest": row.digest, "time": as_time(row.created)},
            {"tenant_commitment": _committed(row.tenant_id)},
            _committed(row.salt),
        )


def _rows(model: Any, index: Any, names: Sequence[str], *more: Any, subject: Any = None) -> Select[Any]:
    """Columns of a table as they lie there, with the salt of each row's commitments, by leaf.

    Args:
        model: the table.
        index: its column of leaves.
        names: its columns to read.
        more: other columns.
        subject: what the salt belongs to; None for the row's id.
    """
    columns = [raw(getattr(model, name)).label(name) for name in names]
    place = raw(func.coalesce(index, -1)).label("leaf_index")
    query = select(*columns, place, raw(salts.c.salt).label("salt"), *more).select_from(model)
    # Databases disagree on where NULL sorts, and a log may be longer than memory.
    return (
        query.outerjoin(salts, salts.c.subject == (model.id if subject is None else subject))
        .order_by(func.coalesce(index, -1))
        .execution_options(yield_per=500)
    )


def _values(row: Row[Any], names: Sequence[str]) -> dict[str, object]:
    return {name: getattr(row, name) for name in names}


def _place(index: object) -> int | float:
    """What is no number sorts behind all numbers, and no leaf is there."""
    return index if isinstance(index, int | float) else _NOWHERE


def _committed(value: object) -> bytes | None:
    return None if value is None else as_bytes(value)


def _as_list(value: object) -> object:
    """SQLite keeps lists as text; text that is none fits no leaf."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _fingerprint_digest(session: Session, release_id: object) -> str | None:
    columns = (FingerprintHash.time, FingerprintHash.hash, FingerprintHash.quality, FingerprintHash.crop)
    query = select(*map(raw, columns)).where(FingerprintHash.release_id == release_id)
    try:
        frames = [
            FrameHash(time, as_bytes(value).hex(), quality, crop)
            for time, value, quality, crop in session.execute(query.order_by(FingerprintHash.seq))
        ]
        return fingerprint_digest(frames)
    except (TypeError, ValueError, OverflowError, struct.error):
        return None


def _prompts(session: Session, vault: Vault) -> Iterator[str]:
    """What is wrong with prompts that are not erased: unreadable, or not the text that the log commits to."""
    names = ("id", "tenant_id", "ciphertext", "nonce", "wrapped_key", "commitment")
    columns = [raw(getattr(Prompt, name)).label(name) for name in names]
    query = (
        select(*columns, raw(salts.c.salt).label("salt"))
        .outerjoin(salts, salts.c.subject == Prompt.id)
        .where(Prompt.erased_at.is_(None))
        .order_by(Prompt.id)
        .execution_options(yield_per=500)
    )
    for row in session.execute(query):
        try:
            text = vault.open(
                as_text(row.id), as_text(row.tenant_id),
                *(as_bytes(value) for value in (row.wrapped_key, row.nonce, row.ciphertext)),
            )  # fmt: skip
        except StoreError as error:
            yield str(error)
            continue
        if row.salt is None or row.commitment != commitment(as_bytes(row.salt), text):
            yield f"The prompt {as_text(row.id)} is not the one that its commitment was made of."


_DECISION_OF_REVIEW = and_(
    Decision.id == Review.decision_id,
    Decision.video_id == Review.video_id,
    Decision.tenant_id == Review.tenant_id,
    Decision.stage == Review.stage,
)
_BROKEN_LINKS = (
    # A decision is pinned by its leaf; what follows from it must be there and be of the same tenant and prompt.
    (
        "Decision",
        select(raw(Decision.id))
        .outerjoin(Video, Video.id == Decision.video_id)
        .where(
            Decision.video_id.is_not(None),
            or_(
                Video.id.is_(None),
                Video.tenant_id != Decision.tenant_id,
                and_(
                    Decision.stage == "prompt",
                    or_(
                        Video.decision_id.is_distinct_from(Decision.id),
                        Video.prompt_id.is_distinct_from(Decision.prompt_id),
                    ),
                ),
            ),
        ),
    ),
    ("Review", select(raw(Review.id)).outerjoin(Decision, _DECISION_OF_REVIEW).where(Decision.id.is_(None))),
    (
        "Release",
        select(raw(Release.id))
        .outerjoin(Video, and_(Video.id == Release.video_id, Video.tenant_id == Release.tenant_id))
        .where(Video.id.is_(None)),
    ),
)
