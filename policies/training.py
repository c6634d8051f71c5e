"""Train the prompt classifier: ``train(folder, encoder)`` makes the weights that the package carries.

Four models are fitted on the same rows, calibrated and added up on the validation split: logistic regression over
hashed n-grams, a small network over a sentence encoder's embeddings, and adapters of two larger encoders that read
whole sentences, one of them English alone. Where an encoder is not installed the others stand without it, with a
calibration of their own.
Thresholds come from the validation split's harmless rows. scipy is needed here only.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies import lexicon
from policies.classifier import NgramClassifier, Weights
from policies.combined import ENGLISH_READER, READER, CombinedClassifier, readers_of
from policies.embedding import SentenceEncoder
from policies.encoder import Encoder
from policies.english import EnglishEncoder
from policies.fitting import (
    Progress,
    balanced,
    calibrate,
    fit_head,
    fit_ngrams,
    head_margins,
    part,
    taught,
    weighted,
)
from policies.metrics import average_precision, threshold_at
from policies.multilingual import MultilingualEncoder
from policies.prepared import Prepared, prepare, sample
from policies.prompts import BENIGN
from policies.sources import OWN, VIDEO_BENIGN, Row, read_rows
from policies.taxonomy import CATEGORIES, FLOOR, Category

MODEL_ID = "prompt-judge-4"
WEIGHTS = Path(__file__).parent / "weights"
RATES = {
    "block": {"plain": 0.004, "near": 0.03},
    "review": {"plain": 0.015, "near": 0.10},
}
"""Shares of harmless validation prompts that may be blocked, and that may be held or blocked: of everyday ones,
and of those that share words or scene with harmful ones."""
MEANING = 0.1
"""What the network over embeddings counts beside the reader. Factors fitted on the validation split, whose sources are
those of training, trust what knows these sources by heart."""
ENGLISH = 0.5
"""What the English reader counts of the two, where both read."""
LOWEST = {"block": 0.7, "review": 0.5}
"""No threshold lies below these, however clean the validation prompts are."""
LOWEST_OF = {
    Category.VIOLENCE_GORE: {"block": 0.9, "review": 0.6},
    Category.SELF_HARM: {"block": 0.75, "review": 0.7},
    Category.ELECTION_POLITICAL_DISINFORMATION: {"block": 0.75, "review": 0.55},
    Category.IP_COPYRIGHT: {"block": 1.0, "review": 0.4},
}
"""The same for a category: plain sentences of our tests about election news, the counting of votes, a barber's razor
and a boy's knife in a tree must pass; how much violence a film may show is a question of degree, and whether a brand
may be shown is for a person to say."""

HIGHEST_OF_FLOOR = {"block": 0.98, "review": 0.9}
"""What the floor allows for its categories (``floor.yaml``)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Encoders:
    """What adapters are trained for.

    Attributes:
        multilingual: Reads everything.
        english: Reads English beside it.
    """

    multilingual: Encoder
    english: Encoder

    @classmethod
    def installed(cls) -> "Encoders | None":
        """Those of the installed packages; None where one is missing."""
        multilingual, english = MultilingualEncoder.installed(), EnglishEncoder.installed()
        return None if multilingual is None or english is None else cls(multilingual, english)


@dataclass(frozen=True, slots=True)
class Trained:
    """What training made.

    Attributes:
        data: The weights' file.
        summary: What was done, without any prompt.
        arrays: The arrays inside the file.
    """

    data: bytes
    summary: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def ngrams(self) -> NgramClassifier:
        """The classifier that does without embeddings."""
        return NgramClassifier(self.weights())

    def combined(self, encoder: SentenceEncoder, read_by: Encoders | None = None) -> CombinedClassifier:
        """The classifier of n-grams and meaning, and with the encoders of the readers, too."""
        if read_by is None:
            return CombinedClassifier(self.weights(), encoder)
        readers = readers_of(self.arrays, read_by.multilingual, read_by.english)
        return CombinedClassifier(self.weights(), encoder, *readers)

    def weights(self) -> Weights:
        """The arrays as the classifiers take them."""
        return Weights(self.data, hashlib.sha256(self.data).hexdigest())


