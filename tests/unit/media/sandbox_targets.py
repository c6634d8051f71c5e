"""What tests call in the sandboxed child: one honest function, many hostile ones."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np


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


def limit_parent(_: Any) -> None:
    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (64, 64))


def slow_parent(_: Any) -> None:
    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)


def move_parent(_: Any) -> None:
    os.sched_setaffinity(os.getppid(), {0})


def share_memory(_: Any) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.shmget(0, 4096, 0o1600)
    if found < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    libc.shmctl(found, 0, None)  # remove it again
    return found


def own_limits(_: Any) -> list[int]:
    """What numeric libraries ask for, by either name of this process."""
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    return [resource.prlimit(pid, resource.RLIMIT_CORE)[0] for pid in (0, os.getpid())]


def make_thread(_: Any) -> str:
    heard: list[str] = []
    thread = threading.Thread(target=lambda: heard.append("thread"))
    thread.start()
    thread.join()
    return heard[0]


def load(names: list[str]) -> list[str]:
    return [importlib.import_module(name).__name__ for name in names]


def encode(arguments: dict[str, str]) -> None:
    from guard.media import VideoFile, encode

    encode(VideoFile(arguments["source"]), arguments["out"])


def lossless(arguments: dict[str, str]) -> None:
    from guard.media import VideoFile, write_lossless

    source = VideoFile(arguments["source"])
    write_lossless(arguments["out"], source.chunks(), width=640, height=360, fps=24)
