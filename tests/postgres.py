"""A PostgreSQL server for tests: a fresh cluster on a loopback port, stopped and removed at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_USER = "postgres"
_INSTALL = (
    "PostgreSQL is missing: install it (Debian: apt-get install postgresql, or run tools/prepare-tests)"
)


def _binary(name: str) -> str:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    for folder in reversed(versions):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{_INSTALL}; there is no {name}.")
    return found


def _unprivileged() -> dict[str, object]:
    """PostgreSQL refuses to run as root, so as root it runs as its own user."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(_USER)
    except KeyError:
        raise RuntimeError(f"{_INSTALL}; there is no user {_USER}.") from None
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(arguments: list[str], folder: Path, identity: dict[str, object]) -> None:
    done = subprocess.run(  # type: ignore[call-overload]
        arguments, cwd=folder, capture_output=True, text=True, check=False, timeout=120, **identity
    )
    if done.returncode != 0:
        raise RuntimeError(f"{Path(arguments[0]).name} failed: {done.stderr or done.stdout}")


@contextmanager
def server() -> Iterator[str]:
    """Start a server; gives the URL of its database ``postgres``, to which new databases can be added."""
    identity = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="guard-postgres-"))
    try:
        if identity:
            os.chown(folder, int(str(identity["user"])), int(str(identity["group"])))
        data = folder / "data"
        _run(
            [
                _binary("initdb"),
                "-D",
                str(data),
                "-U",
                _USER,
                "--auth=trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
            ],
            folder,
            identity,
        )
        port = _free_port()
        command = [
            _binary("postgres"),
            "-D",
            str(data),
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-k",
            str(folder),
        ]
        for setting in ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB"):
            command += ["-c", setting]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # type: ignore[call-overload]
                command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, **identity
            )
        try:
            _wait(process, port, folder / "log")
            yield f"postgresql+psycopg://{_USER}@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGQUIT)  # without a checkpoint: the cluster is thrown away
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            psycopg.connect(
                host="127.0.0.1", port=port, user=_USER, dbname="postgres", connect_timeout=5
            ).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")


def create_database(url: str, name: str) -> str:
    """Add a database to a running server and give its URL."""
    import psycopg

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
    return url.removesuffix("/postgres") + f"/{name}"
