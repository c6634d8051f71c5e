"""Train the text classifier: ``train(folder)`` writes the weights that the package carries.

Logistic regression over hashed n-grams with a weight for every (row, category), fitted by L-BFGS;
then Platt's calibration and thresholds on the validation split. scipy is needed here only.
"""

import argparse
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.classifier import NgramClassifier
from policies.features import DIMENSIONS, features, windows
from policies.metrics import average_precision, platt, threshold_at
from policies.normalise import normalise
from policies.sources import VIDEO_BENIGN, Row, read_rows
from policies.taxonomy import CATEGORIES

MODEL_ID = "prompt-ngrams-1"
WEIGHTS = Path(__file__).parent / "weights"
BLOCK_RATE, REVIEW_RATE = 0.001, 0.01
"""Share of harmless validation prompts that may be blocked, and that may be held or blocked."""
LOWEST = {"block": 0.8, "review": 0.3}
"""No threshold lies below these, however clean the validation prompts are."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trained:
    """What training made: the classifier, its file and a summary without any prompt."""

    classifier: NgramClassifier
    data: bytes
    summary: dict[str, Any]


def train(
    folder: Path,
    *,
    leave_out: frozenset[str] = frozenset(),
    seed: int = 0,
    penalty: float = 3e-6,
    iterations: int = 80,
    progress: Callable[[str], None] = print,
) -> Trained:
    """Read the sets, fit, calibrate and choose thresholds.

    Args:
        folder: Third-party sets (see ``policies.sources``).
        leave_out: Sets to hold out besides the usual ones.
        seed: Seeds the start; same seed, same data, same weights.
        penalty: L2 penalty on the weights.
        iterations: Steps of L-BFGS at most.
        progress: Receives one line at a time.
    """
    rows = read_rows(folder, leave_out)
    return train_rows(rows, seed=seed, penalty=penalty, iterations=iterations, progress=progress)


def train_rows(
    rows: Sequence[Row], *, seed: int, penalty: float, iterations: int, progress: Callable[[str], None]
) -> Trained:
    """Like ``train``, on rows that were read before."""
    fit_rows = [r for r in rows if r.split == "train" and any(r.weights)]
    check_rows = [r for r in rows if r.split == "validation"]
    progress(f"{len(fit_rows)} rows to fit, {len(check_rows)} to validate")
    matrix = _matrix(fit_rows)
    weights, bias = _fit(
        matrix, _targets(fit_rows), _row_weights(fit_rows), seed, penalty, iterations, progress
    )
    halves = weights.astype(np.float16)

    margins = _margins(halves, bias, check_rows)
    truth, importance = _targets(check_rows).astype(bool), _row_weights(check_rows)
    calibration = np.stack(
        [platt(truth[:, k], margins[:, k], importance[:, k]) for k in range(len(CATEGORIES))], axis=1
    )
    scores = 1 / (1 + np.exp(-np.clip(calibration[0] * margins + calibration[1], -30, 30)))
    benign = np.array(
        [not r.unsafe and (r.source in VIDEO_BENIGN or r.source == "authored") for r in check_rows]
    )
    summary = {
        "id": MODEL_ID,
        "categories": CATEGORIES,
        "seed": seed,
        "penalty": penalty,
        "rows": len(fit_rows),
        "validation_rows": len(check_rows),
        "validation_benign": int(benign.sum()),
        "sources": sorted({r.source for r in fit_rows}),
        "held_out": sorted({r.source for r in rows if r.split == "heldout"}),
        "thresholds": thresholds(scores[benign]),
        "validation_average_precision": {
            name: round(average_precision(truth[m, k], scores[m, k]), 4)
            for k, name in enumerate(CATEGORIES)
            if (m := importance[:, k] > 0).any()
        },
    }
    data = _pack(halves, bias, calibration, summary)
    return Trained(NgramClassifier.from_bytes(data, hashlib.sha256(data).hexdigest()), data, summary)


def thresholds(benign: Floats) -> dict[str, dict[str, float]]:
    """Per category, scores that few harmless prompts reach: all categories together keep the rates.

    Args:
        benign: Scores (n, categories) of harmless prompts.
    """
    chosen = {}
    for name, rate in (("block", BLOCK_RATE), ("review", REVIEW_RATE)):
        share = rate
        while True:
            limits = np.array([max(threshold_at(column, share), LOWEST[name]) for column in benign.T])
            if float((benign >= limits).any(axis=1).mean()) <= rate:
                break
            share *= 0.8
        chosen[name] = limits
    return {
        category: {
            "review": round(float(min(chosen["review"][k], chosen["block"][k])), 3),
            "block": round(float(chosen["block"][k]), 3),
        }
        for k, category in enumerate(CATEGORIES)
    }


def save(trained: Trained, target: Path = WEIGHTS) -> None:
    """Write ``prompts.npz``, its sha256 and the summary."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "prompts.npz").write_bytes(trained.data)
    digest = hashlib.sha256(trained.data).hexdigest()
    (target / "prompts.sha256").write_text(f"{digest}  prompts.npz\n")
    (target / "prompts.json").write_text(json.dumps(trained.summary, indent=1) + "\n")


