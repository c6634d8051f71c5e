"""Manifests that tenants keep here, and the soft bindings that lead to them.

What they bring never answers for what was released here: a release's manifest and its bindings are in the registry,
and its identifier cannot be taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from guard import ledger
from guard.store.errors import StoreError
from guard.store.models import Binding, Release, StoredManifest


def store_manifest(
    session: Session, manifest_id: str, *, tenant_id: str, digest: str, now: datetime
) -> StoredManifest:
    """Take a manifest into the repository and log it; the same one again changes nothing.

    Args:
        session: a transaction that may write.
        manifest_id: label of its active manifest.
        tenant_id: whose it is.
        digest: ``sha256:`` and 64 hex digits, of the manifest store's bytes, which are already among the objects.
        now: when.

    Raises:
        StoreError: ``manifest_exists`` if the identifier belongs to a release, to another tenant or to other bytes.
    """
    found = session.get(StoredManifest, manifest_id, with_for_update=True)
    if found is not None and (found.tenant_id, found.digest) == (tenant_id, digest):
        return found
    released = session.scalars(select(Release.id).where(Release.manifest_id == manifest_id)).first()
    if found is not None or released is not None:
        raise StoreError(
            "manifest_exists",
            "This identifier is taken: by a release of this service, which keeps its own, or by another manifest.",
        )
    conn = session.connection()
    entry = ledger.ManifestEntry(
        manifest_id=manifest_id,
        manifest_digest=digest,
        tenant_commitment=ledger.commit(conn, digest.removeprefix("sha256:"), tenant_id.encode()),
    )
    row = StoredManifest(
        id=manifest_id,
        tenant_id=tenant_id,
        digest=digest,
        created=now,
        ledger_index=ledger.append(conn, entry, now=now),
    )
    session.add(row)
    session.flush()
    return row


def find_manifest(session: Session, manifest_id: str) -> Release | StoredManifest | None:
    """The release whose manifest this is, or the manifest that a tenant keeps here under this identifier."""
    release = session.scalars(select(Release).where(Release.manifest_id == manifest_id)).one_or_none()
    return release or session.get(StoredManifest, manifest_id)


def own_manifest(session: Session, manifest_id: str, tenant_id: str) -> StoredManifest:
    """A tenant's own manifest, to be changed.

    Raises:
        StoreError: ``not_found``; ``manifest_not_yours`` if it belongs to a release or to somebody else.
    """
    found = find_manifest(session, manifest_id)
    if found is None:
        raise StoreError("not_found", "There is no manifest of this identifier.")
    if isinstance(found, Release) or found.tenant_id != tenant_id:
        raise StoreError("manifest_not_yours", "This manifest is of a release, or of another tenant.")
    return found


def remove_manifest(session: Session, manifest_id: str, tenant_id: str) -> StoredManifest:
    """Take a tenant's manifest and its bindings out of the repository; what the log says of it stays.

    Raises:
        StoreError: as `own_manifest`.
    """
    found = own_manifest(session, manifest_id, tenant_id)
    session.execute(delete(Binding).where(Binding.manifest_id == manifest_id))
    session.delete(found)
    session.flush()
    return found


def digest_used(session: Session, digest: str) -> bool:
    """Whether a manifest store's bytes belong to anything that is known here."""
    kept = session.scalars(select(StoredManifest.id).where(StoredManifest.digest == digest)).first()
    released = session.scalars(select(Release.id).where(Release.manifest_digest == digest)).first()
    return kept is not None or released is not None


def bind(session: Session, value: str, manifest_id: str, tenant_id: str, *, now: datetime) -> None:
    """Let a soft binding's value lead to a tenant's manifest, beside others of the tenant; again changes nothing.

    Raises:
        StoreError: as `own_manifest`; ``binding_taken`` if the value is another tenant's.
    """
    own_manifest(session, manifest_id, tenant_id)
    rows = _of(session, value)
    if any(row.tenant_id != tenant_id for row in rows):
        raise StoreError("binding_taken", "Another tenant has bound this value.")
    if any(row.manifest_id == manifest_id for row in rows):
        return
    session.add(
        Binding(value_digest=_digest(value), manifest_id=manifest_id, tenant_id=tenant_id, created=now)
    )
    session.flush()


def rebind(session: Session, value: str, manifest_id: str, tenant_id: str, *, now: datetime) -> None:
    """Let a value lead to this manifest alone.

    Raises:
        StoreError: as `bind`; ``not_found`` if the value leads nowhere yet.
    """
    if not _of(session, value):
        raise StoreError("not_found", "This value is not bound to anything yet.")
    bind(session, value, manifest_id, tenant_id, now=now)
    others = Binding.value_digest == _digest(value), Binding.manifest_id != manifest_id
    session.execute(delete(Binding).where(*others))


def bound(session: Session, value: str, *, limit: int) -> list[str]:
    """The manifests that a value leads to, the first bound first."""
    return [row.manifest_id for row in _of(session, value)][:limit]


def _of(session: Session, value: str) -> Sequence[Binding]:
    query = select(Binding).where(Binding.value_digest == _digest(value))
    return session.scalars(query.order_by(Binding.created, Binding.manifest_id)).all()


def _digest(value: str) -> str:
    return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
