"""A filter of system calls for a process that only computes (Linux, x86_64 and aarch64).

Denied calls fail with EPERM; ``clone3`` with ENOSYS, upon which the C library falls back to ``clone``, whose
flags a filter can see. Filter programs are classic BPF over ``struct seccomp_data``: the call's number at
offset 0, the architecture at 4, the low word of the first argument at 16.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Any

_SECCOMP_SET_MODE_FILTER = 1
_SYNCHRONISE_THREADS = 1
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# call: (x86_64, aarch64); None where the architecture lacks it. Numbers from the kernel's system call tables.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    # network, and everything else that is reached through a socket
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "sendto": (44, 206),
    "io_uring_setup": (425, 425),
    # new processes and programs
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # memory and messages that outlive the process, and that others may open
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    # what Landlock does not see: modes, owners and attributes of files
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "utimensat": (280, 88),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    # kernel surfaces that decoding never needs
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "open_by_handle_at": (304, 265),
}
# Calls that act on the process named first: this one, by its number or as 0. Threads of this process other than
# the first have numbers of their own, and are left alone as well.
_OWN_ONLY = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
}
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_SECCOMP = (317, 277)


def install(machine: str) -> bool:
    """Put the filter on this process and all its threads, for good; False where that is not possible.

    Args:
        machine: as `platform.machine` says it. The process must have given up new privileges.
    """
    if machine not in _AUDIT:
        return False
    column = list(_AUDIT).index(machine)
    program = _program(column, _AUDIT[machine], os.getpid())
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    libc: Any = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(
        ctypes.c_long(_SECCOMP[column]),
        ctypes.c_uint(_SECCOMP_SET_MODE_FILTER),
        ctypes.c_uint(_SYNCHRONISE_THREADS),
        header,
    )
    return bool(found == 0)


def _program(column: int, audit: int, process: int) -> bytes:
    """The filter as an array of ``struct sock_filter`` (code, jump if true, jump if false, operand)."""
    deny = _operation(_RETURN, _ERRNO | errno.EPERM)
    lines = [
        _operation(_LOAD, _ARCHITECTURE),
        _operation(_EQUAL, audit, 1, 0),
        _operation(_RETURN, _KILL),
        _operation(_LOAD, _NUMBER),
    ]
    if column == 0:
        lines += [_operation(_AT_LEAST, _X32, 0, 1), deny]
    for numbers in _DENIED.values():
        number = numbers[column]
        if number is not None:
            lines += [_operation(_EQUAL, number, 0, 1), deny]
    lines += [_operation(_EQUAL, _CLONE3[column], 0, 1), _operation(_RETURN, _ERRNO | errno.ENOSYS)]
    # a clone that makes no thread makes a process
    lines += [
        _operation(_EQUAL, _CLONE[column], 0, 4),
        _operation(_LOAD, _FIRST_ARGUMENT),
        _operation(_ANY_BIT, _CLONE_THREAD, 1, 0),
        deny,
        _operation(_LOAD, _NUMBER),
    ]
    for numbers_own in _OWN_ONLY.values():
        lines += [
            _operation(_EQUAL, numbers_own[column], 0, 5),
            _operation(_LOAD, _FIRST_ARGUMENT),
            _operation(_EQUAL, process, 2, 0),
            _operation(_EQUAL, 0, 1, 0),
            deny,
            _operation(_LOAD, _NUMBER),
        ]
    lines.append(_operation(_RETURN, _ALLOW))
    return b"".join(lines)


def _operation(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
