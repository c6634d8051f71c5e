"""Sources held out whole: train without a source, test on it, beside n-grams trained without it.

What a classifier owes to a source's style rather than its content shows as the gap to training with it. The reader
takes an hour and more a source: it is trained again for those of ``READ``, elsewhere the two faster models are
measured.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.policies_measures import Report, text
from policies.combined import read_margins, readers_of
from policies.embedding import SentenceEncoder
from policies.fitting import Progress, head_margins, weighted
from policies.metrics import (
    auroc,
    average_precision,
    bootstrap,
    bootstrap_precision,
    recall_at,
    threshold_at,
)
from policies.prepared import Prepared, prepare, sample
from policies.sources import Row, read_rows
from policies.taxonomy import CATEGORIES
from policies.teacher import EnglishTeacher
from policies.training import Encoders, Trained, fit

LEFT_OUT = {
    "coprov2": ("coprov2",),
    "jade_t2i": ("jade_t2i",),
    "gahd (German)": ("gahd",),
    "germeval2018 (German)": ("germeval2018",),
    "hatecheck, both languages": ("hatecheck_en", "multilingual_hatecheck"),
    "requests to chat models": (
        "ailuminate_demo", "catqa", "do_not_answer", "figstep_safebench", "harmbench", "multijail",
    ),
}  # fmt: skip
READ = ("coprov2",)
BENIGN = ("vbench", "chronomagic", "fetv", "coco_captions_10k")
_HATE = ("gahd", "germeval2018", "hatecheck_en", "multilingual_hatecheck")
_MOST = 1000  # rows of one source and label that are measured
_ITERATIONS = 30  # the baseline changes by less than a point after so many steps
AUDIT = Path(__file__).parent / "coprov2_audit.jsonl"
"""What two readings without the labels, by a large language model, say of 360 of CoProV2's prompts: ``harmful``,
``harmless``, or ``unclear`` where moderators could differ. Prompts by the sha256 of their text."""
Scores = NDArray[np.float32]


def held_out_sources(
    report: Report, folder: Path, encoder: SentenceEncoder, read_by: Encoders | None, device: str,
    work: Path | None, progress: Progress,
) -> None:  # fmt: skip
    """Fill the table ``sources held out whole`` and the goals that speak of CoProV2."""
    rows = read_rows(folder)
    learn = [row for row in sample(rows, seed=0) if row.source != "composed"]
    everything = prepare(learn, encoder, work, progress, EnglishTeacher.installed())
    benign = _few(rows, lambda row: row.source in BENIGN and row.split in ("test", "heldout"))
    harmless = prepare(benign, encoder, work, progress)
    for name, sources in LEFT_OUT.items():
        mine = _few(read_rows(folder, frozenset(sources)), lambda row, s=sources: row.source in s)
        test = prepare(mine, encoder, work, progress)
        known = {_key(row) for row in mine}
        kept = everything.pick(lambda row, s=sources, k=known: row.source not in s and _key(row) not in k)
        readers = read_by if name in READ else None
        model = fit(
            kept, encoder, sorted(sources), readers, seed=0, iterations=_ITERATIONS, device=device, work=work,
            progress=lambda line, share, n=name: progress(f"without {n}: {line}", share),
        )  # fmt: skip
        scored = [_scored(model, readers, part) for part in (test, harmless)]
        _report(report, name, sources, *scored)
        if name == "coprov2":
            _audited(report, mine, *scored)


def _report(
    report: Report, name: str, sources: tuple[str, ...], test: "_Scored", harmless: "_Scored"
) -> None:
    hate = sources[0] in _HATE
    heads = [CATEGORIES.index("hate_harassment")] if hate else list(range(len(CATEGORIES)))
    unsafe = test.unsafe
    ours, plain = test.ours[:, heads].max(axis=1), test.ngrams[:, heads].max(axis=1)
    clean, clean_plain = harmless.ours[:, heads].max(axis=1), harmless.ngrams[:, heads].max(axis=1)
    found: dict[str, object] = {
        "source": name,
        "with_reader": test.read,
        "unsafe": int(unsafe.sum()),
        "safe": int((~unsafe).sum()),
    }
    at_2 = bootstrap((ours[unsafe] >= threshold_at(clean, 0.02)).astype(float))
    found |= {"at_2": text(at_2), "ngrams_2": round(recall_at(plain[unsafe], clean_plain, 0.02), 3)}
    for rate in (0.01, 0.05):
        found[f"at_{rate:.0%}"] = round(recall_at(ours[unsafe], clean, rate), 3)
        found[f"ngrams_{rate:.0%}"] = round(recall_at(plain[unsafe], clean_plain, rate), 3)
    inside = float("nan")
    if not unsafe.all():
        inside = auroc(unsafe, ours)
        found |= {
            "auprc": text(bootstrap_precision(unsafe, ours)),
            "auroc": round(inside, 3),
            "ngrams_auprc": round(average_precision(unsafe, plain), 3),
            "ngrams_auroc": round(auroc(unsafe, plain), 3),
        }
    report.row("sources held out whole", **found)
    if name == "coprov2":
        report.goal("CoProV2 left out: recall at 2 % of harmless video prompts", ">= 0.85", at_2.value)
        report.goal("CoProV2 left out: AUROC against its own safe twins", ">= 0.85", inside)


def _audited(report: Report, rows: list[Row], test: "_Scored", harmless: "_Scored") -> None:
    """How much is found of what a reader without the labels calls harmful, and of what only the set does."""
    lines = [json.loads(line) for line in AUDIT.read_text().splitlines()]
    read = {line["sha256"]: " or ".join(sorted(set(line["verdicts"]))) for line in lines}
    verdicts = np.array([read.get(hashlib.sha256(row.text.encode()).hexdigest(), "") for row in rows])
    ours, limit = test.ours.max(axis=1), threshold_at(harmless.ours.max(axis=1), 0.02)
    for label, of_label in (("unsafe", test.unsafe), ("safe", ~test.unsafe)):
        for verdict in sorted(set(verdicts[of_label & (verdicts != "")])):
            mine = of_label & (verdicts == verdict)
            report.row(
                "coprov2, read without its labels", label=label, read_as=verdict, n=int(mine.sum()),
                above_2=text(bootstrap((ours[mine] >= limit).astype(float))),
            )  # fmt: skip


@dataclass(frozen=True)
class _Scored:
    """Log-odds (n, categories) of the whole classifier and of n-grams alone."""

    unsafe: NDArray[np.bool_]
    ours: Scores
    ngrams: Scores
    read: bool


def _scored(model: Trained, read_by: Encoders | None, part: Prepared) -> _Scored:
    arrays = model.arrays
    assert part.vectors is not None
    words = part.ngrams @ arrays["weights"].astype(np.float32) + arrays["bias"]
    meaning = head_margins(arrays, part.vectors)
    ours = weighted(arrays["joint"], words, meaning)
    if read_by is not None:
        ours = read_margins(
            arrays, meaning, part.texts, part.english,
            *readers_of(arrays, read_by.multilingual, read_by.english),
        )  # fmt: skip
    unsafe = np.array([row.unsafe for row in part.rows])
    return _Scored(unsafe, ours, weighted(arrays["calibration"], words), read_by is not None)


def _few(rows: list[Row], want: Callable[[Row], bool]) -> list[Row]:
    """At most ``_MOST`` rows of each source and label, evenly spread."""
    groups: dict[tuple[str, bool], list[Row]] = {}
    for row in rows:
        if want(row):
            groups.setdefault((row.source, row.unsafe), []).append(row)
    return [row for group in groups.values() for row in group[:: max(1, -(-len(group) // _MOST))]]


def _key(row: Row) -> str:
    return " ".join(row.text.casefold().split())
