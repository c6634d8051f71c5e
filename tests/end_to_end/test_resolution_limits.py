"""Files by reference, fetched only with leave and looked at in part where that is asked; a budget of files a day."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler
from typing import Any

import cv2
import httpx
import pytest

from guard.fingerprints import ALGORITHM as FINGERPRINT
from guard.marks import ALGORITHM as MARK
from tests import media
from tests.end_to_end.test_resolution import decoded, released, saved
from tests.https import Site, send, site
from tests.server import Server

STRANGE = 24
"""Pictures of somebody else's before ours."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return media.write_clip(path, media.scene(320, 192, 12, seed=8)).read_bytes()


@pytest.fixture(scope="module")
def files(clip: bytes) -> dict[str, bytes]:
    """What is found elsewhere, by path."""
    return {"/clip.mp4": clip}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> Iterator[Site]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(files[handler.path])(handler)

    with site(tmp_path_factory.mktemp("site"), answer) as found:
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
    film = {"referenceUrl": url, "assetLength": len(clip)}
    picture = by_reference(server, **film, assetType="image/png")
    assert (*refused(picture), picture.json()["error"]["param"]) == (400, "reference_mismatched", "assetType")
    asked = len(elsewhere.asked)
    circle = {"type": "spatial", "shape": {"kind": "circle", "unit": "pixel", "origin": {"x": 9, "y": 9}}}
    assert refused(by_reference(server, **film, region=[circle])) == (400, "region_unsupported")
    assert len(elsewhere.asked) == asked, "what is refused anyway is not fetched"
    late = {"type": "temporal", "time": {"start": "60"}}
    assert refused(by_reference(server, **film, region=[late])) == (400, "region_outside")
    assert list((server.data / "uploads").iterdir()) == []


@pytest.fixture(scope="module")
def ours(server: Server, files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A release; elsewhere, all of it stands after and within pictures of somebody else's."""
    folder = tmp_path_factory.mktemp("within")
    made = released(server, 51)
    files["/release.mp4"] = made["content"]
    frames = decoded(saved(folder / "release.mp4", made["content"]))
    height, width = frames[0].shape[:2]
    around = list(media.scene(2 * width, 2 * height, STRANGE + len(frames), seed=77))
    for number, frame in enumerate(frames, STRANGE):
        around[number][40 : 40 + height, 100 : 100 + width] = frame
    around = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in around]
    film = media.write_clip(folder / "within.mp4", around, fps=Fraction(12))
    files["/within.mp4"] = film.read_bytes()
    return made


def test_of_a_film_a_region_is_looked_at_and_nothing_else(
    server: Server, elsewhere: Site, files: dict[str, bytes], ours: dict[str, Any]
) -> None:
    film = {"referenceUrl": f"{elsewhere.url}/within.mp4", "assetLength": len(files["/within.mp4"])}

    def found(*region: dict[str, Any], **query: str) -> list[str]:
        body = {**film, "region": list(region)}
        answer = server.request("POST", "/matches/byReference", params=query, json=body)
        assert answer.status_code == 200, answer.text
        return [match["manifestId"] for match in answer.json()["matches"]]

    def rectangle(x: float, y: float, unit: str = "pixel") -> dict[str, Any]:
        width, height = (50, 50) if unit == "percent" else (320, 180)
        origin = {"x": x, "y": y}
        shape = {"kind": "rectangle", "unit": unit, "origin": origin, "width": width, "height": height}
        return {"type": "spatial", "shape": shape}

    here, there = rectangle(50, 20), rectangle(270, 160)
    late = {"type": "temporal", "time": {"start": str(STRANGE / 12)}}
    early = {"type": "temporal", "time": {"end": str(STRANGE / 12)}}
    frames = {"type": "frame", "frame": {"start": STRANGE}}
    assert found() == []
    assert found(late) == []
    for region in (
        [here],
        [here, late],
        [frames, here],
        [rectangle(100 * 50 / 640, 100 * 20 / 360, "percent")],
    ):
        assert found(*region, alg=FINGERPRINT) == [ours["manifest_id"]], region
    assert found(here, late, alg=MARK) == [ours["manifest_id"]]
    assert found(there) == []
    assert found(here, early) == []


def test_a_released_file_is_known_by_what_is_in_its_region_alone(
    server: Server, elsewhere: Site, files: dict[str, bytes], ours: dict[str, Any]
) -> None:
    film = {"referenceUrl": f"{elsewhere.url}/release.mp4", "assetLength": len(files["/release.mp4"])}
    whole = by_reference(server, **film).json()["matches"]
    assert [match["manifestId"] for match in whole] == [ours["manifest_id"]]
    corner = {
        "type": "spatial",
        "shape": {
            "kind": "rectangle",
            "unit": "pixel",
            "origin": {"x": 0, "y": 0},
            "width": 64,
            "height": 48,
        },
    }
    assert by_reference(server, **film, region=[corner]).json() == {"matches": []}


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
