"""Prompts judged once, and the figures that are read off them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Goal, goal
from policies import Action, Decision, Judge, Policy
from policies.classifier import NgramClassifier, TextClassifier
from policies.combined import CombinedClassifier
from policies.metrics import (
    Interval,
    auroc,
    average_precision,
    bootstrap,
    bootstrap_precision,
    calibration_error,
    threshold_at,
)
from policies.normalise import Normalised, normalise
from policies.sources import Row
from policies.taxonomy import CATEGORIES

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_CHUNK = 64
RATES = (0.01, 0.05)
"""Shares of harmless video prompts that may be hit where recall is read."""
MODERATED = (
    "sexual",
    "sexual_minors",
    "nonconsensual_intimate",
    "hate_harassment",
    "violence_gore",
    "self_harm",
)
"""Ours that stand behind the categories by which ``openai_moderation`` was labelled."""


MOST = 600
"""Rows of one set and label that are measured, evenly spread; `openai_moderation` is measured whole."""


class Remembered:
    """A classifier that was asked before, so that a judge does not ask it again."""

    def __init__(self, classifier: TextClassifier) -> None:
        self.id, self.digest = classifier.id, classifier.digest
        self._classifier = classifier
        self._known: dict[str, dict[str, float]] = {}

    def learn(self, texts: Sequence[Normalised]) -> list[dict[str, float]]:
        """Score several texts at once."""
        if isinstance(self._classifier, CombinedClassifier):
            found = self._classifier.scores_of(texts)
        else:
            found = [self._classifier.scores(text) for text in texts]
        self._known.update({text.readable: scores for text, scores in zip(texts, found, strict=True)})
        return found

    def scores(self, text: Normalised) -> dict[str, float]:
        """What was learnt, or what the classifier says now."""
        return self._known.get(text.readable) or self._classifier.scores(text)


@dataclass
class Measured:
    """Rows with everything that was computed on them."""

    rows: list[Row]
    decisions: list[Decision]
    scores: Floats  # (n, categories) of the classifier
    baseline: Floats  # (n, categories) of n-grams alone

    def pick(self, want: Callable[[Row], bool]) -> "Measured":
        """The part whose rows are wanted."""
        index = [i for i, row in enumerate(self.rows) if want(row)]
        chosen = [self.rows[i] for i in index], [self.decisions[i] for i in index]
        return Measured(*chosen, self.scores[index], self.baseline[index])

    @property
    def highest(self) -> Floats:
        """The highest score of each row over all categories."""
        return self.scores.max(axis=1)

    @property
    def lengths(self) -> Floats:
        """Characters of each row, a control."""
        return np.array([len(row.text) for row in self.rows], np.float64)

    @property
    def ruled(self) -> Floats:
        """What rules alone say of each row: 0 nothing, 0.5 review, 1 block."""
        rank = {Action.ALLOW: 0.0, Action.REVIEW: 0.5, Action.BLOCK: 1.0}
        return np.array([max((rank[m.action] for m in d.matches), default=0.0) for d in self.decisions])

    @property
    def unsafe(self) -> Bools:
        """Whether each row's set calls it harmful."""
        return np.array([row.unsafe for row in self.rows], bool)

    def share(self, *actions: Action) -> Floats:
        """1 where the decision is one of ``actions``, else 0."""
        return np.array([decision.action in actions for decision in self.decisions], np.float64)


def measure(
    rows: Iterable[Row], policy: Policy, classifier: TextClassifier, baseline: NgramClassifier
) -> Measured:
    """Score and judge rows, shortest first, so that a batch holds texts of one length."""
    ordered = sorted(rows, key=lambda row: (len(row.text), row.text))
    remembered = Remembered(classifier)
    judge = Judge(policy, remembered)
    decisions: list[Decision] = []
    scores: list[dict[str, float]] = []
    plain: list[dict[str, float]] = []
    for start in range(0, len(ordered), _CHUNK):
        texts = [row.text[:32_000] for row in ordered[start : start + _CHUNK]]
        normalised = [normalise(text) for text in texts]
        scores.extend(remembered.learn(normalised))
        plain.extend(baseline.scores(text) for text in normalised)
        decisions.extend(judge.judge_text(text) for text in texts)
    return Measured(ordered, decisions, _table(scores), _table(plain))


class Judged:
    """Judges rows with one policy and classifier, beside the n-grams of the same weights."""

    def __init__(self, policy: Policy, classifier: TextClassifier) -> None:
        self._policy, self._classifier = policy, classifier
        self._baseline = NgramClassifier.embedded()

    def __call__(self, rows: list[Row]) -> Measured:
        """Score and judge rows."""
        return measure(rows, self._policy, self._classifier, self._baseline)


