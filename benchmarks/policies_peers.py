"""Judges by others that a package carries and that run here, on the same rows. What is not installed is skipped."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.policies_measures import Measured, Report, text
from policies.metrics import auroc, bootstrap_precision

Judge = Callable[[Sequence[str]], Sequence[float]]


def peers(report: Report, name: str, part: Measured) -> None:
    """Fill the table of peers on one set."""
    texts = [row.text for row in part.rows]
    for peer, load in PEERS.items():
        judge = load()
        if judge is None:
            report.row("peers that run here", judge=peer, set=name, auprc="not installed")
            continue
        scores = np.array(judge(texts), np.float64)
        report.row(
            "peers that run here",
            judge=peer,
            set=name,
            n=len(texts),
            auprc=text(bootstrap_precision(part.unsafe, scores)),
            auroc=round(auroc(part.unsafe, scores), 3),
        )


def _profanity() -> Judge | None:
    """alt-profanity-check (MIT): a linear model over words, English."""
    try:
        from profanity_check import predict_prob
    except ImportError:
        return None
    return lambda texts: [float(value) for value in predict_prob(list(texts))]


PEERS: dict[str, Callable[[], Judge | None]] = {"alt-profanity-check": _profanity}