def train(
    folder: Path,
    encoder: SentenceEncoder,
    teacher: SentenceEncoder,
    read_by: Encoders,
    *,
    leave_out: frozenset[str] = frozenset(),
    seed: int = 0,
    device: str = "cpu",
    work: Path | None = None,
    progress: Progress = lambda _line, _share: None,
) -> Trained:
    """Read the sets, fit, calibrate and choose thresholds: three hours on one core.

    Args:
        folder: Third-party sets (see ``policies.sources``).
        encoder: Makes the embeddings.
        teacher: Reads the English rows to learn from, and what it makes of them is learnt, too.
        read_by: The encoders that the adapters belong to.
        leave_out: Sets to hold out besides the usual ones.
        seed: Same seed, same data, same device, same weights.
        device: Where the adapters are learnt, as torch names it.
        work: Folder that keeps embeddings and the adapters' state, so that an interrupted run goes on from them.
        progress: Receives one line at a time, and the share of the whole that is done.
    """
    rows = read_rows(folder, leave_out)
    prepared = prepare(sample(rows, seed), encoder, work, part(progress, 0.0, 0.15), teacher)
    held_out = sorted({row.source for row in rows if row.split == "heldout"})
    return fit(
        prepared, encoder, held_out, read_by,
        seed=seed, device=device, work=work, progress=part(progress, 0.15, 1.0),
    )  # fmt: skip


def fit(
    prepared: Prepared,
    encoder: SentenceEncoder,
    held_out: list[str],
    read_by: Encoders | None = None,
    *,
    seed: int,
    penalty: float = 3e-6,
    iterations: int = 40,
    device: str = "cpu",
    work: Path | None = None,
    progress: Progress,
) -> Trained:
    """Like ``train``, on rows that were prepared before.

    Args:
        prepared: Rows of the splits ``train`` and ``validation``; others are ignored.
        encoder: The encoder that made their vectors.
        held_out: Names of sets that were left out, for the record.
        read_by: The encoders that the adapters belong to; None makes a classifier without readers.
        seed: Seeds both fits.
        penalty: L2 penalty on the weights of the n-grams.
        iterations: Steps of L-BFGS at most.
        device: Where the adapters are learnt.
        work: Folder that keeps the adapters' state.
        progress: Receives one line at a time, and the share of the whole that is done.
    """
    everything = prepared.pick(lambda row: row.split == "train")
    learn = everything.pick(lambda row: any(row.weights))
    check = prepared.pick(lambda row: row.split == "validation" and any(row.weights))
    assert check.vectors is not None
    progress(f"{len(learn.rows)} rows to fit, {len(check.rows)} to validate", 0.0)
    weights, bias = fit_ngrams(
        learn.ngrams, learn.targets, learn.weights,
        seed=seed, penalty=penalty, iterations=iterations, progress=part(progress, 0.0, 0.1),
    )  # fmt: skip
    arrays: dict[str, NDArray[Any]] = {
        "weights": weights.astype(np.float16),
        "bias": bias.astype(np.float32),
        **_head(everything, seed, part(progress, 0.1, 0.15)),
    }
    words = check.ngrams @ arrays["weights"].astype(np.float32) + arrays["bias"]
    meaning = head_margins(arrays, check.vectors)
    arrays["calibration"] = _calibrations(check, words)
    arrays["joint"] = _calibrations(check, words, meaning)
    scores = {
        "ngrams": _sigmoid(weighted(arrays["calibration"], words)),
        "combined": _sigmoid(weighted(arrays["joint"], words, meaning)),
    }
    if read_by is not None:
        learnt, said = _fit_readers(
            read_by, learn, check.texts,
            seed=seed, device=device, work=work, progress=part(progress, 0.15, 0.95),
        )  # fmt: skip
        slope, offset = _calibrations(check, said[0] + MEANING * meaning)
        arrays |= learnt | {"joint_read": np.stack((MEANING * slope, slope, offset))}
        read = weighted(arrays["joint_read"], meaning, said[0])
        both = (1 - ENGLISH) * said[0] + ENGLISH * said[1] + MEANING * meaning
        slope, offset = _calibrations(check.where(check.english), both[check.english])
        arrays["joint_english"] = np.stack((MEANING * slope, (1 - ENGLISH) * slope, ENGLISH * slope, offset))
        twice = np.where(check.english[:, None], weighted(arrays["joint_english"], meaning, *said), read)
        scores |= {"read": _sigmoid(read), "read_twice": _sigmoid(twice)}
    strongest = list(scores.values())[-1]
    plain, near = harmless(check.rows)
    summary = {
        "id": MODEL_ID,
        "categories": CATEGORIES,
        "seed": seed,
        "penalty": penalty,
        "encoder": encoder.digest,
        "readers": None if read_by is None else [read_by.multilingual.digest, read_by.english.digest],
        "words": hashlib.sha256(files("policies").joinpath("weights", lexicon.NAME).read_bytes()).hexdigest(),
        "rows": len(learn.rows),
        "rows_read_by_teacher": 0
        if everything.lessons is None
        else int(everything.lessons.any(axis=1).sum()),
        "validation_rows": len(check.rows),
        "validation_harmless": {"plain": int(plain.sum()), "near": int(near.sum())},
        "sources": sorted({row.source for row in learn.rows}),
        "held_out": held_out,
        "thresholds": thresholds(strongest[plain], strongest[near]),
        "validation_average_precision": {
            model: {
                name: round(average_precision(check.targets[seen, k] > 0, values[seen, k]), 4)
                for k, name in enumerate(CATEGORIES)
                if (seen := check.weights[:, k] > 0).any()
            }
            for model, values in scores.items()
        },
    }
    progress("calibrated", 1.0)
    return Trained(_pack(arrays, summary), summary, arrays)


