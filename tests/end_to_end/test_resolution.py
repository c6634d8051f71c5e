"""The Soft Binding Resolution API over a socket: files that lost everything lead back to their manifest."""

from __future__ import annotations

import base64
import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import c2pa
import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from guard import ledger
from guard.fingerprints import ALGORITHM as FINGERPRINT
from guard.marks import ALGORITHM as MARK
from guard.media import strip_metadata
from tests import media
from tests.end_to_end.test_copied_mark import lifted, pasted
from tests.server import Server

Frames = NDArray[np.uint8]


def released(
    server: Server, seed: int, prompt: str = "A meadow in the wind", size: str = "640x360"
) -> dict[str, Any]:
    """A completed video with its public record, and its file."""
    form = {"prompt": prompt, "size": size, "seconds": "4", "seed": seed}
    video = server.await_video(server.request("POST", "/videos", json=form).json()["id"])
    assert video["status"] == "completed", video
    record = server.request("GET", f"/releases/{video['id']}", key=None).json()
    content = server.request("GET", f"/videos/{video['id']}/content").content
    return {**record, "content": content}


@pytest.fixture(scope="module")
def ours(server: Server) -> dict[str, Any]:
    return released(server, 41, size="1280x720")


@pytest.fixture(scope="module")
def pictures(ours: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[Frames]:
    return decoded(saved(tmp_path_factory.mktemp("ours") / "release.mp4", ours["content"]))


def saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def decoded(path: Path) -> list[Frames]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def mangled(path: Path, frames: list[Frames]) -> Path:
    """Cropped about its middle to nine tenths, made smaller, CRF 30, without anything that the file said of itself."""
    height, width = frames[0].shape[:2]
    top, left = height // 20, width // 20
    size = (width * 3 // 4 // 2 * 2, height * 3 // 4 // 2 * 2)
    smaller = [
        cv2.resize(frame[top : height - top, left : width - left], size, interpolation=cv2.INTER_AREA)
        for frame in frames
    ]
    return media.write_clip(path, smaller, fps=Fraction(12), crf=30)


def washed(path: Path, frames: list[Frames]) -> Path:
    """The same scene, made large again from 40 x 22 pixels: no watermark lives there."""
    height, width = frames[0].shape[:2]
    tiny = [cv2.resize(frame, (40, 22), interpolation=cv2.INTER_AREA) for frame in frames]
    back = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in tiny]
    return media.write_clip(path, back, fps=Fraction(12), crf=26)


def by_content(server: Server, path: Path, *, key: str | None = "", **query: Any) -> list[dict[str, Any]]:
    answer = server.request(
        "POST",
        "/matches/byContent",
        key=key,
        params=query,
        content=path.read_bytes(),
        headers={"content-type": "video/mp4"},
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["matches"]
    return found


def verified(server: Server, path: Path, *, key: str | None = "") -> dict[str, Any]:
    answer: dict[str, Any] = server.request(
        "POST", "/verifications", key=key, files={"file": ("clip.mp4", path.read_bytes())}
    ).json()
    return answer


def manifest(server: Server, name: str, **query: Any) -> httpx.Response:
    return server.request("GET", f"/manifests/{name}", key=None, params=query)


def test_what_lost_everything_leads_to_its_manifest(
    server: Server, ours: dict[str, Any], pictures: list[Frames], tmp_path: Path
) -> None:
    copy = mangled(tmp_path / "copy.mp4", pictures)
    verdict = verified(server, copy)
    assert (verdict["verdict"], verdict["basis"]) == ("generated_here", ["watermark", "fingerprint"])
    for query in ({}, {"alg": MARK}, {"alg": FINGERPRINT}):
        [match] = by_content(server, copy, **query)
        assert (match["manifestId"], match["revoked"]) == (ours["manifest_id"], False)
        assert 80 < match["similarityScore"] <= 100
    [coarse] = by_content(server, copy, key=None)
    assert set(coarse) == {"manifestId", "release", "revoked"}

    stored = manifest(server, ours["manifest_id"])
    assert stored.headers["content-type"] == "application/c2pa"
    # the recovered manifest, given back to the released file that lost it, holds
    bare = tmp_path / "bare.mp4"
    strip_metadata(saved(tmp_path / "release.mp4", ours["content"]), bare)
    with (tmp_path / "release.mp4").open("rb") as file:
        reader = c2pa.Reader("video/mp4", file, stored.content)
        assert reader.get_active_manifest()["label"] == ours["manifest_id"]
        assert "claimSignature.validated" in reader.json()
    active = manifest(server, ours["manifest_id"], returnActiveManifest=True)
    assert active.content == stored.content  # a video from a prompt alone has one manifest
    [exact] = by_content(server, bare)
    assert exact["manifestId"] == ours["manifest_id"]


def test_without_its_watermark_the_fingerprint_alone_finds_it(server: Server, tmp_path: Path) -> None:
    ours = released(server, 45)  # of larger pictures the mark survives even this
    copy = washed(tmp_path / "washed.mp4", decoded(saved(tmp_path / "release.mp4", ours["content"])))
    verdict = verified(server, copy)
    assert (verdict["verdict"], verdict["basis"]) == ("registry_match", ["fingerprint"])
    mark = next(item for item in verdict["evidence"] if item["type"] == "watermark")
    assert mark["outcome"] == "not_detected"
    assert [match["manifestId"] for match in by_content(server, copy)] == [ours["manifest_id"]]
    assert by_content(server, copy, alg=MARK) == []
    # what a client read by itself counts only with the pictures
    payload = _binding(server, ours, MARK)
    [hinted] = by_content(server, copy, alg=MARK, hintAlg=MARK, hintValue=payload)
    assert hinted["manifestId"] == ours["manifest_id"]


def test_a_picture_is_found_again_too(server: Server) -> None:
    form = {"prompt": "A meadow", "model": "gpt-image-1", "size": "1024x1024", "seed": 46}
    [made] = server.request("POST", "/images/generations", json=form, timeout=300).json()["data"]
    picture = Image.open(io.BytesIO(base64.b64decode(made["b64_json"]))).convert("RGB")
    copy = io.BytesIO()
    picture.resize((768, 768)).save(copy, "JPEG", quality=80)
    jpeg = {"content-type": "image/jpeg"}
    answer = server.request("POST", "/matches/byContent", content=copy.getvalue(), headers=jpeg)
    record = server.request("GET", f"/releases/{made['release']['id']}").json()
    assert [match["manifestId"] for match in answer.json()["matches"]] == [record["manifest_id"]]
    assert manifest(server, record["manifest_id"]).status_code == 200


def test_a_copied_mark_leads_to_no_manifest(server: Server, tmp_path: Path) -> None:
    ours = released(server, 44)
    pictures = decoded(saved(tmp_path / "release.mp4", ours["content"]))
    stranger = list(media.scene(640, 360, 48, seed=77))
    forged = media.write_clip(tmp_path / "forged.mp4", pasted(stranger, lifted(pictures)), fps=Fraction(24))
    verdict = verified(server, forged)
    assert verdict["verdict"] == "copied_or_heavily_edited"
    assert by_content(server, forged) == []
    payload = _binding(server, ours, MARK)
    assert by_content(server, forged, hintAlg=MARK, hintValue=payload) == []


def test_a_soft_binding_of_the_manifest_leads_to_it(server: Server, ours: dict[str, Any]) -> None:
    for alg in (MARK, FINGERPRINT):
        value = _binding(server, ours, alg)
        body = {"alg": alg, "value": value}
        answers = [server.request("POST", "/matches/byBinding", key=None, json=body)]
        if alg == MARK:
            answers.append(server.request("GET", "/matches/byBinding", key=None, params=body))
        for answer in answers:
            assert [match["manifestId"] for match in answer.json()["matches"]] == [ours["manifest_id"]]
    long = server.request(
        "GET", "/matches/byBinding", params={"alg": FINGERPRINT, "value": _binding(server, ours, FINGERPRINT)}
    )
    assert (long.status_code, long.json()["error"]["code"]) == (414, "uri_too_long")
    nobody = {"alg": MARK, "value": base64.b64encode(bytes(8)).decode()}
    assert server.request("POST", "/matches/byBinding", json=nobody).json() == {"matches": []}


def test_a_revoked_release_resolves_to_revoked(server: Server, tmp_path: Path) -> None:
    release = released(server, 43, size="1280x720")  # smaller ones lose the mark now and then
    frames = decoded(saved(tmp_path / "release.mp4", release["content"]))
    copy = mangled(tmp_path / "copy.mp4", frames)
    assert manifest(server, release["manifest_id"]).status_code == 200
    server.request("POST", f"/releases/{release['id']}/revoke", json={"reason": "asked for"})
    assert [match["revoked"] for match in by_content(server, copy, key=None)] == [True]
    verdict = verified(server, copy)
    assert (verdict["revoked"], verdict["revoked_releases"]) == (True, [release["id"]])
    # where the pictures are cropped beyond recognition and the watermark alone names it, that is said, and no more
    cropped = [np.ascontiguousarray(frame[90:-90, 160:-160]) for frame in frames]
    cut = media.write_clip(tmp_path / "cut.mp4", cropped, fps=Fraction(24), crf=20)
    for key in ("", None):
        verdict = verified(server, cut, key=key)
        assert verdict["verdict"] == "copied_or_heavily_edited"
        assert (verdict["revoked"], verdict["releases"], verdict["revoked_releases"]) == (False, [], [])
        assert verdict["named_revoked_releases"] == [release["id"]]
        assert any("names a release that has been revoked" in note for note in verdict["notes"]["en"])
    gone = manifest(server, release["manifest_id"])
    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "manifest_revoked")
    receipt = server.request("GET", f"/manifests/{release['manifest_id']}/receipts", key=None).json()
    assert (receipt["verified"], receipt["revoked"]) == (True, True)


def test_of_two_that_look_alike_it_is_told_which_was_revoked(server: Server, tmp_path: Path) -> None:
    first, second = released(server, 47), released(server, 47, "The same meadow once more")
    server.request("POST", f"/releases/{first['id']}/revoke", json={"reason": "asked for"})
    frames = decoded(saved(tmp_path / "second.mp4", second["content"]))
    both = sorted([first["id"], second["id"]])

    bare = tmp_path / "bare.mp4"
    strip_metadata(tmp_path / "second.mp4", bare)
    marked = verified(server, bare)
    assert marked["verdict"] == "generated_here"
    assert (marked["revoked"], marked["releases"], marked["revoked_releases"]) == (False, both, [first["id"]])
    assert any(
        "Another release with like pictures has been revoked" in note for note in marked["notes"]["en"]
    )

    alone = verified(server, washed(tmp_path / "washed.mp4", frames))
    assert alone["verdict"] == "registry_match"
    assert (alone["revoked"], alone["releases"], alone["revoked_releases"]) == (True, both, [first["id"]])
    assert any("at least one of them has been revoked" in note for note in alone["notes"]["en"])


def test_a_receipt_is_a_proof_that_needs_no_service(server: Server, ours: dict[str, Any]) -> None:
    receipt = server.request("GET", f"/manifests/{ours['manifest_id']}/receipts", key=None).json()
    assert (receipt["@type"], receipt["verified"]) == ("org.c2pa.manifest-receipt", True)
    key = server.request("GET", "/log/key", key=None).text.strip()
    proven = ledger.verify_proof(receipt["anchor"]["proof"], None, key)
    entry, _ = ledger.from_leaf(proven.leaf)
    assert isinstance(entry, ledger.ReleaseEntry)
    assert entry.manifest_id == ours["manifest_id"]
    given = {name: value for name, value in receipt.items() if name not in ("verified", "revoked")}
    path = f"/manifests/{ours['manifest_id']}/receipts"
    assert server.request("POST", path, key=None, json=given).json()["verified"] is True
    proof = given["anchor"]["proof"]
    given["anchor"]["proof"] = proof.replace("index ", "index 1", 1)
    refused = server.request("POST", path, key=None, json=given).json()
    assert refused["verified"] is False
    assert refused["error"]


def test_nothing_is_fetched_unless_the_operator_says_so(server: Server) -> None:
    body = {"referenceUrl": "https://example.com/clip.mp4", "assetLength": 10}
    answer = server.request("POST", "/matches/byReference", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "reference_disabled")


def test_the_service_describes_itself(server: Server) -> None:
    known = httpx.get(f"{server.url}/.well-known/c2pa-soft-binding-resolution").json()
    assert known["apiEndpoint"] == server.base_url
    capabilities = httpx.get(known["capabilitiesEndpoint"]).json()
    assert capabilities["c2paSpecificationVersion"] == known["c2paSpecificationVersion"] == "2.4.0"
    assert capabilities["supportedCapabilities"] == ["queryByContent", "storeManifests", "storeBindings"]
    assert httpx.get(known["statusEndpoint"]).json()["status"] == "ok"
    algorithms = server.request("GET", "/services/supportedAlgorithms", key=None).json()
    assert algorithms == {"watermarks": [{"alg": MARK}], "fingerprints": [{"alg": FINGERPRINT}]}


def _binding(server: Server, release: dict[str, Any], alg: str) -> str:
    """A soft binding's value as the stored manifest has it."""
    stream = io.BytesIO(manifest(server, release["manifest_id"]).content)
    with c2pa.Reader("application/c2pa", stream) as reader:
        store = json.loads(reader.json())
    assertions = store["manifests"][store["active_manifest"]]["assertions"]
    [value] = [
        item["data"]["blocks"][0]["value"]
        for item in assertions
        if item["label"].startswith("c2pa.soft-binding") and item["data"]["alg"] == alg
    ]
    return str(value)
