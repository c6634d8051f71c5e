"""Writing to the Soft Binding Resolution API: a token of its own, manifests of other programs and their bindings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from guard.marks import ALGORITHM as MARK
from guard.store import Database, list_api_keys
from tests.manifest_stores import by_another_program
from tests.server import Server


def manifest(server: Server, name: str) -> httpx.Response:
    return server.request("GET", f"/manifests/{name}", key=None)


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """An access token for the writing scopes, got as a client of OAuth gets it."""
    return _token(server, "store:manifests store:bindings")


def _token(server: Server, scope: str) -> str:
    keys = server.request("GET", "/videos")  # the first key is the only one
    assert keys.status_code == 200
    answer = httpx.post(
        f"{server.base_url}/oauth2/token",
        data={"grant_type": "client_credentials", "scope": scope},
        auth=(_key_id(server), server.api_key),
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
    found: str = answer.json()["access_token"]
    return found


def _key_id(server: Server) -> str:
    database = Database(f"sqlite:///{server.data / 'guard.db'}")
    try:
        with database.read() as session:
            return list_api_keys(session)[0].id
    finally:
        database.close()


def test_a_manifest_of_somebody_elses_is_kept_found_and_taken_out(
    server: Server, token: str, tmp_path: Path
) -> None:
    content, name = by_another_program(tmp_path)
    c2pa_type = {"content-type": "application/c2pa"}
    stored = server.request(
        "POST", "/manifests?returnReceipt=true", key=token, content=content, headers=c2pa_type
    )
    assert stored.status_code == 200, stored.text
    assert stored.json()["manifestId"] == name
    receipt = stored.json()["receipt"]
    path = f"/manifests/{name}"
    assert server.request("POST", f"{path}/receipts", key=None, json=receipt).json()["verified"] is True
    assert manifest(server, name).content == content

    binding = {"bindingValue": "d2F0ZXJtYXJr", "manifestId": name}
    assert server.request("POST", "/bindings", key=token, json=binding).status_code == 204
    query = {"value": "d2F0ZXJtYXJr", "alg": "com.example.mark.1"}
    found = server.request("GET", "/matches/byBinding", key=None, params=query).json()
    assert found == {"matches": [{"manifestId": name}]}
    assert server.request("PUT", "/bindings", key=token, json=binding).status_code == 204
    # a value that our own algorithm could have is not answered by what tenants bring
    ours = server.request("GET", "/matches/byBinding", params={"value": "d2F0ZXJtYXJr", "alg": MARK}).json()
    assert ours == {"matches": []}

    assert server.request("DELETE", path, key=token).status_code == 204
    assert manifest(server, name).status_code == 404
    assert server.request("GET", "/matches/byBinding", params=query).json() == {"matches": []}
    assert server.request("DELETE", path, key=token).status_code == 404


def test_what_does_not_hold_is_not_kept(
    server: Server, token: str, released: dict[str, Any], tmp_path: Path
) -> None:
    content, _ = by_another_program(tmp_path)
    c2pa_type = {"content-type": "application/c2pa"}

    def refused(body: bytes, headers: dict[str, str] = c2pa_type) -> tuple[int, str]:
        answer = server.request("POST", "/manifests", key=token, content=body, headers=headers)
        return answer.status_code, answer.json()["error"]["code"]

    assert refused(b"no manifest at all") == (400, "manifest_malformed")
    assert refused(b"") == (400, "missing_file")
    assert refused(content, {"content-type": "image/png"}) == (415, "content_type_unsupported")
    altered = content.replace(b"A holiday", b"A Holiday", 1)
    assert altered != content
    assert refused(altered) == (400, "manifest_invalid")
    # a release's own manifest is known already, and cannot become a tenant's
    ours = server.request("GET", f"/releases/{released['id']}", key=None).json()["manifest_id"]
    assert refused(manifest(server, ours).content) == (409, "manifest_exists")
    removed = server.request("DELETE", f"/manifests/{ours}", key=token)
    assert (removed.status_code, removed.json()["error"]["code"]) == (403, "manifest_not_yours")


def test_tokens_are_for_what_they_say(server: Server, token: str) -> None:
    assert server.request("GET", "/videos", key=token).json()["error"]["code"] == "scope_missing"
    damaged = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert server.request("GET", "/videos", key=damaged).json()["error"]["code"] == "invalid_api_key"

    def asked(**form: str) -> tuple[int, str]:
        answer = httpx.post(f"{server.base_url}/oauth2/token", data=form)
        return answer.status_code, answer.json().get("error", "")

    credentials = {"client_id": _key_id(server), "client_secret": server.api_key}
    assert asked(grant_type="client_credentials", **credentials) == (200, "")
    assert asked(grant_type="password", **credentials) == (400, "unsupported_grant_type")
    assert asked(grant_type="client_credentials", **credentials, scope="everything") == (400, "invalid_scope")
    wrong = {**credentials, "client_secret": "gk_nobody"}
    assert asked(grant_type="client_credentials", **wrong) == (401, "invalid_client")
    of_token = {**credentials, "client_secret": token}
    assert asked(grant_type="client_credentials", **of_token) == (401, "invalid_client")
