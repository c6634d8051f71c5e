"""Credentials in child processes and threads: no context may cross a fork."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guard.credentials import Identity, ManifestSpec, Trust, read, sign


def state(path: str, trust: str) -> str:
    return read(Path(path), Trust.model_validate_json(trust)).state


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_child_reads_after_its_parent_did(method: str, signed: Path, trust: Trust) -> None:
    assert read(signed, trust).state == "trusted"
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        arguments = [(str(signed), trust.model_dump_json())] * 4
        assert pool.starmap_async(state, arguments).get(60) == ["trusted"] * 4


def test_importing_makes_no_context_and_opens_no_socket(signed: Path, keys: Path) -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from pathlib import Path\n"
        "from guard.credentials import Trust, context, read\n"
        "assert not context._contexts\n"
        "print(read(Path(sys.argv[1]), Trust.from_files([Path(sys.argv[2])])).state)\n"
        "assert not any(name.split('.')[0] in ('sqlalchemy', 'fastapi', 'torch') for name in sys.modules)\n"
    )
    arguments = [sys.executable, "-c", program, str(signed), str(keys / "ca.pem")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        arguments, capture_output=True, text=True, timeout=60, env=environment, check=True
    )
    assert answer.stdout.strip() == "trusted"


def test_threads_share_contexts(
    clip: Path, spec: ManifestSpec, identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    def once(number: int) -> tuple[str, bool]:
        out = tmp_path / f"{number}.mp4"
        result = sign(clip, out, spec, identity)
        report = read(out, trust)
        return report.state, report.manifest_id == result.manifest_id

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(once, range(32))) == {("trusted", True)}
