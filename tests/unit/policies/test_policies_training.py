import gzip
import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from policies import CATEGORIES, PolicyError, adapting
from policies.combined import CombinedClassifier, reader_of
from policies.embedding import SIZE, Floats
from policies.features import DIMENSIONS, LONG, SURROUNDINGS, WINDOW, around, features, windows
from policies.fitting import LESSON, calibrate, taught
from policies.metrics import auroc, average_precision, bootstrap, calibration_error, recall_at, threshold_at
from policies.normalise import normalise
from policies.prepared import MOST, MOST_OWN, composed, prepare, sample
from policies.sources import HELD_OUT, OWN, read_rows
from policies.teacher import EnglishTeacher
from policies.templates import DATA, FILES, read_authored, render
from policies.training import RATES, Encoders, fit, save, thresholds


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
    texts = ["a red fox runs", "fox red", "", "red fox", "redfox", "a red fox runs"]
    starts, indices, values = features(texts)
    of_each = [tuple(indices[first:last]) for first, last in pairwise(starts)]
    assert of_each[0] == of_each[-1]
    assert len(set(of_each)) == len(texts) - 1
    assert len(of_each[2]) == 1, "what has no letters has the feature of that, and nothing of its neighbours"
    for text, own, first, last in zip(texts, of_each, starts[:-1], starts[1:], strict=True):
        assert list(own) == sorted(set(own))
        assert np.linalg.norm(values[first:last]) < 2
        alone = features([text])
        assert (alone.indices == own).all()
        assert (alone.values == values[first:last]).all()
    assert 0 <= indices.min() <= indices.max() < DIMENSIONS


def test_windows_cover_the_whole_text() -> None:
    words = [f"w{i}" for i in range(900)]
    text = " ".join(words)
    parts = windows(text)
    assert all(len(part) <= WINDOW for part in parts)
    assert {word for part in parts for word in part.split()} >= set(words)
    assert all(part.split()[0] in words for part in parts)
    assert any(part.endswith(words[-1]) for part in parts)
    # A phrase of a hundred characters is whole in one of them, wherever it stands.
    assert all(any(text[i : i + 100] in part for part in parts) for i in range(len(text) - 100))
    assert windows("short") == ["short"]
    assert windows(text[:WINDOW]) == [text[:WINDOW]]
    unbroken = "".join(chr(0x4E00 + i) for i in range(3 * WINDOW))
    assert sum(map(len, windows(unbroken))) > len(unbroken)
    assert len(windows("ab" * LONG)) == 1, "what repeats is scored once"


def test_each_sentence_of_a_long_text_is_scored_by_itself() -> None:
    sentences = [
        f"The {name} crosses the long stone bridge at dawn." for name in ("fox", "boat", "cart", "dog")
    ]
    text = " ".join(sentences * 12) + " Wait! And now look."
    parts = windows(text)
    assert len(text) > LONG
    assert set(sentences) <= set(parts)
    assert parts[-2:] == [f"{sentences[-1]} Wait!", "Wait! And now look."], "short ones with the one before"
    assert windows("\n" * (LONG + 1) + "x") == ["x"]
    assert windows("\n" * (LONG + 1)) == [""]


def test_a_stretch_has_its_surroundings_on_both_sides() -> None:
    text = " ".join(f"w{i}" for i in range(900))
    for start in (0, 4, 1700, len(text) - 20):
        span = (start, start + 20)
        found = around(text, span)
        assert text[start : start + 20] in found
        assert len(found) <= SURROUNDINGS
        assert found.split()[0] in text.split()
    middle = around(text, (1700, 1720))
    assert 100 < middle.index(text[1700:1720]) < 180


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


def test_calibration_recovers_a_sigmoid_of_two_models() -> None:
    rng = np.random.default_rng(0)
    margins = rng.normal(0, 3, (20_000, 2))
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(0.7 * margins[:, 0] + 0.2 * margins[:, 1] - 1)))
    found = calibrate(truth, margins, np.ones(20_000))
    assert found == pytest.approx([0.7, 0.2, -1], abs=0.08)
    scores = 1 / (1 + np.exp(-(margins @ found[:2] + found[2])))
    assert calibration_error(truth, scores) < 0.02 < calibration_error(truth, scores**3)


@pytest.mark.parametrize("times", [0.01, 1, 30])
def test_calibration_ends_where_the_loss_is_least(times: float) -> None:
    """Margins so large that nearly all is certain at first lead a whole Newton step astray."""
    rng = np.random.default_rng(0)
    margins = times * rng.normal(-4, 3, (5000, 1))
    truth = rng.random(5000) < 1 / (1 + np.exp(-0.5 * margins[:, 0] / times))
    slope, offset = calibrate(truth, margins, np.ones(5000))
    assert slope * times == pytest.approx(0.5, abs=0.05)
    assert offset == pytest.approx(0, abs=0.2)


def test_thresholds_keep_the_rates_together() -> None:
    rng = np.random.default_rng(1)
    plain, near = rng.beta(0.5, 6, (5000, len(CATEGORIES))), rng.beta(1, 3, (2000, len(CATEGORIES)))
    chosen = thresholds(plain, near)
    for action, rates in RATES.items():
        limits = np.array([chosen[c][action] for c in CATEGORIES])
        assert (plain >= limits + 0.001).any(axis=1).mean() <= rates["plain"]
        assert (near >= limits + 0.001).any(axis=1).mean() <= rates["near"]
    assert all(limit["review"] <= limit["block"] for limit in chosen.values())


