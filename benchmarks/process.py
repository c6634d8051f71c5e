"""Measuring in a fresh process, so that its memory and its first time are its own."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

Argument = TypeVar("Argument")
Answer = TypeVar("Answer")


def in_child(work: Callable[[Argument], Answer], argument: Argument) -> Answer:
    """What the work answers; function, argument and answer travel between processes.

    Raises:
        SystemExit: the process ended without an answer; what it said of that stands above.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(there, work, argument))
    process.start()
    there.close()
    try:
        answer: Answer = here.recv()
    except EOFError:
        raise SystemExit("the measured process ended early") from None
    finally:
        process.join()
    return answer


def _send(there: Connection, work: Callable[[Argument], Answer], argument: Argument) -> None:
    there.send(work(argument))


def peak_memory() -> float:
    """MB that this process has held at the most. What the system counts for it may begin with its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
