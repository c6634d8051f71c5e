import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from policies import CATEGORIES, PolicyError
from policies.features import DIMENSIONS, WINDOW, features, windows
from policies.metrics import auroc, average_precision, bootstrap, platt, recall_at, threshold_at
from policies.normalise import normalise
from policies.sources import HELD_OUT, read_rows
from policies.templates import DATA, FILES, read_authored, render
from policies.training import save, thresholds, train_rows


def test_authored_prompts_come_from_their_templates() -> None:
    for source, target in FILES.items():
        assert (DATA / target).read_text(encoding="utf-8") == render(source)


def test_authored_prompts_cover_every_category_in_both_languages() -> None:
    rows = read_authored("train.jsonl")
    for lang in ("en", "de"):
        ours = [row for row in rows if row.lang == lang]
        assert {c for row in ours for c in row.categories} == set(CATEGORIES)
        assert 0.4 < sum(not row.categories for row in ours) / len(ours) < 0.7


def test_what_measures_is_never_trained_on() -> None:
    learnt = {row.text.casefold() for row in read_authored("train.jsonl")}
    assert not learnt & {row.text.casefold() for row in read_authored("heldout.jsonl")}
    rows = read_rows(None)
    assert {row.split for row in rows if row.source in HELD_OUT} == {"heldout"}


def test_features_are_stable_and_bounded() -> None:
    index, values = features("a red fox runs")
    again, _ = features("a red fox runs")
    assert (index == again).all()
    assert len(np.unique(index)) == len(index)
    assert index.min() >= 0
    assert index.max() < DIMENSIONS
    assert np.linalg.norm(values) < 2
    empty, _ = features("")
    assert len(empty) == 0 or np.isfinite(empty).all()
    assert len({tuple(features(t)[0]) for t in ("fox red", "red fox", "redfox")}) == 3


def test_windows_cover_the_whole_text() -> None:
    text = "".join(chr(97 + i % 26) for i in range(5 * WINDOW + 17))
    parts = windows(text)
    assert all(len(part) <= WINDOW for part in parts)
    assert parts[0] == text[:WINDOW]
    assert parts[-1] == text[-len(parts[-1]) :]
    assert windows("short") == ["short"]


def test_metrics_on_known_values() -> None:
    truth = np.array([True, False, True, False])
    scores = np.array([0.9, 0.8, 0.7, 0.1])
    assert average_precision(truth, scores) == pytest.approx((1 + 2 / 3) / 2)
    assert auroc(truth, scores) == pytest.approx(0.75)
    assert auroc(truth, np.ones(4)) == 0.5
    assert average_precision(truth, np.ones(4)) == 0.5
    negatives = np.arange(100) / 100
    assert np.mean(negatives >= threshold_at(negatives, 0.01)) <= 0.01
    assert recall_at(np.array([0.975, 0.985, 2.0]), negatives, 0.01) == pytest.approx(2 / 3)
    interval = bootstrap(np.array([0.0, 1.0] * 50))
    assert interval.value == 0.5
    assert interval.low < 0.5 < interval.high


def test_platt_recovers_a_sigmoid() -> None:
    rng = np.random.default_rng(0)
    margins = rng.normal(0, 3, 20_000)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(0.7 * margins - 1)))
    slope, offset = platt(truth, margins, np.ones(20_000))
    assert slope == pytest.approx(0.7, abs=0.05)
    assert offset == pytest.approx(-1, abs=0.08)


def test_thresholds_keep_the_rates_together() -> None:
    benign = np.random.default_rng(1).beta(0.5, 6, (5000, len(CATEGORIES)))
    chosen = thresholds(benign)
    block = np.array([chosen[c]["block"] for c in CATEGORIES])
    review = np.array([chosen[c]["review"] for c in CATEGORIES])
    assert (benign >= block + 0.001).any(axis=1).mean() <= 0.002
    assert (benign >= review + 0.001).any(axis=1).mean() <= 0.01
    assert (review <= block).all()


def test_training_learns_and_repeats(tmp_path: Path) -> None:
    """A small third-party-like folder of made-up words: the whole way, twice, to the same bytes."""
    folder = tmp_path / "sets"
    folder.mkdir()
    mapping = {"datasets": {"toy": {"categories": {"bad": "violence_gore"}, "approximate": []}}}
    (folder / "mapping.json").write_text(json.dumps(mapping))
    rng = np.random.default_rng(0)
    with gzip.open(folder / "toy.jsonl.gz", "wt") as file:
        for i in range(200):
            words = " ".join(rng.choice(["lamp", "tree", "boat", "milk", "stone"], 4))
            bad = i % 2 == 0
            row = {"text": f"{words} {'grumblefax' if bad else 'pleasant'} {i}", "lang": "en",
                   "label": "unsafe" if bad else "safe", "category": "bad" if bad else "none"}  # fmt: skip
            file.write(json.dumps(row) + "\n")
    lines: list[str] = []
    rows = [row for i, row in enumerate(read_rows(folder)) if row.source == "toy" or i % 60 == 0]
    first, second = (
        train_rows(rows, seed=3, penalty=1e-5, iterations=8, progress=lines.append) for _ in range(2)
    )
    assert first.data == second.data
    scores = first.classifier.scores(normalise("tree boat grumblefax lamp"))
    harmless = first.classifier.scores(normalise("tree boat pleasant lamp"))
    assert scores["violence_gore"] > 5 * harmless["violence_gore"]
    save(first, tmp_path / "out")
    assert (tmp_path / "out" / "prompts.sha256").read_text().split()[0] in first.classifier.digest
    assert not any("grumblefax" in line for line in lines)


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        read_rows(tmp_path)
    assert caught.value.code == "data_unreadable"
