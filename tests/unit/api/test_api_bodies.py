"""Forms and JSON through a small application over the real parser and the real middleware."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from guard.api import errors, forms
from guard.api.errors import ApiError
from guard.api.forms import Body, nest, read_body
from guard.api.metrics import Metrics
from guard.api.middleware import RequestEnvelope

MOST = 1024 * 1024
BOUNDARY = "form"
HEADERS = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    app = FastAPI()
    app.add_middleware(RequestEnvelope, metrics=Metrics())
    errors.install(app)

    @app.post("/")
    async def take(request: Request) -> dict[str, Any]:
        async with read_body(
            request, tmp_path, file_field="file", max_file_bytes=MOST, max_seconds=2
        ) as body:
            found = None if body.file is None else body.file.path.read_bytes()
            mode = None if body.file is None else body.file.path.stat().st_mode & 0o777
            return {
                "values": body.values,
                "size": found and len(found),
                "sum": found and sum(found),
                "mode": mode,
            }

    return app


def post(app: FastAPI, **more: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/", **more)

    return asyncio.run(send())


def part(name: str, content: bytes, *, filename: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    return f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def code(response: httpx.Response) -> tuple[int, str]:
    assert set(response.json()["error"]) >= {"message", "type", "param", "code"}
    return response.status_code, response.json()["error"]["code"]


def test_bracket_keys_of_a_form_become_objects_and_lists(app: FastAPI) -> None:
    content = form(
        part("prompt", "ein Häschen".encode()),
        part("metadata[a][b]", b"1"),
        part("metadata[c]", b"2"),
        part("image[]", b"x"),
        part("twice", b"1"),
        part("twice", b"2"),
    )
    values = post(app, content=content, headers=HEADERS).json()["values"]
    assert values == {
        "prompt": "ein Häschen",
        "metadata": {"a": {"b": "1"}, "c": "2"},
        "image": ["x"],
        "twice": ["1", "2"],
    }


def test_form_and_json_of_the_same_content_have_the_same_digest() -> None:
    sent = Body(nest([("prompt", "a"), ("metadata[k]", "v")]), None)
    assert sent.digest() == Body({"metadata": {"k": "v"}, "prompt": "a"}, None).digest()
    assert sent.digest() != Body({"metadata": {"k": "w"}, "prompt": "a"}, None).digest()


@pytest.mark.parametrize("name", ["", "[a]", "a[b", "a]b", "a[][b]", "a[b][c][d][e]"])
def test_names_that_cannot_be_read_are_refused(name: str) -> None:
    with pytest.raises(ApiError) as caught:
        nest([(name, "x")])
    assert caught.value.code == "invalid_field"


@pytest.mark.parametrize("pair", [("a", "a[b]"), ("a[b]", "a"), ("a[b]", "a[b][c]"), ("a[]", "a[b]")])
def test_names_that_contradict_each_other_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ApiError) as caught:
        nest([(name, "x") for name in pair])
    assert caught.value.code == "invalid_field"


def test_a_file_goes_to_disk_privately_and_is_gone_afterwards(app: FastAPI, tmp_path: Path) -> None:
    data = bytes(range(256)) * 3000
    content = form(part("file", data, filename="../../x.mp4"), part("note", b"n"))
    answer = post(app, content=content, headers=HEADERS).json()
    assert answer == {"values": {"note": "n"}, "size": len(data), "sum": sum(data), "mode": 0o600}
    assert list(tmp_path.iterdir()) == []


async def endless(total: int, read: list[int]) -> AsyncIterator[bytes]:
    yield part("file", b"", filename="x")[:-2]
    chunk = b"\0" * 65536
    for _ in range(total // len(chunk)):
        read[0] += len(chunk)
        yield chunk


def test_a_stream_is_refused_as_soon_as_it_passes_the_limit(app: FastAPI, tmp_path: Path) -> None:
    read = [0]
    tracemalloc.start()
    response = post(app, content=endless(3 * 1024**3, read), headers=HEADERS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert code(response) == (413, "upload_too_large")
    # What the middleware reads on, so that the client gets the answer, is bounded too.
    assert read[0] < 40 * 1024**2
    assert peak < 16 * 1024**2
    assert list(tmp_path.iterdir()) == []


def test_a_declared_length_is_refused_before_anything_is_read(app: FastAPI, tmp_path: Path) -> None:
    read = [0]
    headers = {**HEADERS, "content-length": str(3 * 1024**3), "expect": "100-continue"}
    response = post(app, content=endless(1024**2, read), headers=headers)
    assert code(response) == (413, "upload_too_large")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", (400, "invalid_multipart")),
        (b"no form at all", (400, "invalid_multipart")),
        (part("file", b"data", filename="x"), (400, "invalid_multipart")),
        (form(part("", b"x")), (400, "invalid_multipart")),
        (form(part("a", b"\xff\xfe")), (400, "invalid_multipart")),
        (form(part("other", b"x", filename="x")), (400, "unexpected_file")),
        (form(part("file", b"x", filename="x"), part("file", b"y", filename="y")), (400, "unexpected_file")),
        (form(part("a", b"x" * (300 * 1024))), (413, "field_too_large")),
        (form(*(part(f"a{i}", b"") for i in range(65))), (400, "too_many_fields")),
        (form(part("file", b"x" * (MOST + 1), filename="x")), (413, "upload_too_large")),
    ],
)
def test_bad_forms(app: FastAPI, tmp_path: Path, content: bytes, expected: tuple[int, str]) -> None:
    assert code(post(app, content=content, headers=HEADERS)) == expected
    assert list(tmp_path.iterdir()) == []


def test_a_form_without_boundary(app: FastAPI) -> None:
    headers = {"content-type": "multipart/form-data"}
    assert code(post(app, content=form(), headers=headers)) == (400, "invalid_multipart")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", (400, "invalid_json")),
        (b"[1]", (400, "invalid_json")),
        (b"[" * 100_000, (400, "invalid_json")),
        (b"\xff", (400, "invalid_json")),
        (b'"' + b"x" * (5 * 1024**2) + b'"', (413, "body_too_large")),
        (b'{"a":[' + b"[]," * 130_000 + b"[]]}", (400, "too_many_values")),
        (b"{" * 260_000, (400, "too_many_values")),
    ],
)
def test_bad_json(app: FastAPI, content: bytes, expected: tuple[int, str]) -> None:
    assert code(post(app, content=content, headers={"content-type": "application/json"})) == expected


def test_other_content_types(app: FastAPI) -> None:
    assert code(post(app, content=b"x", headers={"content-type": "text/plain"})) == (
        415,
        "content_type_unsupported",
    )


def test_a_client_that_stops_sending_is_given_up(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "CHUNK_SECONDS", 0.05)

    async def stalled() -> AsyncIterator[bytes]:
        yield part("a", b"x")
        await asyncio.sleep(1)
        yield b""

    assert code(post(app, content=stalled(), headers=HEADERS)) == (408, "upload_stalled")


def test_a_trickle_is_given_up_and_a_slow_line_is_not(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "CHUNK_SECONDS", 0.4)
    monkeypatch.setattr(forms, "SLOWEST", 1000)
    whole = form(part("a", b"x" * 2000))

    async def sent(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(whole), size):
            yield whole[start : start + size]
            await asyncio.sleep(0.1)

    assert code(post(app, content=sent(10), headers=HEADERS)) == (408, "upload_stalled")
    assert post(app, content=sent(200), headers=HEADERS).status_code == 200


def test_an_upload_that_takes_for_ever_is_given_up_at_any_pace(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "SLOWEST", 1)

    async def steady() -> AsyncIterator[bytes]:
        yield part("file", b"", filename="x")[:-2]
        for _ in range(100):
            await asyncio.sleep(0.05)
            yield b"x" * 1000

    begun = time.monotonic()
    assert code(post(app, content=steady(), headers=HEADERS)) == (408, "upload_stalled")
    assert time.monotonic() - begun < 4
