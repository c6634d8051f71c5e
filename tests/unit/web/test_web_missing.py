"""Unknown addresses: a page for browsers, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from guard.app import create_app
from guard.settings import Settings

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Of a service that has not opened its data folder: none of it is needed here."""
    client = TestClient(create_app(Settings(data=tmp_path / "data")))
    yield client
    client.close()


@pytest.mark.parametrize(
    ("language", "title"), [("en", "There is no such page"), ("de", "Diese Seite gibt es nicht")]
)
@pytest.mark.parametrize("path", ["/nope", "/verify/nope", "/%22%3E%3Cscript%3Ealert(1)", "//example.org/"])
def test_a_browser_gets_a_page_that_leads_home(
    client: TestClient, path: str, language: str, title: str
) -> None:
    answer = client.get(f"http://testserver{path}", headers={"accept": BROWSER, "accept-language": language})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert f"<h1>{title}</h1>" in answer.text
    assert f'<a class="button" href="/?lang={language}">' in answer.text
    assert "nope" not in answer.text
    assert "alert" not in answer.text
    assert "example.org" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "accept", "code"),
    [
        ("GET", "/nope", "*/*", "not_found"),
        ("GET", "/nope", "application/json", "not_found"),
        ("GET", "/v1/nope", BROWSER, "not_found"),
        ("POST", "/nope", BROWSER, "not_found"),
        ("PUT", "/verify", BROWSER, "method_not_allowed"),
    ],
)
def test_programs_get_json(client: TestClient, method: str, path: str, accept: str, code: str) -> None:
    answer = client.request(method, path, headers={"accept": accept})
    assert answer.json()["error"]["code"] == code
