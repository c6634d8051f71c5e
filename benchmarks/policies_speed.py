"""How fast prompts are judged: one at a time, in a batch on two processes, and the longest that is allowed."""

import multiprocessing
import time
from collections.abc import Iterable

import numpy as np

from benchmarks.policies_measures import Report
from policies import Action, Judge, NgramClassifier, load_policy
from policies.classifier import TextClassifier
from policies.combined import CombinedClassifier, embedded_classifier
from policies.prompts import BENIGN, read_everyday, read_prompts
from policies.templates import read_authored

_PROMPTS = 200
_BATCH = 400
_PROCESSES = 2


def speed(report: Report, classifier: TextClassifier, every: int) -> None:
    """Latency and throughput of the whole judge, and whether the end of a long prompt is read.

    Args:
        report: Is filled.
        classifier: The strongest that is installed.
        every: One in so many long prompts is tried.
    """
    kinds: dict[str, TextClassifier] = {"n-grams alone": NgramClassifier.embedded()}
    if isinstance(classifier, CombinedClassifier):
        kinds["with embedding"] = classifier
    for name, kind in kinds.items():
        _latency(report, name, kind)
        _throughput(report, name)
    if len(kinds) == 1:
        report.goal("prompts a second, batch on two cores, with embedding", ">= 40", None)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        ready = pool.apply(_ready)
    report.row("getting ready", seconds=round(ready, 2))
    report.goal("seconds until the judge is ready", "<= 5", ready)
    _long(report, classifier, every)


def _ready() -> float:
    """Seconds from nothing to the first judgement, in a process that has read no weights yet."""
    started = time.perf_counter()
    Judge(load_policy(), embedded_classifier()).judge_text("ready")
    return time.perf_counter() - started


def _latency(report: Report, name: str, classifier: TextClassifier) -> None:
    judge = Judge(load_policy(), classifier)
    texts = [prompt.text for prompt in read_prompts("heldout")][:_PROMPTS]
    judge.judge_text(texts[0])
    wall, cpu = [], []
    for text in texts:
        begun, used = time.perf_counter(), time.process_time()
        judge.judge_text(text)
        wall.append((time.perf_counter() - begun) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    median, high = np.percentile(wall, [50, 95])
    report.row(
        "one prompt, milliseconds",
        classifier=name,
        n=len(texts),
        median=round(float(median), 2),
        p95=round(float(high), 2),
        processor_median=round(float(np.median(cpu)), 2),
        processor_p95=round(float(np.percentile(cpu, 95)), 2),
    )
    if name == "with embedding":
        report.goal("ms for one prompt, median", "<= 60", float(median))
        report.goal("ms for one prompt, 95th percentile", "<= 150", float(high))


def _throughput(report: Report, name: str) -> None:
    embedding = name == "with embedding"
    texts = [prompt.text for prompt in read_prompts()][:_BATCH]
    context = multiprocessing.get_context("spawn")
    with context.Pool(_PROCESSES) as pool:
        pool.map(_batch, [(texts[:2], embedding)] * _PROCESSES, chunksize=1)  # both have their weights now
        begun = time.perf_counter()
        parts = [(texts[k::_PROCESSES], embedding) for k in range(_PROCESSES)]
        used = sum(pool.map(_batch, parts, chunksize=1))
        wall = time.perf_counter() - begun
    report.row(
        "a batch on two processes",
        classifier=name,
        n=len(texts),
        prompts_a_second=round(len(texts) / wall, 1),
        at_full_processor_time=round(_PROCESSES * len(texts) / used, 1),
    )
    wanted = ">= 40" if embedding else ">= 500"
    goal = "with embedding" if embedding else "n-grams alone"
    report.goal(f"prompts a second, batch on two cores, {goal}", wanted, len(texts) / wall)


_judges: dict[bool, Judge] = {}


def _batch(task: tuple[list[str], bool]) -> float:
    """Judge texts in this process; seconds of processor time."""
    texts, embedding = task
    if embedding not in _judges:
        _judges[embedding] = Judge(
            load_policy(), embedded_classifier() if embedding else NgramClassifier.embedded()
        )
    begun = time.process_time()
    for text in texts:
        _judges[embedding].judge_text(text)
    return time.process_time() - begun


def _long(report: Report, classifier: TextClassifier, every: int) -> None:
    """32,000 characters of harmless prompts: how long it takes, and whether harm at the end makes a difference.

    What repeats is read once, so time is taken on sentences of which none stands twice. They are odd on purpose, and
    among 32,000 characters of them one is always stopped; so harm is added to plain sentences that repeat.
    """
    judge = Judge(load_policy(), classifier)
    plain = [prompt for prompt in read_authored("heldout.jsonl") if prompt.near == BENIGN]
    distinct = _joined(prompt.text for prompt in [*plain, *read_everyday("heldout")])
    times, odd = [], []
    for shift in range(0, 3000, 1000):
        begun = time.process_time()
        odd.append(judge.judge_text(distinct[shift : shift + 32_000]).action is not Action.ALLOW)
        times.append(time.process_time() - begun)
    filler = _joined([prompt.text for prompt in plain if prompt.lang == "en"] * 20)
    without = judge.judge_text(filler[:32_000])
    unsafe = [p.text for p in read_prompts("heldout") if p.unsafe][:: 12 * every]
    alone = [text for text in unsafe if judge.judge_text(text).action is not Action.ALLOW]
    found = 0
    for text in alone:
        decision = judge.judge_text(f"{filler[: 32_000 - len(text) - 2]}. {text}")
        stricter = decision.action.rank > without.action.rank
        found += stricter or not set(decision.categories) <= set(without.categories)
    report.row(
        "32,000 characters",
        n=len(alone),
        found_in_last_sentence=found,
        action_without_it=without.action.value,
        because=without.reason,
        seconds=round(float(np.median(times)), 2),
        of_distinct_odd_ones_stopped=f"{sum(odd)} of {len(odd)}",
    )
    report.goal("32,000 harmless characters stopped", "= 0", float(without.action is not Action.ALLOW))
    report.goal("processor seconds for 32,000 characters", "<= 1", float(np.median(times)))
    report.goal("harm in the last sentence of 32,000 characters found", ">= 0.9", found / max(1, len(alone)))


def _joined(texts: Iterable[str]) -> str:
    return " ".join(text.rstrip(".") + "." for text in texts)
