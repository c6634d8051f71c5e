"""The whole application in this process, over a real data folder that another process is said to work in."""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from guard.api.state import State
from guard.app import create_app
from guard.bootstrap import first_key
from guard.fingerprints import FrameHash
from guard.pipeline.jobs import utc_now
from guard.store import NewRelease, Release, find_release, record_release, sign_log, start_video, tenants
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


def release(api: Api, video_id: str, content: bytes) -> Release:
    """Release a job as it stands, with a file of this content."""
    services, digest = api.state.services, "sha256:" + "ab" * 32
    new = NewRelease(
        asset_digest=f"sha256:{hashlib.sha256(content).hexdigest()}", size=len(content),
        manifest_id=f"urn:c2pa:{video_id}", manifest_digest=digest, mark_algorithm="lattice", mark_preset="robust",
        mark_key_id="mark-1", model_name="m", model_revision="1", model_digest=digest, policy_digest=digest,
    )  # fmt: skip
    with services.database.write() as session:
        start_video(session, video_id)
        record_release(session, video_id, new, [FrameHash(0.0, "ab" * 32, 100)], now=utc_now())
        sign_log(session, services.log, now=utc_now())
    with services.database.read() as session:
        made = find_release(session, video_id=video_id)
    assert made is not None
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        services.objects.put(made.object_key, Path(file.name))
    return made


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
