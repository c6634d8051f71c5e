"""The repository of manifests: what is kept, given back, refused, and left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard import credentials, manifests
from guard.store.models import manifest_key
from tests.integration.api.conftest import Api
from tests.manifest_stores import from_a_picture

C2PA = {"content-type": "application/c2pa"}


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> credentials.Signed:
    return from_a_picture(tmp_path_factory.mktemp("signed"))


@pytest.fixture
def kept(api: Api, signed: credentials.Signed) -> Iterator[str]:
    """Stored by the default tenant, and taken out at the end."""
    answer = api("POST", "/v1/manifests", content=signed.manifest, headers=C2PA)
    assert answer.json() == {"manifestId": signed.manifest_id}
    yield signed.manifest_id
    api("DELETE", f"/v1/manifests/{signed.manifest_id}")


def stored(api: Api) -> list[str]:
    root: Path = api.state.installation.paths.data / "objects"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.c2pa"))


def with_its_ingredient_twice(store: bytes) -> bytes:
    """Other bytes that say the same, under the same identifier."""
    described = 8 + int.from_bytes(store[8:12])
    ingredient = store[described : described + int.from_bytes(store[described : described + 4])]
    inner = store[8:described] + ingredient + store[described:]
    return (8 + len(inner)).to_bytes(4) + b"jumb" + inner


def test_all_of_it_or_the_active_manifest_is_given_back(
    api: Api, signed: credentials.Signed, kept: str
) -> None:
    whole = api("GET", f"/v1/manifests/{kept}", key=None)
    assert (whole.content, whole.headers["content-type"]) == (signed.manifest, "application/c2pa")
    active = api("GET", f"/v1/manifests/{kept}?returnActiveManifest=true", key=None).content
    assert active == manifests.only_active(signed.manifest) != signed.manifest
    assert api("HEAD", f"/v1/manifests/{kept}", key=None).status_code == 200
    assert api.error("GET", f"/v1/manifests/{kept}?returnActiveManifest=perhaps", key=None)[0] == 400


def test_a_refused_manifest_leaves_nothing_and_takes_nothing(
    api: Api, signed: credentials.Signed, kept: str, new_key: Callable[..., str]
) -> None:
    other = new_key("store:manifests", "store:bindings", tenant="other")
    before = stored(api)
    assert before == [manifest_key(signed.manifest_digest)]
    for content in (signed.manifest, with_its_ingredient_twice(signed.manifest)):
        refused = api.error("POST", "/v1/manifests", key=other, content=content, headers=C2PA)
        assert refused == (409, "manifest_exists")
        assert stored(api) == before
    alone = manifests.only_active(signed.manifest)  # whose ingredient's manifest is missing
    refused = api.error("POST", "/v1/manifests", key=other, content=alone, headers=C2PA)
    assert refused == (400, "manifest_invalid")
    assert api.error("DELETE", f"/v1/manifests/{kept}", key=other) == (403, "manifest_not_yours")
    binding = {"bindingValue": "abc", "manifestId": kept}
    assert api.error("POST", "/v1/bindings", key=other, json=binding) == (403, "manifest_not_yours")
    again = api("POST", "/v1/manifests", content=signed.manifest, headers=C2PA)
    assert again.json() == {"manifestId": kept}


def test_what_is_taken_out_is_gone(api: Api, signed: credentials.Signed, kept: str) -> None:
    assert api("DELETE", f"/v1/manifests/{kept}").status_code == 204
    assert stored(api) == []
    for path in (f"/v1/manifests/{kept}", f"/v1/manifests/{kept}/receipts", "/v1/manifests/urn:c2pa:x%0Ay"):
        assert api.error("GET", path, key=None) == (404, "not_found")


def test_an_altered_object_is_not_given_out(api: Api, signed: credentials.Signed, kept: str) -> None:
    path = api.state.installation.paths.data / "objects" / manifest_key(signed.manifest_digest)
    path.write_bytes(signed.manifest[:-1] + b"X")
    try:
        assert api.error("GET", f"/v1/manifests/{kept}", key=None) == (500, "object_altered")
    finally:
        path.write_bytes(signed.manifest)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"bindingValue": "", "manifestId": "urn:c2pa:x"}, (400, "invalid_value")),
        ({"bindingValue": "abc"}, (400, "missing_required_parameter")),
        ({"bindingValue": "abc", "manifestId": "urn:c2pa:x", "alg": "x"}, (400, "unknown_parameter")),
        ({"bindingValue": "a" * 1025, "manifestId": "urn:c2pa:x"}, (400, "value_too_long")),
        ({"bindingValue": "abc", "manifestId": "urn:c2pa:x"}, (404, "not_found")),
    ],
)
def test_bindings_are_checked(api: Api, body: dict[str, str], expected: tuple[int, str]) -> None:
    for method in ("POST", "PUT"):
        assert api.error(method, "/v1/bindings", json=body) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("value=%21%21&alg=io.github.generation-guard.lattice.1", (400, "binding_malformed")),
        ("value=AAAA&alg=io.github.generation-guard.vpdq.1", (400, "binding_malformed")),
        ("value=AAAA", (400, "invalid_value")),
        ("value=AAAA&alg=x&maxResults=0", (400, "invalid_value")),
        ("value=AAAA&alg=x&maxResults=101", (400, "invalid_value")),
        (f"value={'A' * 2001}&alg=x", (414, "uri_too_long")),
    ],
)
def test_queries_are_checked(api: Api, query: str, expected: tuple[int, str]) -> None:
    assert api.error("GET", f"/v1/matches/byBinding?{query}", key=None) == expected


@pytest.mark.parametrize(
    "receipt",
    [
        {},
        {"anchor": "x"},
        {"anchor": {"proof": 5}},
        {"anchor": {"proof": "no proof"}, "repository": {"manifestId": "MINE"}},
        {"anchor": {"proof": "no proof"}, "repository": {"manifestId": "urn:c2pa:another"}},
    ],
)
def test_what_is_no_receipt_is_not_verified(api: Api, kept: str, receipt: dict[str, object]) -> None:
    path = f"/v1/manifests/{kept}/receipts"
    assert api.error("POST", path, key=None, json=receipt) == (400, "invalid_value")
    if receipt.get("repository") == {"manifestId": "MINE"}:
        receipt = {**receipt, "repository": {"manifestId": kept}}
    answer = api("POST", path, key=None, json={**receipt, "@type": "org.c2pa.manifest-receipt"}).json()
    assert answer["verified"] is False
    assert answer["error"]