class Letters:
    """A small encoder of the tests: how often each pair of letters occurs."""

    id = "letters"
    digest = "sha256:" + "1" * 64
    asked = 0

    def encode(self, texts: Sequence[str]) -> Floats:
        self.asked += len(texts)
        out = np.zeros((len(texts), SIZE), np.float32)
        for row, text in zip(out, texts, strict=True):
            for a, b in pairwise(text):
                row[(31 * ord(a) + ord(b)) % SIZE] += 1
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)


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
    shares: list[float] = []

    def report(line: str, share: float) -> None:
        lines.append(line)
        shares.append(share)

    rows = [row for i, row in enumerate(read_rows(folder)) if row.source == "toy" or i % 60 == 0]
    encoder = Letters()
    first = fit(prepare(rows, encoder, tmp_path / "work"), encoder, [], seed=3, iterations=8, progress=report)
    again = Letters()
    second = fit(prepare(rows, again, tmp_path / "work"), again, [], seed=3, iterations=8, progress=report)
    assert first.data == second.data
    assert again.asked == 0, "embeddings of an earlier run are used again"
    for classifier in (first.ngrams(), first.combined(encoder)):
        scores = classifier.scores(normalise("tree boat grumblefax lamp"))
        harmless = classifier.scores(normalise("tree boat pleasant lamp"))
        assert scores["violence_gore"] > 5 * harmless["violence_gore"]
    save(first, tmp_path / "out")
    assert (tmp_path / "out" / "prompts.sha256").read_text().split()[0] in first.ngrams().digest
    assert not any("grumblefax" in line for line in lines)
    of_one = shares[: len(shares) // 2]
    assert of_one == sorted(of_one)
    assert of_one[-1] == 1


def test_a_teacher_is_heard_where_it_read() -> None:
    """Labels of some rows are withheld: a teacher that sees the truth gives them back."""
    rng = np.random.default_rng(0)
    truth = rng.random((8000, 14)) < 0.3
    lessons = (np.where(truth, 1.0, -1.0) + rng.normal(0, 0.3, truth.shape)).astype(np.float32)
    lessons[7000:] = 0  # not read
    weights = np.ones(truth.shape)
    weights[5000:7000] = 0  # no labels
    targets = np.where(weights > 0, truth, 0).astype(float)
    mixed, counted = taught(lessons, targets, weights, seed=0, progress=lambda _line, _share: None)
    assert auroc(truth[5000:7000].ravel(), mixed[5000:7000].ravel()) > 0.95
    assert (counted[5000:7000] > 0).all()
    assert (mixed[:5000][truth[:5000]] >= 1 - LESSON).all()
    assert (mixed[7000:] == targets[7000:]).all()
    assert (counted[7000:] == weights[7000:]).all()


def test_both_readers_are_trained_and_german_is_left_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapting, "PASSES", 1)
    rows = [row for row in read_rows(None) if row.source == "own" and row.split in ("train", "validation")]
    encoder, read_by = Letters(), Encoders.installed()
    assert read_by is not None
    trained = fit(
        prepare(rows[::151], encoder), encoder, [], read_by,
        seed=1, iterations=2, progress=lambda _line, _share: None,
    )  # fmt: skip
    assert trained.arrays["joint_read"].shape == (3, len(CATEGORIES))
    assert trained.arrays["joint_english"].shape == (4, len(CATEGORIES))
    assert {"read", "read_twice"} <= set(trained.summary["validation_average_precision"])
    both = trained.combined(encoder, read_by)
    reader = reader_of(trained.arrays, read_by.multilingual)
    one = CombinedClassifier(trained.weights(), encoder, reader)
    english, german = (
        normalise("she stabs the man in the garden"),
        normalise("sie ersticht den Mann im Garten"),
    )
    assert both.scores(english) != one.scores(english)
    assert both.scores(german) == one.scores(german)


def test_without_the_teachers_files_it_is_said_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policies.english.find_spec", lambda name: None)
    with pytest.raises(PolicyError, match="pip install") as caught:
        EnglishTeacher.installed()
    assert caught.value.code == "teacher_missing"
    (tmp_path / "model.onnx").write_bytes(b"another model")
    with pytest.raises(PolicyError):
        EnglishTeacher(tmp_path)


def test_the_sample_is_fair_and_composed_of_training_rows_alone() -> None:
    rows = read_rows(None)
    chosen = sample(rows, seed=1)
    assert chosen == sample(rows, seed=1)
    groups = Counter((row.source, row.unsafe, row.split) for row in chosen if row.source != "composed")
    assert max(n for (source, *_), n in groups.items() if source not in OWN) <= MOST
    assert max(groups.values()) <= MOST_OWN
    assert not {row.source for row in chosen} & HELD_OUT
    learnt = [row for row in rows if row.split == "train"]
    made = composed(learnt[:400] + learnt[-400:], seed=1)
    assert {row.unsafe for row in made} == {True, False}
    unsafe = {row.text.strip().rstrip(".") for row in learnt if row.unsafe}
    assert all(any(text in row.text for text in unsafe) == row.unsafe for row in made[:50])


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        read_rows(tmp_path)
    assert caught.value.code == "data_unreadable"