def _fit_readers(
    read_by: Encoders, learn: Prepared, check: list[str], *, seed: int, device: str, work: Path | None,
    progress: Progress,
) -> tuple[dict[str, NDArray[Any]], list[NDArray[np.float32]]]:  # fmt: skip
    """The adapters of both encoders, and what each reader then says of the texts to check (n, categories)."""
    from policies.adapting import learn_adapters  # these bring torch
    from policies.reader import PromptReader

    arrays: dict[str, NDArray[Any]] = {}
    said = []
    for k, (prefix, of) in enumerate(((READER, read_by.multilingual), (ENGLISH_READER, read_by.english))):
        learnt = learn_adapters(
            of, learn.texts, learn.targets, balanced(learn.targets, learn.weights),
            seed=seed, device=device, work=work, progress=part(progress, k / 2, (k + 1) / 2),
        )  # fmt: skip
        arrays |= {prefix + name: array for name, array in learnt.items()}
        said.append(PromptReader(of, learnt).margins(check))
    return arrays, said


def harmless(rows: list[Row]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows are harmless everyday prompts, and which are safe neighbours of harmful ones."""
    plain = [not row.unsafe and (row.source in VIDEO_BENIGN or row.near == BENIGN) for row in rows]
    near = [not row.unsafe and row.source in OWN for row in rows]
    return np.array(plain, bool), np.array(near, bool)


def thresholds(plain: Floats, near: Floats) -> dict[str, dict[str, float]]:
    """Per category, scores that few harmless prompts reach: all categories together keep the rates.

    Args:
        plain: Scores (n, categories) of everyday prompts.
        near: Scores (m, categories) of safe neighbours of harmful prompts.
    """
    chosen = {}
    for action, rates in RATES.items():
        limits = np.array([LOWEST_OF.get(Category(c), LOWEST)[action] for c in CATEGORIES])
        for scores, rate in ((plain, rates["plain"]), (near, rates["near"])):
            limits = np.maximum(limits, _limits(scores, rate, limits))
        of_floor = [category in FLOOR for category in CATEGORIES]
        chosen[action] = np.where(of_floor, np.minimum(limits, HIGHEST_OF_FLOOR[action]), limits)
    return {
        category: {
            "review": round(float(min(chosen["review"][k], chosen["block"][k])), 3),
            "block": round(float(chosen["block"][k]), 3),
        }
        for k, category in enumerate(CATEGORIES)
    }


def _limits(scores: Floats, rate: float, lowest: Floats) -> Floats:
    if not len(scores):
        return lowest
    share = rate
    while True:
        limits = np.maximum([threshold_at(column, share) for column in scores.T], lowest)
        if float((scores >= limits).any(axis=1).mean()) <= rate or share < 1e-9:
            return np.asarray(limits, np.float64)
        share *= 0.8


def save(trained: Trained, target: Path = WEIGHTS) -> None:
    """Write ``prompts.npz``, its sha256 and the summary."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "prompts.npz").write_bytes(trained.data)
    digest = hashlib.sha256(trained.data).hexdigest()
    (target / "prompts.sha256").write_text(f"{digest}  prompts.npz\n")
    (target / "prompts.json").write_text(json.dumps(trained.summary, indent=1) + "\n")


def _head(learn: Prepared, seed: int, progress: Progress) -> dict[str, NDArray[np.float32]]:
    assert learn.vectors is not None
    targets, weights = learn.targets, balanced(learn.targets, learn.weights)
    if learn.lessons is not None:
        targets, weights = taught(
            learn.lessons, targets, weights, seed=seed, progress=part(progress, 0.0, 0.5)
        )
        progress = part(progress, 0.5, 1.0)
    return fit_head(learn.vectors, targets, weights, seed=seed, progress=progress)


def _calibrations(check: Prepared, *said: NDArray[Any]) -> NDArray[np.float32]:
    """Per category, of what models say (n, categories): (models + 1, categories)."""
    margins = np.stack(said, axis=2)
    columns = [
        calibrate(check.targets[:, k] > 0, margins[:, k].astype(np.float64), check.weights[:, k])
        for k in range(len(CATEGORIES))
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _sigmoid(margins: NDArray[Any]) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(margins.astype(np.float64), -30, 30))), np.float64)


def _pack(arrays: dict[str, NDArray[Any]], summary: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, allow_pickle=False, metadata=np.frombuffer(json.dumps(summary).encode(), np.uint8), **arrays
    )
    return buffer.getvalue()
