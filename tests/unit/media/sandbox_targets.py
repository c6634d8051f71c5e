"""What tests call in the sandboxed child: one honest function, many hostile ones."""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

KEY = 0x67756172
_RT_SIGQUEUEINFO = 129 if platform.machine() == "x86_64" else 138


class OddError(Exception):
    code = "odd_thing"


def echo(arguments: Any, secrets: dict[str, str] | None = None) -> Any:
    print("noise on standard output")
    return {"arguments": arguments, "secrets": sorted(secrets or {}), "threads": threading.active_count()}


def surroundings(_: Any, secrets: dict[str, str] | None = None) -> Any:
    return {
        "environment": dict(os.environ),
        "command": sys.argv + sys.orig_argv,
        "open": len(list(Path("/proc/self/fd").iterdir())),
        "folder": str(Path.cwd()),
        "modules": sorted(sys.modules),
    }


def fail(how: str) -> None:
    if how == "code":
        raise OddError("Turn the file round.")
    if how == "plain":
        raise ValueError("what the file said")
    if how == "segfault":
        ctypes.string_at(0)
    if how == "exit":
        os._exit(7)
    if how == "unwritable":
        raise SystemExit("out")


def spin(_: Any) -> None:
    while True:
        pass


def sleep(_: Any) -> None:
    threading.Event().wait(60)


def allocate(gigabytes: int) -> int:
    held = [np.ones(2**27, np.uint8) for _ in range(gigabytes * 8)]
    return len(held)


def answer_long(size: int) -> str:
    return "x" * size


def complain(size: int) -> str:
    sys.stderr.write("y" * size)
    return "done"


def not_json(_: Any) -> Any:
    return object()


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


def write(arguments: dict[str, Any]) -> int:
    return Path(arguments["path"]).write_bytes(bytes(arguments["size"]))


def change_mode(path: str) -> None:
    Path(path).chmod(0o777)


def connect(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        return "connected"


def start_program(_: Any) -> int:
    return subprocess.run(["/bin/true"], check=False).returncode


def fork(_: Any) -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    return child


def signal_parent(_: Any) -> None:
    os.kill(os.getppid(), 15)


def make_thread(_: Any) -> str:
    heard: list[str] = []
    thread = threading.Thread(target=lambda: heard.append("thread"))
    thread.start()
    thread.join()
    return heard[0]


def load(names: list[str]) -> list[str]:
    return [importlib.import_module(name).__name__ for name in names]


def probe(path: str) -> dict[str, Any]:
    from guard.media import probe

    return probe(path).to_json()


def outside(name: str) -> Any:
    """Something that reaches beyond this process, and what comes of it; an OSError is what should."""
    parent, libc = os.getppid(), ctypes.CDLL(None, use_errno=True)
    half = min(os.sched_getaffinity(0))
    done: dict[str, Callable[[], Any]] = {
        "limits of the parent": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE, (64, 64)),
        "limits of the parent, read": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE),
        "priority of the parent": lambda: os.setpriority(os.PRIO_PROCESS, parent, 1),
        "processors of the parent": lambda: os.sched_setaffinity(parent, {half}),
        "scheduling of the parent": lambda: os.sched_setscheduler(parent, os.SCHED_BATCH, os.sched_param(0)),
        "queued signal": lambda: _succeeded(libc.syscall(_RT_SIGQUEUEINFO, parent, 0, bytes(128))),
        "shared memory": lambda: _succeeded(libc.shmget(KEY, 4096, 0o1600)),
        "shared memory, removed": lambda: _succeeded(libc.shmctl(0, 0, None)),
        "message queue": lambda: _succeeded(libc.msgget(KEY, 0o1600)),
        "semaphores": lambda: _succeeded(libc.semget(KEY, 1, 0o1600)),
        "named queue": lambda: _succeeded(libc.mq_open(b"/guard-test", os.O_CREAT | os.O_RDWR, 0o600, None)),
    }
    return str(done[name]())


def own_limits(_: Any) -> list[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    resource.prlimit(os.getpid(), resource.RLIMIT_NOFILE, (soft - 2, hard))
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    return [soft - resource.getrlimit(resource.RLIMIT_NOFILE)[0]]


def _succeeded(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def encode(arguments: dict[str, str]) -> None:
    from guard.media import VideoFile, encode

    encode(VideoFile(arguments["source"]), arguments["out"])


def lossless(arguments: dict[str, str]) -> None:
    from guard.media import VideoFile, write_lossless

    source = VideoFile(arguments["source"])
    write_lossless(arguments["out"], source.chunks(), width=640, height=360, fps=24)
