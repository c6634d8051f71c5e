"""A real server in a process of its own, for tests that speak to it over a socket or kill it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """Starts at construction and is ready when the constructor returns.

    Args:
        data: data folder; the API key is kept beside it, so that a restart knows it.
        changes: to the settings of `tests.serve_stub`, JSON-able.
        command: something else to run, with ``{port}`` where the port goes.
        environment: further environment variables.
        wait: seconds until it must answer.
    """

    def __init__(
        self,
        data: Path,
        *,
        changes: dict[str, Any] | None = None,
        command: Sequence[str] | None = None,
        environment: dict[str, str] | None = None,
        wait: float = 120.0,
    ) -> None:
        self.data = data
        self.port = free_port()
        self._wait = wait
        self._environment = environment or {}
        stub = [sys.executable, "-m", "tests.serve_stub", str(data), "{port}", json.dumps(changes or {})]
        self._command = [part.replace("{port}", str(self.port)) for part in command or stub]
        self._process: subprocess.Popen[bytes] | None = None
        self.log = data.parent / f"{data.name}.log"
        self.api_key = ""
        self.start()

    @property
    def url(self) -> str:
        """Root of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client of the wire is given."""
        return f"{self.url}/v1"

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, or start again on the same data folder and port."""
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, **single, **self._environment},
            )
        self._await_ready()
        if not self.api_key:
            self.api_key = self._printed_key()

    def request(self, method: str, path: str, *, key: str | None = "", **more: Any) -> httpx.Response:
        """One raw request below ``/v1``; with the first key, another one, or (None) without one."""
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["authorization"] = f"Bearer {key or self.api_key}"
        return httpx.request(
            method, f"{self.base_url}{path}", headers=headers, timeout=more.pop("timeout", 120), **more
        )

    def await_video(self, video_id: str, *, timeout: float = 180.0) -> dict[str, Any]:
        """The video once it is completed, failed, held or stalled."""
        deadline = time.monotonic() + timeout
        while True:
            video: dict[str, Any] = self.request("GET", f"/videos/{video_id}").json()
            settled = (
                video.get("status") in ("completed", "failed") or "moderation" in video or "stalled" in video
            )
            if settled or ("error" in video and "status" not in video):
                return video
            assert time.monotonic() < deadline, f"still {video['status']} at {video['progress']} %"
            time.sleep(0.3)

    def kill(self) -> None:
        """End it without warning, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self._wait
        while time.monotonic() < deadline:
            assert self._process is not None
            assert self._process.poll() is None, f"the server ended:\n{self.log.read_text()[-4000:]}"
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"the server does not answer:\n{self.log.read_text()[-4000:]}")

    def _printed_key(self) -> str:
        found = re.search(r"gk_[\w-]{43}", self.log.read_text())
        return "" if found is None else found[0]
