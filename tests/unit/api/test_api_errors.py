"""Everything that can go wrong leaves in the wire's shape, and nothing of it tells more than it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from fastapi.testclient import TestClient

from generator import GeneratorError
from guard.api import errors
from guard.api.errors import ApiError
from guard.api.metrics import Metrics
from guard.api.middleware import RequestEnvelope
from guard.media import MediaError
from guard.pipeline.errors import PipelineError
from guard.store import StoreError
from policies import PromptError

SECRET = "zebra-marker"
RAISED: dict[str, Exception] = {
    "crash": RuntimeError(SECRET),
    "value": ValueError(SECRET),
    "api": ApiError(402, "some_code", "Some message.", param="field", headers={"x-extra": "1"}),
    "missing": StoreError("not_found", "There is no such thing."),
    "database": StoreError("database_unavailable", "Try again."),
    "prompt": PromptError("prompt_empty", "Empty."),
    "model": PipelineError("model_not_found", "No such model.", param="model"),
    "media": MediaError("media_truncated", "Cut off."),
    "weights": GeneratorError("weights_missing", "Install the weights."),
    "busy": PipelineError("video_in_progress", "Wait."),
}


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(scope="module")
def client(metrics: Metrics) -> Iterator[TestClient]:
    app = FastAPI()
    app.add_middleware(RequestEnvelope, metrics=metrics)
    errors.install(app)

    @app.get("/raise/{name}")
    def fail(name: str, limit: Annotated[int, Query(le=5)] = 1) -> None:
        raise RAISED[name]

    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "kind", "code", "param"),
    [
        ("/raise/crash", 500, "server_error", "internal_error", None),
        ("/raise/value", 500, "server_error", "internal_error", None),
        ("/raise/api", 402, "invalid_request_error", "some_code", "field"),
        ("/raise/missing", 404, "not_found_error", "not_found", None),
        ("/raise/database", 503, "server_error", "database_unavailable", None),
        ("/raise/prompt", 400, "invalid_request_error", "prompt_empty", "prompt"),
        ("/raise/model", 400, "invalid_request_error", "model_not_found", "model"),
        ("/raise/media", 400, "invalid_request_error", "media_truncated", None),
        ("/raise/weights", 500, "server_error", "weights_missing", None),
        ("/raise/busy", 409, "conflict_error", "video_in_progress", None),
        ("/raise/api?limit=9", 400, "invalid_request_error", "invalid_value", "limit"),
        ("/raise/api?limit=zebra-marker", 400, "invalid_request_error", "invalid_value", "limit"),
        ("/nowhere", 404, "not_found_error", "not_found", None),
    ],
)
def test_shape(
    client: TestClient,
    capfd: pytest.CaptureFixture[str],
    path: str,
    status: int,
    kind: str,
    code: str,
    param: str | None,
) -> None:
    response = client.get(path)
    error = response.json()["error"]
    assert response.status_code == status
    assert (error["type"], error["code"], error["param"]) == (kind, code, param)
    assert error["message"]
    assert response.headers["x-request-id"].startswith("req_")
    assert int(response.headers["openai-processing-ms"]) >= 0
    captured = capfd.readouterr()
    assert SECRET not in response.text + captured.out + captured.err


def test_a_method_that_is_not_there(client: TestClient) -> None:
    response = client.post("/raise/api")
    assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET"


def test_headers_that_tell_clients_whether_to_try_again(client: TestClient) -> None:
    assert client.get("/raise/database").headers["retry-after"] == "5"
    assert client.get("/raise/busy").headers["x-should-retry"] == "false"
    assert client.get("/raise/api").headers["x-extra"] == "1"


def test_metrics_count_by_route_and_never_by_path(client: TestClient, metrics: Metrics) -> None:
    client.get(f"/{SECRET}")
    client.get("/raise/missing")
    text = metrics.text().decode()
    assert SECRET not in text
    assert 'guard_requests_total{method="GET",route="/raise/{name}",status="404"}' in text
    assert 'route="unmatched",status="404"' in text
