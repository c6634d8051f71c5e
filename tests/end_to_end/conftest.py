"""One real server for the tests that only talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with generated pictures instead of a model; see `tests.serve_stub`."""
    server = Server(tmp_path_factory.mktemp("server") / "data")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def released(server: Server) -> dict[str, object]:
    """A completed video of that server, 640x360, two seconds."""
    video = server.request(
        "POST",
        "/videos",
        json={"prompt": "A meadow in the wind", "size": "640x360", "seconds": "2", "seed": 5},
    ).json()
    done = server.await_video(video["id"])
    assert done["status"] == "completed", done
    return done
