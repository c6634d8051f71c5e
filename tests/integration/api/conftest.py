"""The whole application in this process, over a real data folder that another process is said to work in."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from guard.api.state import State
from guard.app import create_app
from guard.bootstrap import first_key
from guard.pipeline.jobs import utc_now
from guard.store import tenants
from tests.serve_stub import open_stubbed, stub_settings


@dataclass
class Api:
    """The application, and a key with every scope."""

    client: TestClient
    key: str

    @property
    def state(self) -> State:
        found: State = self.client.app.state.guard  # type: ignore[attr-defined]
        return found

    def __call__(self, method: str, path: str, *, key: str | None = "", **more: Any) -> Response:
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["authorization"] = f"Bearer {key or self.key}".encode()
        return self.client.request(method, path, headers=headers, **more)

    def error(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        response = self(method, path, **more)
        assert set(response.json()["error"]) >= {"message", "type", "param", "code"}
        return response.status_code, response.json()["error"]["code"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    data = tmp_path_factory.mktemp("api") / "data"
    data.mkdir()
    # Nothing here needs a finished clip; whoever holds the lock would be the one to make it.
    with (data / "worker.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with TestClient(create_app(stub_settings(data), opener=open_stubbed)) as client:
            installation = client.app.state.guard.installation  # type: ignore[attr-defined]
            key = first_key(installation)
            assert key is not None
            yield Api(client, key)


@pytest.fixture(scope="module")
def new_key(api: Api) -> Callable[..., str]:
    """Makes keys: ``new_key("videos", tenant="other")``; without a tenant, of the default one."""

    def make(*scopes: str, tenant: str = "default") -> str:
        with api.state.services.database.write() as session:
            found = tenants.find_tenant(session, tenant) or tenants.create_tenant(
                session, tenant, now=utc_now()
            )
            _, secret = tenants.create_api_key(session, found.id, name="test", scopes=scopes, now=utc_now())
            return secret

    return make
