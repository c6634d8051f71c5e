"""Releases: the registry of what left the house, and its revocations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from guard import ledger
from guard.store.errors import StoreError
from guard.store.fingerprints import FrameHash, add_fingerprint, fingerprint_digest
from guard.store.ids import new_id
from guard.store.models import PICTURE_ID, Release
from guard.store.videos import allocate_payload, complete_video, get_video


@dataclass(frozen=True, kw_only=True)
class NewRelease:
    """What is known of a finished file.

    Digests read ``sha256:`` and 64 hex digits; sizes are bytes; ``stamped`` is None where no time stamp was asked for.
    """

    asset_digest: str
    size: int
    manifest_id: str
    manifest_digest: str
    mark_algorithm: str
    mark_preset: str
    mark_key_id: str
    model_name: str
    model_revision: str
    model_digest: str
    policy_digest: str
    stamped: bool | None = None


def record_release(
    session: Session,
    video_id: str,
    new: NewRelease,
    fingerprint: Iterable[FrameHash],
    *,
    now: datetime,
) -> Release:
    """Register a release with its fingerprint, log it and complete its video; doing it again changes nothing.

    The watermark payload is the one allocated to the video.

    Raises:
        StoreError: ``not_found``, ``status_invalid``; ``conflict`` if the video was released as another file,
            or the file or its manifest belongs to another release.
    """
    found = find_release(session, video_id=video_id)
    if found is not None:
        if found.asset_digest != new.asset_digest:
            raise StoreError("conflict", f"The video {video_id} was already released as another file.")
        return found
    video = get_video(session, video_id, lock=True)
    payload = allocate_payload(session, video_id)
    frames = tuple(fingerprint)
    conn = session.connection()
    release_id = new_id("release", now)
    entry = ledger.ReleaseEntry(
        release_id=release_id,
        tenant_commitment=ledger.commit(conn, release_id, video.tenant_id.encode()),
        video_id=video_id,
        asset_digest=new.asset_digest,
        size=new.size,
        manifest_id=new.manifest_id,
        fingerprint_digest=fingerprint_digest(frames),
        manifest_digest=new.manifest_digest,
        model_digest=new.model_digest,
        policy_digest=new.policy_digest,
        mark_algorithm=new.mark_algorithm,
        mark_key_id=new.mark_key_id,
        payload_commitment=ledger.commit(conn, release_id, payload),
    )
    release = Release(
        id=release_id,
        tenant_id=video.tenant_id,
        video_id=video_id,
        payload=payload,
        manifest_id=new.manifest_id,
        manifest_digest=new.manifest_digest,
        asset_digest=new.asset_digest,
        size=new.size,
        mark_algorithm=new.mark_algorithm,
        mark_preset=new.mark_preset,
        mark_key_id=new.mark_key_id,
        model_name=new.model_name,
        model_revision=new.model_revision,
        model_digest=new.model_digest,
        policy_digest=new.policy_digest,
        stamped=new.stamped,
        created=now,
        ledger_index=ledger.append(conn, entry, now=now),
    )
    session.add(release)
    session.flush()
    add_fingerprint(session, release_id, frames)
    complete_video(session, video_id, now=now)
    session.flush()
    return release


def find_release(
    session: Session,
    *,
    video_id: str | None = None,
    payload: bytes | None = None,
    manifest_id: str | None = None,
    asset_digest: str | None = None,
) -> Release | None:
    """The release, revoked ones included, with exactly one of these; None if there is none."""
    wanted: list[ColumnElement[bool]] = []
    if video_id is not None:
        wanted.append(Release.video_id == video_id)
    if payload is not None:
        wanted.append(Release.payload == payload)
    if manifest_id is not None:
        wanted.append(Release.manifest_id == manifest_id)
    if asset_digest is not None:
        wanted.append(Release.asset_digest == asset_digest)
    if len(wanted) != 1:
        raise ValueError("look a release up by exactly one of its bindings")
    return session.scalars(select(Release).where(wanted[0])).one_or_none()


def get_release(session: Session, release_id: str, *, lock: bool = False) -> Release:
    """A release by id.

    Raises:
        StoreError: ``not_found``.
    """
    release = session.get(Release, release_id, with_for_update=lock, populate_existing=lock)
    if release is None:
        raise StoreError("not_found", f"There is no release {release_id}.")
    return release


def named_release(session: Session, name: str) -> Release:
    """A release by its id or its video's or picture's, whichever somebody has at hand.

    Raises:
        StoreError: ``not_found``.
    """
    if not name.startswith(("video_", f"{PICTURE_ID}_")):
        return get_release(session, name)
    release = find_release(session, video_id=name)
    if release is None:
        kind = name.partition("_")[0]
        raise StoreError("not_found", f"There is no {kind} {name} that was released.")
    return release


def revoke_release(session: Session, release_id: str, reason: str, *, now: datetime) -> Release:
    """Withdraw a release and log it; doing it again changes nothing, the first reason stays.

    Its bindings stay and answer "revoked"; its fingerprint blocks the same pictures from then on. The reason
    goes into the log as a commitment only.

    Raises:
        StoreError: ``not_found``.
    """
    release = get_release(session, release_id, lock=True)
    if release.revoked_at is not None:
        return release
    conn = session.connection()
    entry = ledger.RevocationEntry(
        release_id=release_id,
        tenant_commitment=ledger.commit(conn, release_id, release.tenant_id.encode()),
        video_id=release.video_id,
        reason_commitment=ledger.commit(conn, release_id, reason.encode()),
    )
    release.revoked_at, release.revoke_reason = now, reason
    release.revocation_index = ledger.append(conn, entry, now=now)
    session.flush()
    return release
