from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from guard.api.limits import RateLimiter
from guard.bootstrap import SCOPES
from guard.installation import Installation
from guard.pipeline.jobs import utc_now
from guard.store import tenants
from tests.integration.api.conftest import Api

ROUTES = [
    ("GET", "/v1/videos", "videos"),
    ("POST", "/v1/videos", "videos"),
    ("POST", "/v1/videos/edits", "videos"),
    ("POST", "/v1/moderations", "moderations"),
    ("GET", "/v1/reviews", "reviews"),
    ("POST", "/v1/reviews/review_01m84rgfqn6f4eh2hkyyz0sd80/approve", "reviews"),
    ("POST", "/v1/releases/release_01m84rgfqn6f4eh2hkyyz0sd80/revoke", "admin"),
    ("POST", "/v1/manifests", "store:manifests"),
    ("DELETE", "/v1/manifests/urn:c2pa:none", "store:manifests"),
    ("POST", "/v1/bindings", "store:bindings"),
    ("PUT", "/v1/bindings", "store:bindings"),
]
OPTIONAL = [("POST", "/v1/verifications"), ("POST", "/v1/content_provenance_checks")]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_a_route_wants_a_key_and_its_scope(
    api: Api, new_key: Callable[..., str], method: str, path: str, scope: str
) -> None:
    assert api.error(method, path, key=None) == (401, "missing_api_key")
    assert api.error(method, path, key="gk_nobody") == (401, "invalid_api_key")
    assert api.error(method, path, key="gk_Schlüssel") == (401, "invalid_api_key")
    others = {*SCOPES} - {scope}
    assert api.error(method, path, key=new_key(*others)) == (403, "scope_missing")
    assert api(method, path, key=new_key(scope)).status_code not in (401, 403)


@pytest.mark.parametrize(("method", "path"), OPTIONAL)
def test_verification_needs_no_key_and_takes_no_wrong_one(
    api: Api, new_key: Callable[..., str], method: str, path: str
) -> None:
    assert api.error(method, path, key=None, files={"x": (None, "y")}) == (400, "missing_required_parameter")
    assert api.error(method, path, key="gk_nobody") == (401, "invalid_api_key")
    assert api.error(method, path, key=new_key("videos")) == (403, "scope_missing")


@pytest.mark.parametrize("path", ["/v1/matches/byBinding?value=AAAA&alg=x", "/v1/manifests/urn:c2pa:none"])
def test_resolution_needs_no_key_and_takes_no_wrong_one(
    api: Api, new_key: Callable[..., str], path: str
) -> None:
    answers = [api("GET", path, key=key).status_code for key in (None, new_key("fetch:manifests"))]
    assert answers in ([200, 200], [404, 404])
    assert api.error("GET", path, key="gk_nobody") == (401, "invalid_api_key")
    assert api.error("GET", path, key=new_key("videos")) == (403, "scope_missing")


def test_a_token_ends_with_its_key(api: Api, new_key: Callable[..., str]) -> None:
    key = new_key("videos", "moderations")
    with api.state.services.database.read() as session:
        row = tenants.authenticate(session, key)
    assert row is not None
    form = {"grant_type": "client_credentials", "client_id": row.id, "client_secret": key, "scope": "videos"}
    token = api("POST", "/v1/oauth2/token", key=None, data=form).json()["access_token"]
    assert api("GET", "/v1/videos", key=token).status_code == 200
    assert api.error("POST", "/v1/moderations", key=token, json={"input": "x"}) == (403, "scope_missing")
    with api.state.services.database.write() as session:
        tenants.revoke_api_key(session, row.id, now=utc_now())
    assert api.error("GET", "/v1/videos", key=token) == (401, "invalid_api_key")
    assert api("POST", "/v1/oauth2/token", key=None, data=form).json()["error"] == "invalid_client"


def test_a_revoked_key_opens_nothing(api: Api, new_key: Callable[..., str]) -> None:
    key = new_key("videos")
    assert api("GET", "/v1/videos", key=key).status_code == 200
    with api.state.services.database.write() as session:
        row = tenants.authenticate(session, key)
        assert row is not None
        assert row.last_used is not None
        tenants.revoke_api_key(session, row.id, now=utc_now())
    assert api.error("GET", "/v1/videos", key=key) == (401, "invalid_api_key")


def test_the_answer_says_how_to_authenticate(api: Api) -> None:
    response = api("GET", "/v1/videos", key=None)
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["type"] == "authentication_error"


def test_rates_are_kept_per_tenant_and_per_address(
    api: Api, new_key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    installation: Installation = api.state.installation
    rate = installation.settings.rate.model_copy(update={"tenant": 3, "anonymous": 1})
    settings = installation.settings.model_copy(update={"rate": rate})
    monkeypatch.setattr(api.state, "installation", dataclasses.replace(installation, settings=settings))
    key, other = new_key("videos", tenant="busy"), new_key("videos", tenant="calm")
    statuses = [api("POST", "/v1/videos/edits", key=key).status_code for _ in range(4)]
    assert statuses == [400, 400, 400, 429]
    refused = api("POST", "/v1/videos/edits", key=key)
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert 0 < int(refused.headers["retry-after"]) <= 20
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert api("POST", "/v1/videos/edits", key=other).status_code == 400
    anonymous = [api("POST", "/v1/verifications", key=None).status_code for _ in range(2)]
    assert anonymous == [400, 429]
    token = api("POST", "/v1/oauth2/token", key=None)
    assert (token.status_code, token.json()["error"]) == (429, "temporarily_unavailable"), "as OAuth has it"
    assert int(token.headers["retry-after"]) > 0


def test_wrong_keys_are_counted_against_their_address(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    installation: Installation = api.state.installation
    rate = installation.settings.rate.model_copy(update={"anonymous": 2})
    settings = installation.settings.model_copy(update={"rate": rate})
    monkeypatch.setattr(api.state, "installation", dataclasses.replace(installation, settings=settings))
    monkeypatch.setattr(api.state, "limiter", RateLimiter())
    statuses = [api("POST", "/v1/verifications", key="gk_nobody").status_code for _ in range(3)]
    assert statuses == [401, 401, 429]
    assert api("GET", "/v1/videos").status_code == 200
