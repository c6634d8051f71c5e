"""What is handed out is what was released, and the public proof does not say for whom."""

from __future__ import annotations

import pytest

from guard.ledger import ReleaseEntry, from_leaf, verify_proof
from guard.store import Release, get_video
from tests.integration.api.conftest import Api, release


def released(api: Api, content: bytes) -> Release:
    """A video with a release whose file has this content."""
    request = {"prompt": "a red ball", "size": "640x360", "seconds": "2"}
    return release(api, api("POST", "/v1/videos", json=request).json()["id"], content)


@pytest.mark.parametrize("size", [23, 4000])
def test_a_file_that_was_overwritten_is_not_served(api: Api, size: int) -> None:
    made = released(api, f"{size}".encode() * 1000)
    path = f"/v1/videos/{made.video_id}/content"
    assert api("GET", path).content == f"{size}".encode() * 1000
    assert api("GET", path, headers={"range": "bytes=0-1"}).status_code == 206
    stored = api.state.installation.paths.data / "objects" / made.object_key
    stored.write_bytes(b"x" * size)
    for more in ("", "?variant=thumbnail", "?variant=spritesheet"):
        assert api.error("GET", path + more) == (500, "object_altered")
    assert api.error("GET", path, headers={"range": "bytes=0-1"}) == (500, "object_altered")
    assert api("HEAD", path).status_code == 500
    assert not list(api.state.installation.paths.uploads.iterdir())


def test_the_public_proof_does_not_say_who_asked(api: Api) -> None:
    made = released(api, b"one of a kind")
    proof = api("GET", f"/v1/releases/{made.video_id}/proof", key=None).text
    log = api.state.services.log
    leaf = verify_proof(proof, None, log.public_key).leaf
    entry, _ = from_leaf(leaf)
    assert isinstance(entry, ReleaseEntry)
    assert entry.manifest_id == made.manifest_id
    with api.state.services.database.read() as session:
        tenant = get_video(session, made.video_id).tenant_id
    assert tenant.encode() not in leaf
