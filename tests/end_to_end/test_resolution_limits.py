"""What bounds the resolution: files by reference only with leave, and a budget of files a day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import media
from tests.https import Site, send, site
from tests.server import Server


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return media.write_clip(path, media.scene(320, 192, 12, seed=8)).read_bytes()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, clip: bytes) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), send(clip)) as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, elsewhere: Site) -> Iterator[Server]:
    changes = {
        "resolution": {
            "by_reference": True,
            "reference_networks": ["127.0.0.1/32"],
            "reference_authorities": str(elsewhere.authority),
            "public_url": "https://guard.example/base/",
        },
        "rate": {"tenant": 0, "anonymous": 0, "tenant_files": 0, "anonymous_files": 2},
    }
    running = Server(tmp_path_factory.mktemp("limits") / "data", changes=changes)
    yield running
    running.stop()


def by_reference(server: Server, key: str | None = "", **body: Any) -> httpx.Response:
    return server.request("POST", "/matches/byReference", key=key, json=body)


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_file_is_fetched_examined_and_forgotten(server: Server, elsewhere: Site, clip: bytes) -> None:
    url = f"{elsewhere.url}/clip.mp4"
    answer = by_reference(server, referenceUrl=url, assetLength=len(clip), assetType="video/mp4")
    assert (answer.status_code, answer.json()) == (200, {"matches": []})
    assert elsewhere.asked == [(f"localhost:{elsewhere.port}", "/clip.mp4")]
    assert list((server.data / "uploads").iterdir()) == []
    assert refused(by_reference(server, referenceUrl=url, assetLength=7)) == (400, "reference_mismatched")
    assert refused(by_reference(server, referenceUrl=url)) == (400, "missing_required_parameter")
    assert refused(by_reference(server, referenceUrl=url, assetLength=7, region=[{}])) == (
        400,
        "region_unsupported",
    )
    assert list((server.data / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["https://169.254.169.254/latest/meta-data/", "https://[::ffff:10.0.0.1]/", "https://10.0.0.1:8443/"],
)
def test_our_own_network_is_refused(server: Server, url: str) -> None:
    assert refused(by_reference(server, referenceUrl=url, assetLength=10)) == (403, "reference_refused")


def test_plain_http_is_refused(server: Server) -> None:
    answer = by_reference(server, referenceUrl="http://example.com/clip.mp4", assetLength=10)
    assert refused(answer) == (400, "reference_invalid")


def test_strangers_have_a_budget_of_files_whatever_they_ask(server: Server, clip: bytes) -> None:
    video = {"content-type": "video/mp4"}

    def content(key: str | None = None) -> httpx.Response:
        return server.request("POST", "/matches/byContent", key=key, content=clip, headers=video)

    assert content().status_code == 200
    assert content().status_code == 200
    answer = content()
    assert refused(answer) == (429, "file_budget_exceeded")
    assert 0 < int(answer.headers["retry-after"]) <= 43_200  # half a day for one of two
    file = {"file": ("clip.mp4", clip)}
    for path in ("/verifications", "/content_provenance_checks"):
        assert refused(server.request("POST", path, key=None, files=file)) == (429, "file_budget_exceeded")
    page = httpx.post(f"{server.url}/verify", files=file, timeout=60)
    assert page.status_code == 429
    assert content("").status_code == 200  # who has a key has another


def test_what_is_no_file_is_refused(server: Server) -> None:
    for kind in ("application/json", "multipart/form-data; boundary=x", ""):
        answer = server.request(
            "POST", "/matches/byContent", content=b"{}", headers={"content-type": kind} if kind else {}
        )
        assert refused(answer) == (415, "content_type_unsupported")
    video = {"content-type": "video/mp4"}
    empty = server.request("POST", "/matches/byContent", content=b"", headers=video)
    assert refused(empty) == (400, "missing_file")
    text = server.request("POST", "/matches/byContent", content=b"no film" * 99, headers=video)
    assert refused(text) == (400, "media_unreadable")
    asked = {"alg": "com.example.other.1"}
    other = server.request("POST", "/matches/byContent", content=b"x", headers=video, params=asked)
    assert refused(other) == (400, "algorithm_unsupported")


def test_the_address_that_is_told_is_the_operators(server: Server) -> None:
    known = httpx.get(f"{server.url}/.well-known/c2pa-soft-binding-resolution").json()
    assert known["apiEndpoint"] == "https://guard.example/base/v1"
    capabilities = server.request("GET", "/services/capabilities", key=None).json()
    assert "queryByReference" in capabilities["supportedCapabilities"]