def _matrix(rows: Sequence[Row]) -> Any:
    from scipy.sparse import csr_matrix

    found = [features(normalise(row.text).text) for row in rows]
    pointers = np.concatenate(([0], np.cumsum([len(indices) for indices, _ in found])))
    return csr_matrix(
        (
            np.concatenate([values for _, values in found]),
            np.concatenate([indices for indices, _ in found]),
            pointers,
        ),
        shape=(len(rows), DIMENSIONS),
    )


def _targets(rows: Sequence[Row]) -> Floats:
    return np.array([[category in row.categories for category in CATEGORIES] for row in rows], np.float64)


def _row_weights(rows: Sequence[Row]) -> Floats:
    return np.array([row.weights for row in rows], np.float64)


def _fit(
    matrix: Any, targets: Floats, weights: Floats, seed: int, penalty: float, iterations: int,
    progress: Callable[[str], None],
) -> tuple[Floats, Floats]:  # fmt: skip
    """Minimise the weighted logistic loss of all heads at once, on the columns that occur."""
    from scipy.optimize import minimize

    counts = np.bincount(matrix.indices, minlength=DIMENSIONS)
    used = np.flatnonzero(counts > 1)  # a run seen in one row alone teaches nothing general
    columns = matrix[:, used].astype(np.float32)
    transposed = columns.T.tocsr()
    heads, n = targets.shape[1], len(used)
    # Rare categories count as much as a tenth of the rows would, so they are not all "no".
    positive = (weights * targets).sum(axis=0)
    weights = weights * np.where(
        targets > 0, np.clip(0.05 * weights.sum(axis=0) / np.maximum(positive, 1), 1, 8), 1
    )
    weights = weights / len(targets)
    rng = np.random.default_rng(seed)
    start = np.concatenate((rng.normal(0, 1e-3, n * heads), np.full(heads, -3.0)))

    def loss(flat: Floats) -> tuple[float, Floats]:
        matrix_part, bias = flat[:-heads].reshape(n, heads), flat[-heads:]
        margin = np.asarray(columns @ matrix_part.astype(np.float32), np.float64) + bias
        value = float(np.sum(weights * (np.logaddexp(0, margin) - targets * margin)))
        error = weights * (1 / (1 + np.exp(-np.clip(margin, -40, 40))) - targets)
        gradient = np.asarray(transposed @ error.astype(np.float32), np.float64) + penalty * matrix_part
        value += 0.5 * penalty * float(np.sum(matrix_part**2))
        return value, np.concatenate((gradient.ravel(), error.sum(axis=0)))

    steps = 0

    def report(_: Floats) -> None:
        nonlocal steps
        steps += 1
        if steps % 25 == 0:
            progress(f"step {steps} of at most {iterations}")

    result = minimize(
        loss, start, jac=True, method="L-BFGS-B", callback=report,
        options={"maxiter": iterations, "maxcor": 8, "ftol": 1e-9, "gtol": 1e-7},
    )  # fmt: skip
    full = np.zeros((DIMENSIONS, heads))
    full[used] = result.x[:-heads].reshape(n, heads)
    return full, result.x[-heads:]


def _margins(weights: NDArray[np.float16], bias: Floats, rows: Sequence[Row]) -> Floats:
    """(rows, categories): the highest margin over each text's stretches."""
    out = np.empty((len(rows), len(bias)))
    for i, row in enumerate(rows):
        found = (features(stretch) for stretch in windows(normalise(row.text).text))
        out[i] = (
            np.max([values @ weights[index].astype(np.float32) for index, values in found], axis=0) + bias
        )
    return out


def _pack(weights: NDArray[np.float16], bias: Floats, calibration: Floats, summary: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        weights=weights,
        bias=bias.astype(np.float32),
        calibration=calibration.astype(np.float32),
        metadata=np.frombuffer(json.dumps(summary).encode(), np.uint8),
    )
    return buffer.getvalue()


def main() -> None:
    """``python -m policies.training --data FOLDER``."""
    parser = argparse.ArgumentParser(description="Train the prompt classifier.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--penalty", type=float, default=3e-6)
    parser.add_argument("--iterations", type=int, default=80)
    parser.add_argument("--leave-out", nargs="*", default=[])
    options = parser.parse_args()
    trained = train(
        options.data, seed=options.seed, penalty=options.penalty, iterations=options.iterations,
        leave_out=frozenset(options.leave_out),
    )  # fmt: skip
    save(trained, options.out)


if __name__ == "__main__":
    main()
