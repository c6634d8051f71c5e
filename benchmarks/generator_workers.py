"""Processes with one thread each, which make clips and look at them beside each other."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import cv2
import torch
from rich.progress import track

from generator import EmbeddedGenerator

Job = TypeVar("Job")
Answer = TypeVar("Answer")
WORKERS: Final = 2
_mine: list[EmbeddedGenerator] = []


def generator() -> EmbeddedGenerator:
    """This process's own."""
    return _mine[0]


@dataclass(frozen=True)
class Workers:
    """Runs jobs; their functions and arguments travel to other processes."""

    pool: ProcessPoolExecutor

    def each(self, work: Callable[[Job], Answer], jobs: Sequence[Job], title: str) -> list[Answer]:
        """The answers in the order of the jobs, with a progress bar."""
        return list(track(self.pool.map(work, jobs), title, total=len(jobs)))


@contextmanager
def workers(folder: Path) -> Iterator[Workers]:
    """Workers that hold the pipeline in a folder."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, context, initializer=_start, initargs=(folder,)) as pool:
        yield Workers(pool)


def _start(folder: Path) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _mine.append(EmbeddedGenerator(folder, threads=1))
