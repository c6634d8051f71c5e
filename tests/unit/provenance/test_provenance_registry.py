"""The registry in a real database: releases by file, mark, manifest and pictures."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from guard.fingerprints import Fingerprint, FrameHash
from guard.registry import SAME_PICTURES, StoredRegistry
from guard.store import (
    Database,
    NewRelease,
    Pictures,
    Release,
    create_tenant,
    create_video,
    record_release,
    revoke_release,
    start_video,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32


def pictures(seed: int, *, flip: int = 0) -> Fingerprint:
    """Eight frames of hashes from a seed, `flip` bits of each turned around."""
    source, turned = random.Random(seed), random.Random(seed + 1000)
    hashes = []
    for number in range(8):
        value = source.getrandbits(256)
        for bit in turned.sample(range(256), flip):
            value ^= 1 << bit
        hashes.append(FrameHash(float(number), f"{value:064x}", 100))
    return Fingerprint(tuple(hashes))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    found = Database(f"sqlite:///{tmp_path_factory.mktemp('registry') / 'guard.db'}")
    found.migrate()
    yield found
    found.close()


@pytest.fixture(scope="module")
def releases(database: Database) -> list[Release]:
    """Three releases of different pictures; the last one is revoked."""
    with database.write() as session:
        tenant = create_tenant(session, "Testhaus", now=NOW).id
        made = []
        for number in range(3):
            video = create_video(
                session, tenant_id=tenant, model="m", seconds=2, size="640x360", seed=number, now=NOW
            )
            start_video(session, video.id)
            new = NewRelease(
                asset_digest=f"sha256:{number:064x}",
                size=1000,
                manifest_id=f"urn:c2pa:{number}",
                manifest_digest=DIGEST,
                mark_algorithm="lattice",
                mark_preset="robust",
                mark_key_id="mark-1",
                model_name="m",
                model_revision="1",
                model_digest=DIGEST,
                policy_digest=DIGEST,
            )
            made.append(record_release(session, video.id, new, pictures(number).hashes, now=NOW))
        revoke_release(session, made[2].id, "asked for", now=NOW)
        return made


@pytest.fixture(scope="module")
def registry(
    database: Database, releases: list[Release], tmp_path_factory: pytest.TempPathFactory
) -> StoredRegistry:
    assert len(releases) == 3
    return StoredRegistry(database, Pictures(tmp_path_factory.mktemp("index") / "pictures.index"))


def test_a_release_is_found_by_file_and_mark(registry: StoredRegistry, releases: list[Release]) -> None:
    for number, release in enumerate(releases):
        for found in (
            registry.by_digest(f"{number:064x}"),
            registry.by_payload(release.payload),
        ):
            assert found is not None
            assert (found.release_id, found.video_id, found.revoked) == (
                release.id,
                release.video_id,
                number == 2,
            )


def test_what_was_never_released_is_not_found(registry: StoredRegistry) -> None:
    assert registry.by_digest("f" * 64) is None
    assert registry.by_payload(bytes(8)) is None
    assert registry.fingerprint("release_none").hashes == ()
    assert registry.nearest(pictures(99)) == []
    assert registry.nearest(Fingerprint(())) == []


def test_a_fingerprint_comes_back_as_it_was(registry: StoredRegistry, releases: list[Release]) -> None:
    assert registry.fingerprint(releases[1].id) == pictures(1)


@pytest.mark.parametrize("flip", [0, 10, 25])
def test_altered_pictures_are_matched_to_their_release(
    registry: StoredRegistry, releases: list[Release], flip: int
) -> None:
    found = registry.nearest(pictures(1, flip=flip))
    assert [release.release_id for release, _ in found] == [releases[1].id]
    assert found[0][1].median_distance == flip


@pytest.mark.parametrize(
    ("seed", "flip", "blocked"),
    [(2, 0, True), (2, SAME_PICTURES, True), (2, SAME_PICTURES + 1, False), (1, 0, False), (99, 0, False)],
)
def test_only_the_pictures_of_a_revoked_release_are_blocked(
    registry: StoredRegistry, seed: int, flip: int, blocked: bool
) -> None:
    assert registry.blocks(pictures(seed, flip=flip)) is blocked
