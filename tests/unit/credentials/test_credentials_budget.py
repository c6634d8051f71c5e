"""The budget of memory: what is under way never exceeds it, nobody starves, and nothing too large waits for ever."""

from __future__ import annotations

import random
import threading
import time

import pytest

from guard.credentials.budget import BASE, BLOCK, MemoryBudget, needed

MIB = 1 << 20


def test_what_is_under_way_stays_within_the_budget() -> None:
    total = 600 * MIB
    budget, lock, used, peak = MemoryBudget(total), threading.Lock(), 0, 0
    lot = random.Random(3)
    sizes = [lot.choice((1, 20, 60, 120, 500, 5000)) * MIB for _ in range(60)]

    def work(size: int) -> None:
        nonlocal used, peak
        with budget.claim(size):
            with lock:
                used += min(needed(size), total)
                peak = max(peak, used)
            time.sleep(0.002)
            with lock:
                used -= min(needed(size), total)

    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert total / 2 < peak <= total
    assert used == 0


def test_a_large_file_is_not_overtaken_for_ever() -> None:
    budget, order = MemoryBudget(BASE + 2 * BLOCK), []
    first, over = threading.Event(), threading.Event()

    def work(name: str, size: int, until: threading.Event | None = None) -> None:
        with budget.claim(size):
            order.append(name)
            first.set()
            if until is not None:
                until.wait(10)

    threads = [threading.Thread(target=work, args=("small", MIB, over))]
    threads[0].start()
    first.wait(10)
    for name, size in (("large", 900 * MIB), ("late", MIB)):
        threads.append(threading.Thread(target=work, args=(name, size)))
        threads[-1].start()
        time.sleep(0.05)
    assert order == ["small"]  # the late one would fit, and waits its turn
    over.set()
    for thread in threads:
        thread.join(10)
    assert order == ["small", "large", "late"]


def test_a_failure_gives_its_share_back() -> None:
    budget = MemoryBudget(100 * MIB)
    with pytest.raises(ValueError, match="x"), budget.claim(MIB):
        raise ValueError("x")
    with budget.claim(500 * MIB):  # more than there is at all: alone
        pass
