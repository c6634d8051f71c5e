"""Talking to a child over its pipes without ever waiting or storing more than allowed."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from dataclasses import dataclass
from typing import IO

_PIECE = 65536
_COMPLAINT_BYTES = 16384


@dataclass
class Spoken:
    """What a child said.

    Attributes:
        answer: its standard output, at most what was allowed.
        complaint: the beginning of its standard error.
        late: it had not closed its output in time.
        too_long: it said more than allowed.
    """

    answer: bytes
    complaint: bytes
    late: bool = False
    too_long: bool = False


def converse(process: subprocess.Popen[bytes], request: bytes, *, seconds: float, most: int) -> Spoken:
    """Send `request` and read until the child closes its output and ends, time is up, or it says too much.

    Args:
        process: started with three pipes.
        request: bytes for its standard input.
        seconds: wall clock.
        most: bytes of answer that are still accepted.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    deadline = time.monotonic() + seconds
    heard: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    late = too_long = False
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(pipe.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        for pipe in heard:
            selector.register(pipe, selectors.EVENT_READ)
        rest = memoryview(request)
        while selector.get_map() and not (late or too_long):
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            late = not ready and time.monotonic() >= deadline
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    rest = _send(process.stdin, rest)
                    if not rest:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                pipe = process.stdout if key.fileobj is process.stdout else process.stderr
                if not _hear(pipe, heard[pipe], most if pipe is process.stdout else _COMPLAINT_BYTES):
                    selector.unregister(pipe)
                too_long = len(heard[process.stdout]) > most
            late = late or time.monotonic() >= deadline
    if not (late or too_long):
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            late = True
    return Spoken(bytes(heard[process.stdout]), bytes(heard[process.stderr]), late, too_long)


def _send(pipe: IO[bytes], rest: memoryview) -> memoryview:
    """Write what the pipe takes; a child that stopped listening needs no more."""
    try:
        return rest[os.write(pipe.fileno(), rest[:_PIECE]) :]
    except BlockingIOError:
        return rest
    except BrokenPipeError:
        return rest[:0]


def _hear(pipe: IO[bytes], heard: bytearray, most: int) -> bool:
    """Read a piece, keeping one byte more than `most`; False at the end of the stream."""
    try:
        piece = os.read(pipe.fileno(), _PIECE)
    except BlockingIOError:
        return True
    heard += piece[: max(0, most + 1 - len(heard))]
    return bool(piece)
