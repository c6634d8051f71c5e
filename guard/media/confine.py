"""What a process gives up before it touches an untrusted file.

Resource limits hold on every POSIX system. On Linux the process also drops its capabilities, can gain no new
privileges, dies with its parent, sees only chosen paths (Landlock) and has no system calls for the network or
for new processes (seccomp). Each layer says whether it holds; none is required, since kernels differ.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guard.media import seccomp

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522
_DAC_OVERRIDE = 1 << 1

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI_RIGHTS = (1 << 13) - 1
_NET_BIND_CONNECT = 0b11
_SCOPE_SOCKETS_AND_SIGNALS = 0b11


@dataclass(frozen=True)
class Protections:
    """Which protections hold in a process.

    Attributes:
        limits: memory, processor time, file size and open files are limited.
        capabilities: all but the one that reads others' files are dropped (Linux, as root).
        no_new_privileges: setuid programs give nothing (Linux).
        files: Landlock's version, 0 where the kernel has none; from 1 only chosen paths can be opened.
        system_calls: no sockets, no new processes, no tracing, no signals to others (Linux seccomp).
    """

    limits: bool
    capabilities: bool
    no_new_privileges: bool
    files: int
    system_calls: bool


def limit(*, memory: int, seconds: int, file_size: int, open_files: int) -> bool:
    """Set resource limits; bytes and seconds. Returns whether all were accepted.

    Processes are not limited here: RLIMIT_NPROC counts all processes of the user, not the children of this
    one.
    """
    wanted = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: file_size,
        resource.RLIMIT_NOFILE: open_files,
        resource.RLIMIT_CORE: 0,
    }
    held = True
    for kind, value in wanted.items():
        held &= _set_limit(kind, value, value)
    return held & _set_limit(resource.RLIMIT_CPU, seconds, seconds + 2)


def _set_limit(kind: int, soft: int, hard: int) -> bool:
    present = resource.getrlimit(kind)[1]
    if present != resource.RLIM_INFINITY:
        hard = min(hard, present)
    try:
        resource.setrlimit(kind, (min(soft, hard), hard))
    except (OSError, ValueError):  # macOS refuses a limit on the address space
        return False
    return True


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; ends at once if that already happened."""
    with suppress(OSError):
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def restrict(*, readable: Iterable[Path], listable: Iterable[Path], writable: Iterable[Path]) -> Protections:
    """Give up everything but the given paths, for good. Call while the process still has one thread.

    Args:
        readable: files, or folders with all below them.
        listable: folders whose names may be listed, at any depth, but whose files stay closed.
        writable: files or folders that may also be written to.
    """
    if sys.platform != "linux":
        return Protections(
            limits=True, capabilities=False, no_new_privileges=False, files=0, system_calls=False
        )
    dropped = _drop_capabilities()
    privileges = True
    try:
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    except OSError:
        privileges = False
    version = landlock_version()
    if version > 0:
        version = version if _landlock(version, readable, listable, writable) else 0
    return Protections(
        limits=True,
        capabilities=dropped,
        no_new_privileges=privileges,
        files=version,
        system_calls=seccomp.install(platform.machine()),
    )


def landlock_version() -> int:
    """Landlock's version in this kernel, 0 for none."""
    if sys.platform != "linux":
        return 0
    found = _libc().syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return max(0, int(found))


def _landlock(
    version: int, readable: Iterable[Path], listable: Iterable[Path], writable: Iterable[Path]
) -> bool:
    rights = _FIRST_ABI_RIGHTS
    rights |= _REFER if version >= 2 else 0
    rights |= _TRUNCATE if version >= 3 else 0
    rights |= _IOCTL_DEVICE if version >= 5 else 0
    network = _NET_BIND_CONNECT if version >= 4 else 0
    scope = _SCOPE_SOCKETS_AND_SIGNALS if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    attributes = struct.pack("=QQQ", rights, network, scope)
    libc = _libc()
    rules = libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))
    if rules < 0:
        return False
    try:
        for path in readable:
            _allow(rules, path, _READ_FILE | _READ_DIR)
        for path in listable:
            _allow(rules, path, _READ_DIR)
        for path in writable:
            _allow(rules, path, rights & ~(_EXECUTE | _IOCTL_DEVICE))
        return bool(libc.syscall(_LANDLOCK_RESTRICT, rules, ctypes.c_uint32(0)) == 0)
    finally:
        os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what is not there needs no permission
        return
    try:
        if not path.is_dir():
            rights &= _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
        rule = struct.pack("=Qi", rights, handle)
        if rights:
            _libc().syscall(_LANDLOCK_ADD, rules, ctypes.c_int(1), rule, ctypes.c_uint32(0))
    finally:
        os.close(handle)


def _drop_capabilities() -> bool:
    """Keep only CAP_DAC_OVERRIDE, so that a service that runs as root still reads what it was given."""
    libc = _libc()
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    data = ctypes.create_string_buffer(24)
    if libc.capget(header, data) != 0:
        return False
    effective, permitted, _, *_ = struct.unpack("=6I", data.raw)
    kept = struct.pack("=6I", effective & _DAC_OVERRIDE, permitted & _DAC_OVERRIDE, 0, 0, 0, 0)
    return bool(libc.capset(header, kept) == 0)


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    if _libc().prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)
