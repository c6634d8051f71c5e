"""The wire itself: what the official clients do not show."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from guard.ledger import VerifyKey, verify_proof
from guard.media import strip_metadata
from tests.media import zero_png
from tests.server import Server

FIGURES = (
    "p_value",
    "median_distance",
    "fraction_of_upload",
    "details",
    "segments",
    "soft_bindings",
    "payload",
)


@pytest.fixture(scope="module")
def clip(server: Server, released: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    path.write_bytes(server.request("GET", f"/videos/{released['id']}/content").content)
    return path


def verified(server: Server, path: Path, *, key: str | None = "") -> dict[str, Any]:
    with path.open("rb") as file:
        response = server.request("POST", "/verifications", key=key, files={"file": ("x.mp4", file)})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_bracket_keys_as_another_client_sends_them(server: Server) -> None:
    boundary = "----other"
    lines: list[str] = []
    for name, value in (
        ("prompt", "A harbour"),
        ("seconds", "2"),
        ("size", "640x360"),
        ("input_reference[image_url]", "data:image/png;base64,AA=="),
        ("metadata[a][b]", "c"),
    ):
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", value]
    body = "\r\n".join([*lines, f"--{boundary}--", ""]).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {
        "Authorization": f"Bearer {server.api_key}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    connection.request("POST", "/v1/videos", body, headers)
    response = connection.getresponse()
    error = json.loads(response.read())["error"]
    assert (response.status, error["code"], error["param"]) == (
        400,
        "reference_unsupported",
        "input_reference",
    )
    assert response.headers["x-request-id"].startswith("req_")
    connection.close()


def test_the_file_is_what_the_registry_says_in_whole_and_in_parts(
    server: Server, released: dict[str, Any], clip: Path
) -> None:
    data = clip.read_bytes()
    release = released["release"]
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == release["asset_digest"]
    path = f"/videos/{released['id']}/content"
    part = server.request("GET", path, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    tail = server.request("GET", path, headers={"range": "bytes=-50"})
    assert (tail.status_code, tail.content) == (206, data[-50:])
    beyond = server.request("GET", path, headers={"range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.json()["error"]["code"]) == (416, "range_not_satisfiable")
    head = server.request("HEAD", path)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(data)), b"")
    part_of_head = server.request("HEAD", path, headers={"range": "bytes=100-199"})
    assert (part_of_head.status_code, part_of_head.headers["content-length"]) == (200, str(len(data)))
    assert server.request("HEAD", f"/videos/{released['id']}").content == b""
    same = server.request("GET", path, headers={"if-none-match": f'"x", W/{head.headers["etag"]}'})
    assert (same.status_code, same.content) == (304, b"")
    changed = server.request("GET", path, headers={"range": "bytes=0-9", "if-range": '"another"'})
    assert (changed.status_code, len(changed.content)) == (200, len(data))


def test_the_release_can_be_checked_with_public_things_alone(
    server: Server, released: dict[str, Any]
) -> None:
    release_id = released["release"]["id"]
    record = server.request("GET", f"/releases/{release_id}", key=None).json()
    assert record == server.request("GET", f"/releases/{released['id']}", key=None).json()
    assert record["asset_digest"] == released["release"]["asset_digest"]
    assert not {"prompt", "tenant_id", "payload"} & set(record)
    proof = server.request("GET", f"/releases/{release_id}/proof", key=None)
    assert proof.headers["content-disposition"].endswith('.tlog-proof"')
    key = VerifyKey.parse(server.request("GET", "/log/key", key=None).text)
    leaf = json.loads(verify_proof(proof.text, None, key).leaf)
    assert record["asset_digest"] in json.dumps(leaf)


def test_a_verdict_with_a_key_and_without(server: Server, released: dict[str, Any], clip: Path) -> None:
    full = verified(server, clip)
    assert (full["verdict"], full["object"]) == ("generated_here", "verification")
    assert full["basis"] == ["registry", "watermark", "fingerprint"]
    assert full["releases"] == [released["release"]["id"]]
    mark = next(result for result in full["evidence"] if result["type"] == "watermark")
    assert mark["details"]["p_value"] < 1e-6
    assert full["credentials"]["state"] == "trusted"
    coarse = verified(server, clip, key=None)
    assert (coarse["verdict"], coarse["basis"]) == (full["verdict"], full["basis"])
    assert not [figure for figure in FIGURES if f'"{figure}"' in json.dumps(coarse)]
    assert set(coarse["summary"]) == {"en", "de"}
    assert list((server.data / "uploads").iterdir()) == []


def test_without_metadata_the_watermark_still_leads_home(
    server: Server, released: dict[str, Any], clip: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.mp4"
    strip_metadata(clip, bare)
    answer = verified(server, bare)
    assert (answer["verdict"], answer["basis"]) == ("generated_here", ["watermark", "fingerprint"])
    assert answer["releases"] == [released["release"]["id"]]
    assert answer["credentials"]["state"] == "absent"


def test_a_foreign_clip_is_inconclusive(server: Server, clip_360: Path) -> None:
    assert verified(server, clip_360)["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"", {"media_empty"}),
        (b"This is a text, whatever its name says.\n" * 50, {"media_unreadable"}),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", {"media_unreadable", "media_truncated"}),
    ],
)
def test_files_that_are_no_media(server: Server, content: bytes, codes: set[str]) -> None:
    started = time.monotonic()
    response = server.request("POST", "/verifications", files={"file": ("clip.mp4", content)})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] in codes
    assert time.monotonic() - started < 30
    assert list((server.data / "uploads").iterdir()) == []


def test_a_clip_cut_off_half_way_and_a_bomb(server: Server, clip_360: Path, tmp_path: Path) -> None:
    data = clip_360.read_bytes()
    bomb = zero_png(tmp_path / "bomb.png", 30_000, 30_000)
    for content, code in ((data[: len(data) // 2], "media_truncated"), (bomb.read_bytes(), "media_bomb")):
        response = server.request("POST", "/verifications", key=None, files={"file": ("clip.mp4", content)})
        assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert list((server.data / "uploads").iterdir()) == []


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def test_three_gigabytes_are_refused_when_they_are_announced(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Length: 3221225472\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        )
        answer = connection.makefile("rb").read(4096)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"upload_too_large" in answer


def test_three_gigabytes_without_announcement_are_refused_soon_and_cost_no_memory(server: Server) -> None:
    before, sent = resident(server.pid), 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        chunk = b"\0" * (1 << 20)
        while sent < 3 << 30:
            sent += len(chunk)
            yield chunk

    headers = {"content-type": "multipart/form-data; boundary=b"}
    try:
        response = server.request("POST", "/verifications", content=endless(), headers=headers)
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "upload_too_large"
    except httpx.WriteError:  # the server may hang up on a sender that does not listen
        pass
    assert sent < 200 << 20
    assert resident(server.pid) - before < 64 << 20
    assert list((server.data / "uploads").iterdir()) == []
    assert httpx.get(f"{server.url}/healthz", timeout=10).status_code == 200


def test_a_revoked_video_is_gone_and_says_so(server: Server, tmp_path: Path) -> None:
    video = server.request(
        "POST", "/videos", json={"prompt": "A harbour", "size": "640x360", "seconds": "2", "seed": 99}
    ).json()
    done = server.await_video(video["id"])
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(server.request("GET", f"/videos/{video['id']}/content").content)
    path = f"/releases/{done['release']['id']}/revoke"
    assert server.request("POST", path, json={}).json()["error"]["code"] == "missing_required_parameter"
    revoked = server.request("POST", path, json={"reason": "A mistake"}).json()
    assert revoked["revoked_at"]
    assert "A mistake" not in json.dumps(revoked)
    for variant in ("video", "thumbnail", "spritesheet"):
        gone = server.request("GET", f"/videos/{video['id']}/content?variant={variant}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "video_revoked")
    remix = server.request("POST", f"/videos/{video['id']}/remix", json={"prompt": "A harbour at night"})
    assert (remix.status_code, remix.json()["error"]["code"]) == (410, "video_revoked")
    answer = verified(server, clip, key=None)
    assert (answer["verdict"], answer["revoked"]) == ("generated_here", True)


def test_nothing_private_reaches_the_log_of_the_process(server: Server, released: dict[str, Any]) -> None:
    log = server.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any(line.get("route") == "/v1/videos" for line in lines)
    shown_once = json.dumps({"api_key": server.api_key})
    assert log.count(server.api_key) == 1 == log.count(shown_once)
    for text in ("A meadow in the wind", "A harbour", "A mistake"):
        assert text not in log
