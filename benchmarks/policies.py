"""How well prompts are judged, and how fast.

    python -m benchmarks.policies --prompts FOLDER [--json FILE]
    python -m benchmarks.policies --quick

Only sets and splits that training and thresholds never saw are measured. The folder holds third-party
sets (``policies/sources.py`` says in which form); without it, prompts written for measuring alone are used.
Beside every figure of the classifier stand two controls: the length of the text, and the rules alone.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Goal, finish, goal, show_rows
from policies import Action, Decision, Judge, NgramClassifier, load_policy
from policies.classifier import TextClassifier
from policies.metrics import auroc, average_precision, bootstrap, bootstrap_precision, threshold_at
from policies.normalise import Normalised, normalise
from policies.sources import VIDEO_BENIGN, Row, read_rows
from policies.taxonomy import CATEGORIES

Floats = NDArray[np.float64]
HATE_SETS = ("gahd", "germeval2018", "hatecheck_en", "multilingual_hatecheck")


class _Silent:
    """A classifier that always says 0: what remains are the rules."""

    id = "none"
    digest = "sha256:" + "0" * 64

    def scores(self, text: Normalised) -> dict[str, float]:
        return dict.fromkeys(CATEGORIES, 0.0)


@dataclass
class Measured:
    """Rows with everything that was computed on them."""

    rows: list[Row]
    decisions: list[Decision]
    scores: Floats  # (n, categories)
    ruled: Floats  # (n,): 0 nothing, 0.5 review, 1 block, by rules alone

    def pick(self, want: Callable[[Row], bool]) -> "Measured":
        """The part whose rows are wanted."""
        index = [i for i, row in enumerate(self.rows) if want(row)]
        return Measured(
            [self.rows[i] for i in index],
            [self.decisions[i] for i in index],
            self.scores[index],
            self.ruled[index],
        )

    @property
    def highest(self) -> Floats:
        """The highest score of each row over all categories."""
        return self.scores.max(axis=1)

    @property
    def lengths(self) -> Floats:
        """Characters of each row, a control."""
        return np.array([len(row.text) for row in self.rows], np.float64)

    @property
    def unsafe(self) -> NDArray[np.bool_]:
        """Whether each row's set calls it harmful."""
        return np.array([row.unsafe for row in self.rows], bool)

    def share(self, *actions: Action) -> Floats:
        """1 where the decision is one of ``actions``, else 0."""
        return np.array([decision.action in actions for decision in self.decisions], np.float64)


@dataclass
class Report:
    """What is printed and written."""

    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    def row(self, table: str, **values: object) -> None:
        """Add a line to a table."""
        self.tables.setdefault(table, []).append(values)

    def goal(self, name: str, wanted: str, value: float | None) -> None:
        """Add a line to the table of goals."""
        self.goals.append(goal(name, wanted, value))


def measure(rows: Sequence[Row], judge: Judge, classifier: TextClassifier) -> Measured:
    rules_only = Judge(judge.policy, _Silent())
    rank = {Action.ALLOW: 0.0, Action.REVIEW: 0.5, Action.BLOCK: 1.0}
    decisions = [judge.judge_text(row.text[:32_000]) for row in rows]
    scores = [
        list(map(classifier.scores(normalise(row.text[:32_000])).__getitem__, CATEGORIES)) for row in rows
    ]
    ruled = [rank[rules_only.judge_text(row.text[:32_000]).action] for row in rows]
    return Measured(list(rows), decisions, np.array(scores), np.array(ruled))


def against_benign(report: Report, name: str, positive: Measured, benign: Measured) -> None:
    """Recall where 1 % and 5 % of harmless video prompts would be hit; and what the policy does."""
    limits = [threshold_at(benign.highest, rate) for rate in (0.01, 0.05)]
    lengths = [threshold_at(benign.lengths, rate) for rate in (0.01, 0.05)]
    at1, at5 = (bootstrap((positive.highest >= limit).astype(float)) for limit in limits)
    report.row(
        "recall at a share of harmless video prompts",
        set=name,
        n=len(positive.rows),
        at_1=_text(at1),
        at_5=_text(at5),
        length_at_5=round(float(np.mean(positive.lengths >= lengths[1])), 3),
        rules=round(float(np.mean(positive.ruled > 0)), 3),
        held=round(float(positive.share(Action.REVIEW).mean()), 3),
        blocked=round(float(positive.share(Action.BLOCK).mean()), 3),
    )


def ranking(report: Report, name: str, part: Measured, head: str | None) -> tuple[float, float]:
    """AUPRC and AUROC inside one set, with the controls. Returns our AUPRC and the best control's."""
    scores = part.highest if head is None else part.scores[:, CATEGORIES.index(head)]
    precision = bootstrap_precision(part.unsafe, scores)
    controls = [average_precision(part.unsafe, control) for control in (part.lengths, part.ruled)]
    report.row(
        "ranking inside a set",
        set=name,
        head=head or "highest",
        n=len(part.rows),
        unsafe=int(part.unsafe.sum()),
        auprc=_text(precision),
        auroc=round(auroc(part.unsafe, scores), 3),
        auprc_length=round(controls[0], 3),
        auprc_rules=round(controls[1], 3),
    )
    return precision.value, max(controls)