def spread(rows: list[Row]) -> list[Row]:
    """At most ``MOST`` rows of each set and label."""
    groups: dict[tuple[str, bool], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.source, row.unsafe), []).append(row)
    return [
        row
        for (source, _), group in groups.items()
        for row in (group if source == "openai_moderation" else group[:: max(1, -(-len(group) // MOST))])
    ]


def _table(scores: list[dict[str, float]]) -> Floats:
    return np.array([[row[c] for c in CATEGORIES] for row in scores], np.float64).reshape(-1, len(CATEGORIES))


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


def against_benign(report: Report, table: str, name: str, positive: Measured, benign: Measured) -> None:
    """Recall where 1 % and 5 % of harmless prompts would be hit; beside it the controls and the policy."""
    found: dict[str, object] = {"set": name, "n": len(positive.rows), "harmless": len(benign.rows)}
    for rate in RATES:
        limit = threshold_at(benign.highest, rate)
        found[f"at_{rate:.0%}"] = text(bootstrap((positive.highest >= limit).astype(float)))
    plain = [threshold_at(benign.baseline.max(axis=1), rate) for rate in RATES]
    for rate, limit in zip(RATES, plain, strict=True):
        found[f"ngrams_{rate:.0%}"] = round(float(np.mean(positive.baseline.max(axis=1) >= limit)), 3)
    length = threshold_at(benign.lengths, RATES[1])
    report.row(
        table,
        **found,
        length_at_5=round(float(np.mean(positive.lengths >= length)), 3),
        rules=round(float(np.mean(positive.ruled > 0)), 3),
        held=round(float(positive.share(Action.REVIEW).mean()), 3),
        blocked=round(float(positive.share(Action.BLOCK).mean()), 3),
    )


def ranking(report: Report, name: str, part: Measured, heads: Sequence[str] = CATEGORIES) -> float:
    """AUPRC and AUROC inside one set over the highest of some heads, with the controls; returns AUPRC."""
    columns = [CATEGORIES.index(head) for head in heads]
    scores, plain = (table[:, columns].max(axis=1) for table in (part.scores, part.baseline))
    precision = bootstrap_precision(part.unsafe, scores)
    report.row(
        "ranking inside a set",
        set=name,
        heads="all" if len(heads) == len(CATEGORIES) else ", ".join(heads),
        n=len(part.rows),
        unsafe=int(part.unsafe.sum()),
        auprc=text(precision),
        auroc=round(auroc(part.unsafe, scores), 3),
        ngrams_auprc=round(average_precision(part.unsafe, plain), 3),
        ngrams_auroc=round(auroc(part.unsafe, plain), 3),
        auprc_length=round(average_precision(part.unsafe, part.lengths), 3),
        auprc_rules=round(average_precision(part.unsafe, part.ruled), 3),
    )
    return precision.value


def by_category(report: Report, name: str, part: Measured, benign: Measured) -> None:
    """Per category: AUPRC of its own head inside a set, and recall at shares of harmless prompts."""
    for k, category in enumerate(CATEGORIES):
        marked = np.array([category in row.categories for row in part.rows])
        if not marked.any() or not part.rows:
            continue
        limits = [threshold_at(benign.scores[:, k], rate) for rate in RATES]
        report.row(
            "by category",
            set=name,
            category=category,
            n=int(marked.sum()),
            auprc=text(bootstrap_precision(marked, part.scores[:, k])),
            ngrams_auprc=round(average_precision(marked, part.baseline[:, k]), 3),
            at_1=round(float(np.mean(part.scores[marked, k] >= limits[0])), 3),
            at_5=round(float(np.mean(part.scores[marked, k] >= limits[1])), 3),
        )


def calibration(report: Report, name: str, part: Measured) -> None:
    """Expected calibration error over the heads that the rows say something about."""
    known = np.array([row.weights for row in part.rows]) > 0
    truth = np.array([[c in row.categories for c in CATEGORIES] for row in part.rows])
    report.row(
        "calibration",
        set=name,
        n=len(part.rows),
        error=round(calibration_error(truth[known], part.scores[known]), 4),
        ngrams_error=round(calibration_error(truth[known], part.baseline[known]), 4),
        worst=_worst(part, truth, known),
    )


def _worst(part: Measured, truth: Bools, known: Bools) -> str:
    errors = {
        name: calibration_error(truth[known[:, k], k], part.scores[known[:, k], k])
        for k, name in enumerate(CATEGORIES)
        if known[:, k].any()
    }
    name = max(errors, key=lambda key: errors[key])
    return f"{name} {errors[name]:.4f}"


def text(interval: Interval, digits: int = 3) -> str:
    """An estimate with its interval, for a table."""
    value, low, high = (round(v, digits) for v in asdict(interval).values())
    return f"{value} [{low}, {high}]"
