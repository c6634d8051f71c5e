"""Manifests that tenants keep, and the bindings that lead to them: whose they are, and what the log says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from guard import store
from guard.ledger import ManifestEntry, from_leaf, read_leaf
from guard.store import Database, NewRelease, StoreError, Tenant, Video
from guard.store import manifests as rows

from .conftest import DIGEST, NOW, Frame

OTHER_DIGEST = "sha256:" + "cd" * 32
NAME, OTHER = "urn:c2pa:11111111-aaaa", "urn:c2pa:22222222-bbbb"


@pytest.fixture
def other(database: Database) -> Tenant:
    with database.write() as session:
        return store.create_tenant(session, "Anderes Haus", now=NOW)


def keep(database: Database, name: str, tenant: Tenant, digest: str = DIGEST) -> int:
    with database.write() as session:
        return rows.store_manifest(session, name, tenant_id=tenant.id, digest=digest, now=NOW).ledger_index


def code_of(database: Database, change: Callable[..., object], *arguments: str) -> str:
    with pytest.raises(StoreError) as caught, database.write() as session:
        change(session, *arguments, **({"now": NOW} if change in (rows.bind, rows.rebind) else {}))
    return caught.value.code


def bound(database: Database, value: str) -> list[str]:
    with database.read() as session:
        return rows.bound(session, value, limit=9)


def test_a_manifest_is_kept_once_and_logged(database: Database, tenant: Tenant, other: Tenant) -> None:
    index = keep(database, NAME, tenant)
    assert keep(database, NAME, tenant) == index
    with database.read() as session:
        entry, _ = from_leaf(read_leaf(session.connection(), index))
        assert rows.digest_used(session, DIGEST)
        assert not rows.digest_used(session, OTHER_DIGEST)
    assert isinstance(entry, ManifestEntry)
    assert (entry.manifest_id, entry.manifest_digest) == (NAME, DIGEST)
    assert tenant.id not in entry.model_dump_json()
    for owner, digest in ((other, DIGEST), (tenant, OTHER_DIGEST)):
        with pytest.raises(StoreError) as caught:
            keep(database, NAME, owner, digest)
        assert caught.value.code == "manifest_exists"


def test_a_releases_manifest_is_nobody_elses(
    database: Database,
    tenant: Tenant,
    new_video: Callable[..., Video],
    new_release: Callable[..., NewRelease],
    frames: Callable[..., list[Frame]],
) -> None:
    video = new_video()
    with database.write() as session:
        release = store.record_release(session, video.id, new_release(), frames(0), now=NOW)
    with pytest.raises(StoreError) as caught:
        keep(database, release.manifest_id, tenant)
    assert caught.value.code == "manifest_exists"
    assert code_of(database, rows.bind, "value", release.manifest_id, tenant.id) == "manifest_not_yours"
    assert code_of(database, rows.remove_manifest, release.manifest_id, tenant.id) == "manifest_not_yours"
    with database.read() as session:
        assert rows.find_manifest(session, release.manifest_id) == session.get(store.Release, release.id)


def test_values_lead_to_ones_own_manifests_alone(database: Database, tenant: Tenant, other: Tenant) -> None:
    keep(database, NAME, tenant)
    keep(database, OTHER, tenant, OTHER_DIGEST)
    keep(database, "urn:c2pa:3", other, "sha256:" + "ef" * 32)
    assert code_of(database, rows.bind, "value", "urn:c2pa:none", tenant.id) == "not_found"
    assert code_of(database, rows.bind, "value", NAME, other.id) == "manifest_not_yours"
    assert code_of(database, rows.rebind, "value", NAME, tenant.id) == "not_found"
    with database.write() as session:
        for name in (NAME, NAME, OTHER):
            rows.bind(session, "value", name, tenant.id, now=NOW)
    assert bound(database, "value") == [NAME, OTHER]
    assert bound(database, "VALUE") == []
    assert code_of(database, rows.bind, "value", "urn:c2pa:3", other.id) == "binding_taken"
    assert code_of(database, rows.rebind, "value", "urn:c2pa:3", other.id) == "binding_taken"
    with database.write() as session:
        rows.rebind(session, "value", OTHER, tenant.id, now=NOW)
    assert bound(database, "value") == [OTHER]
    with database.write() as session:
        rows.remove_manifest(session, OTHER, tenant.id)
    assert bound(database, "value") == []
    with database.write() as session:
        rows.bind(session, "value", "urn:c2pa:3", other.id, now=NOW)  # which is free again
    assert bound(database, "value") == ["urn:c2pa:3"]