def third_party(report: Report, rows: list[Row], judge: Judge, classifier: TextClassifier) -> None:
    kept = [
        r for r in rows if r.split in ("test", "heldout") and r.source not in ("authored", "authored_heldout")
    ]
    everything = measure(kept, judge, classifier)
    benign = everything.pick(lambda r: r.source in VIDEO_BENIGN)
    for source in sorted({r.source for r in kept}):
        part = everything.pick(lambda r, s=source: r.source == s)
        split = "held out" if part.rows[0].split == "heldout" else "test split"
        if source in VIDEO_BENIGN:
            blocked, held = bootstrap(part.share(Action.BLOCK)), bootstrap(part.share(Action.REVIEW))
            report.row(
                "harmless video prompts and captions",
                set=source,
                split=split,
                n=len(part.rows),
                blocked=_text(blocked, 4),
                held=_text(held, 4),
            )
        elif source in HATE_SETS:
            ranking(report, f"{source} ({part.rows[0].lang}, {split})", part, "hate_harassment")
        else:
            against_benign(report, f"{source} ({split})", part.pick(lambda r: r.unsafe), benign)
    coprov2 = everything.pick(lambda r: r.source == "coprov2")
    ranking(report, "coprov2 against its safe twins (known style shortcut)", coprov2, None)
    moderation = everything.pick(lambda r: r.source == "openai_moderation")
    value, control = ranking(
        report, "openai_moderation (held out, 128 rows fewer than published)", moderation, None
    )
    for head in ("sexual", "hate_harassment", "violence_gore", "self_harm"):
        marked = np.array([head in r.categories for r in moderation.rows])
        column = moderation.scores[:, CATEGORIES.index(head)]
        report.row(
            "openai_moderation by category",
            head=head,
            n=int(marked.sum()),
            auprc=_text(bootstrap_precision(marked, column)),
        )
    heldout_benign = everything.pick(lambda r: r.source in ("partiprompts", "fetv"))
    blocked = float(heldout_benign.share(Action.BLOCK).mean())
    report.goal("harmless prompts blocked, PartiPrompts and FETV", "<= 0.005", blocked)
    report.goal("AUPRC on openai_moderation", ">= 0.88", value)
    report.goal("AUPRC on openai_moderation above the best control", "> 0", value - control)
    report.row("calibration", set="test splits", n=len(kept), expected_error=round(_ece(everything), 4))


def authored(report: Report, rows: list[Row], judge: Judge, classifier: TextClassifier) -> None:
    """Prompts written for measuring: per language, safe neighbours, and obfuscated twins."""
    part = measure([r for r in rows if r.source == "authored_heldout"], judge, classifier)
    caught: dict[str, float] = {}
    for lang in ("en", "de"):
        unsafe = part.pick(lambda r, x=lang: r.lang == x and r.unsafe)
        safe = part.pick(lambda r, x=lang: r.lang == x and not r.unsafe and r.near != "benign")
        plain = part.pick(lambda r, x=lang: r.lang == x and r.near == "benign")
        against_benign(report, f"own held-out templates ({lang}), against own harmless", unsafe, plain)
        blocked = float(safe.share(Action.BLOCK).mean())
        caught[lang] = float(unsafe.share(Action.BLOCK, Action.REVIEW).mean())
        report.row(
            "own held-out templates",
            lang=lang,
            unsafe=len(unsafe.rows),
            caught=round(caught[lang], 3),
            caught_by_rules=round(float(np.mean(unsafe.ruled > 0)), 3),
            sensitive=len(safe.rows),
            sensitive_blocked=round(blocked, 3),
            sensitive_held=round(float(safe.share(Action.REVIEW).mean()), 3),
            harmless_stopped=round(float(plain.share(Action.BLOCK, Action.REVIEW).mean()), 3),
        )
        report.goal(f"safe but sensitive prompts blocked, {lang}", "<= 0.10", blocked)
        for category in CATEGORIES:
            group = unsafe.pick(lambda r, c=category: c in r.categories)
            if group.rows:
                report.row(
                    "own held-out templates by category",
                    lang=lang,
                    category=category,
                    n=len(group.rows),
                    caught=round(float(group.share(Action.BLOCK, Action.REVIEW).mean()), 3),
                )
    gap = caught["en"] - caught["de"]
    report.goal("German caught less often than English", "<= 0.05", gap)
    report.goal("unsafe prompts of own held-out templates caught", ">= 0.80", min(caught.values()))
    unsafe = part.pick(lambda r: r.unsafe)
    plain_rate = float(unsafe.share(Action.BLOCK, Action.REVIEW).mean())
    for name, twist in TWISTS.items():
        rng = random.Random(name)
        actions = [judge.judge_text(twist(row.text, rng)).action for row in unsafe.rows]
        rate = float(np.mean([action is not Action.ALLOW for action in actions]))
        report.row(
            "obfuscated twins", trick=name, n=len(actions), caught=round(rate, 3), plain=round(plain_rate, 3)
        )
        report.goal(f"obfuscated twins lost: {name}", "<= 0.10", plain_rate - rate)


