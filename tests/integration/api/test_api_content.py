"""What is handed out is what was released, and the public proof does not say for whom."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from guard.fingerprints import FrameHash
from guard.ledger import ReleaseEntry, from_leaf, verify_proof
from guard.pipeline.jobs import utc_now
from guard.store import NewRelease, Release, find_release, get_video, record_release, sign_log, start_video
from tests.integration.api.conftest import Api

DIGEST = "sha256:" + "ab" * 32


def released(api: Api, content: bytes, folder: Path) -> Release:
    """A video with a release whose file has this content."""
    services = api.state.services
    request = {"prompt": "a red ball", "size": "640x360", "seconds": "2"}
    video_id = api("POST", "/v1/videos", json=request).json()["id"]
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    new = NewRelease(
        asset_digest=digest, size=len(content), manifest_id=f"urn:c2pa:{video_id}", manifest_digest=DIGEST,
        mark_algorithm="lattice", mark_preset="robust", mark_key_id="mark-1", model_name="m", model_revision="1",
        model_digest=DIGEST, policy_digest=DIGEST,
    )  # fmt: skip
    with services.database.write() as session:
        start_video(session, video_id)
        record_release(session, video_id, new, [FrameHash(0.0, "ab" * 32, 100)], now=utc_now())
        sign_log(session, services.log, now=utc_now())
    (folder / "file").write_bytes(content)
    with services.database.read() as session:
        release = find_release(session, video_id=video_id)
    assert release is not None
    services.objects.put(release.object_key, folder / "file")
    return release


@pytest.mark.parametrize("size", [23, 4000])
def test_a_file_that_was_overwritten_is_not_served(api: Api, tmp_path: Path, size: int) -> None:
    release = released(api, f"{size}".encode() * 1000, tmp_path)
    path = f"/v1/videos/{release.video_id}/content"
    assert api("GET", path).content == f"{size}".encode() * 1000
    assert api("GET", path, headers={"range": "bytes=0-1"}).status_code == 206
    stored = api.state.installation.paths.data / "objects" / release.object_key
    stored.write_bytes(b"x" * size)
    for more in ("", "?variant=thumbnail", "?variant=spritesheet"):
        assert api.error("GET", path + more) == (500, "object_altered")
    assert api.error("GET", path, headers={"range": "bytes=0-1"}) == (500, "object_altered")
    assert api("HEAD", path).status_code == 500
    assert not list(api.state.installation.paths.uploads.iterdir())


def test_the_public_proof_does_not_say_who_asked(api: Api, tmp_path: Path) -> None:
    release = released(api, b"one of a kind", tmp_path)
    proof = api("GET", f"/v1/releases/{release.video_id}/proof", key=None).text
    log = api.state.services.log
    leaf = verify_proof(proof, None, log.public_key).leaf
    entry, _ = from_leaf(leaf)
    assert isinstance(entry, ReleaseEntry)
    assert entry.manifest_id == release.manifest_id
    with api.state.services.database.read() as session:
        tenant = get_video(session, release.video_id).tenant_id
    assert tenant.encode() not in leaf
