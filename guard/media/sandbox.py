"""Calling a function in a fresh, restricted process: the only place where untrusted files are opened.

The child is a new interpreter (spawned, never forked from this process's threads) with a clean environment,
its own session, limits on memory, time and output, and what `guard.media.confine` takes away. A crash, a hang
or a bomb costs that child alone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from guard.media.errors import SandboxError
from guard.media.pipes import Spoken, converse

JsonValue = Any
"""What `json` can write: None, bool, int, float, str, list, dict with str keys."""

_MIB = 2**20
_PASSED = ("LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Limits:
    """What one call may use.

    Attributes:
        seconds: wall clock; the child is killed after that.
        cpu_seconds: processor time over all threads.
        memory_bytes: address space, which is always more than the memory really used.
        file_bytes: largest file that may be written.
        open_files: open files.
        output_bytes: longest answer.
    """

    seconds: float = 60.0
    cpu_seconds: float = 120.0
    memory_bytes: int = 3 * 1024 * _MIB
    file_bytes: int = 256 * _MIB
    open_files: int = 128
    output_bytes: int = 8 * _MIB


def call(
    target: str,
    arguments: JsonValue,
    *,
    limits: Limits | None = None,
    readable: Sequence[str | Path] = (),
    writable: Sequence[str | Path] = (),
    secrets: Mapping[str, str] | None = None,
) -> JsonValue:
    """Call ``target(arguments)`` in a fresh restricted process and return its answer.

    The child may open our code, the `readable` and `writable` paths and a scratch folder (its working folder
    and ``TMPDIR``), which is deleted afterwards. Blocks the calling thread; call it from a worker thread.

    Args:
        target: ``module:function``; imported in the child, after it was restricted.
        arguments: the function's only positional argument.
        limits: defaults suit one upload.
        readable: files or folders.
        writable: files or folders that may also be written.
        secrets: handed over as keyword argument ``secrets`` through a pipe, never through arguments or
            environment.

    Raises:
        SandboxError: with the code of the error that the function raised, or ``media_timeout``,
            ``media_bomb``, ``media_crashed``.
    """
    limits = limits or Limits()
    scratch = tempfile.mkdtemp(prefix="guard-")
    try:
        request = {
            "target": target,
            "arguments": arguments,
            "secrets": None if secrets is None else dict(secrets),
            "limits": asdict(limits),
            "readable": [str(Path(path).absolute()) for path in readable],
            "writable": [str(Path(path).absolute()) for path in [*writable, scratch]],
            "parent": os.getpid(),
        }
        answer = _ask(json.dumps(request).encode(), limits, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if "error" in answer:
        raise SandboxError(str(answer["error"]), str(answer["message"]))
    return answer["value"]


@cache
def status() -> dict[str, Any]:
    """Which protections hold in a child on this machine, asked of a real one; see `confine.Protections`."""
    found: dict[str, Any] = call("", None)
    return found


def _ask(request: bytes, limits: Limits, scratch: str) -> dict[str, Any]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "guard.media.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=scratch,
        env=_environment(scratch),
        start_new_session=True,
        close_fds=True,
    )
    try:
        spoken = converse(process, request, seconds=limits.seconds, most=limits.output_bytes)
    finally:
        _end(process)
    return _understand(spoken, process.returncode)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the child's session, and collect it."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _understand(spoken: Spoken, status_code: int) -> dict[str, Any]:
    if spoken.late or status_code == -signal.SIGXCPU:
        raise SandboxError("media_timeout", "Reading the file took too long; send a shorter or simpler one.")
    if spoken.too_long:
        raise SandboxError("media_bomb", "What was read from the file is too long to pass on.")
    if status_code == 0:
        try:
            answer = json.loads(spoken.answer)
        except ValueError:
            answer = None
        if isinstance(answer, dict) and ("value" in answer or {"error", "message"} <= answer.keys()):
            return answer
    if status_code == -signal.SIGKILL or b"memory allocation of" in spoken.complaint:
        raise SandboxError("media_bomb", "The file needs more memory or time than a reader is given.")
    raise SandboxError(
        "media_crashed",
        f"The reader ended unexpectedly (status {status_code}); the file may be damaged or hostile.",
    )


def _environment(scratch: str) -> dict[str, str]:
    """Only what the interpreter and the numeric libraries need; one thread each bounds their memory."""
    path = [entry for entry in sys.path if entry and Path(entry).exists()]
    if str(_ROOT) not in path:
        path.append(str(_ROOT))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    return {
        **passed,
        **threads,
        "HOME": scratch,
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "PATH": os.defpath,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUTF8": "1",
        "TMPDIR": scratch,
    }