def _leet(text: str, rng: random.Random) -> str:
    return "".join(
        {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5"}.get(c, c) if rng.random() < 0.7 else c
        for c in text
    )


def _hidden(text: str, rng: random.Random) -> str:
    return "".join(c + rng.choice("\u200b\u200d\u2060\u00ad") if rng.random() < 0.5 else c for c in text)


def _lookalikes(text: str, rng: random.Random) -> str:
    table = dict(zip("aceopxyi", "асеорхуі", strict=True))
    return "".join(table.get(c, c) if rng.random() < 0.7 else c for c in text)


def _spaced(text: str, rng: random.Random) -> str:
    return "  ".join(" ".join(word) for word in text.split())


def _marks(text: str, rng: random.Random) -> str:
    return "".join(c + rng.choice("\u0336\u0332\u0307") if c.isalpha() else c for c in text)


TWISTS: dict[str, Callable[[str, random.Random], str]] = {
    "leetspeak": _leet,
    "hidden characters": _hidden,
    "look-alikes": _lookalikes,
    "spaced letters": _spaced,
    "combining marks": _marks,
}


def latency(report: Report, judge: Judge) -> None:
    """Milliseconds of processor time for one prompt of 500 characters, and of 32,000."""
    text = ("A wide shot of an old fisherman mending his nets on a pier at dawn while gulls circle. " * 6)[
        :500
    ]
    times = [_milliseconds(judge, text) for _ in range(200)]
    median, high = np.percentile(times, [50, 95])
    longest = _milliseconds(judge, ("a quiet walk through the old town " * 1000)[:32_000])
    report.row(
        "processor time",
        median_500=round(float(median), 2),
        p95_500=round(float(high), 2),
        one_of_32000=round(longest, 1),
    )
    report.goal("ms for a prompt of 500 characters, median", "<= 5", float(median))
    report.goal("ms for a prompt of 32,000 characters", "<= 1000", longest)


def _milliseconds(judge: Judge, text: str) -> float:
    started = time.process_time()
    judge.judge_text(text)
    return (time.process_time() - started) * 1e3


def _ece(part: Measured) -> float:
    """Expected calibration error of the heads, over the rows that say something about them."""
    known = np.array([row.weights for row in part.rows]) > 0
    truth = np.array([[c in row.categories for c in CATEGORIES] for row in part.rows])
    scores, hits = part.scores[known], truth[known]
    bins = np.minimum((scores * 10).astype(int), 9)
    error = 0.0
    for b in range(10):
        inside = bins == b
        if inside.any():
            error += float(inside.mean()) * abs(float(scores[inside].mean()) - float(hits[inside].mean()))
    return error


def _text(interval: object, digits: int = 3) -> str:
    value, low, high = (round(v, digits) for v in asdict(interval).values())  # type: ignore[call-overload]
    return f"{value} [{low}, {high}]"


NOT_QUICK = (
    ("harmless prompts blocked, PartiPrompts and FETV", "<= 0.005"),
    ("AUPRC on openai_moderation", ">= 0.88"),
    ("AUPRC on openai_moderation above the best control", "> 0"),
)


def _classifier(folder: Path | None) -> NgramClassifier:
    if folder is None:
        return NgramClassifier.embedded()
    expected = (folder / "prompts.sha256").read_text().split()[0]
    return NgramClassifier.from_bytes((folder / "prompts.npz").read_bytes(), expected)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=Path, help="folder of third-party sets")
    parser.add_argument("--quick", action="store_true", help="own prompts alone")
    parser.add_argument("--weights", type=Path, help="folder of other weights (policies.training --out)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    if not options.quick and options.prompts is None:
        parser.error("give --prompts FOLDER, or --quick")
    classifier = _classifier(options.weights)
    judge = Judge(load_policy(), classifier)
    rows = read_rows(None if options.quick else options.prompts)
    report = Report()
    if options.quick:
        for name, wanted in NOT_QUICK:
            report.goal(name, wanted, None)
    else:
        third_party(report, rows, judge, classifier)
    authored(report, rows, judge, classifier)
    latency(report, judge)
    for title, lines in report.tables.items():
        show_rows(title, lines)
    found = {"model": classifier.digest, "policy": judge.policy.digest, "tables": report.tables}
    return finish(report.goals, found, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
