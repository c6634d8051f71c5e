"""The hand-written texts: complete, balanced, and without a way from one split to the other."""

from collections import Counter, defaultdict
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from policies.normalise import normalise
from policies.prompts import BENIGN, Prompt, parallel, read_everyday, read_prompts
from policies.taxonomy import CATEGORIES

PROMPTS = read_prompts()
MESSAGES = read_prompts(form="messages")
EVERYDAY = read_everyday()
NEAR = 0.5  # share of common character 5-grams from which two prompts count as the same


def grams(prompt: Prompt) -> frozenset[str]:
    text = " ".join(word.text for word in normalise(prompt.text).words)
    return frozenset(text[i : i + 5] for i in range(max(1, len(text) - 4)))


def test_there_are_enough_and_half_of_them_are_safe_neighbours() -> None:
    assert len(PROMPTS) >= 1500
    for lang in ("en", "de"):
        ours = [p for p in PROMPTS if p.lang == lang]
        assert len(ours) >= 0.45 * len(PROMPTS)
        assert 0.45 <= sum(not p.unsafe for p in ours) / len(ours) <= 0.6


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_both_labels_in_both_languages_and_splits(category: str) -> None:
    counts = Counter((p.split, p.lang, p.unsafe) for p in PROMPTS if p.category == category)
    assert len(counts) == 8
    for (_, _, unsafe), count in counts.items():
        # Sexual content with minors is covered by a few non-explicit rule cases only.
        assert count >= (4 if category == "sexual_minors" and unsafe else 10)
    held_out = sum(count for (split, _, _), count in counts.items() if split == "heldout")
    # Counted, not a share: what is added to train takes nothing from the precision of a measurement.
    assert held_out >= 50


@pytest.mark.parametrize("category", sorted(set(CATEGORIES) - {"sexual_minors"}))
def test_messages_of_every_category_come_with_both_labels_in_both_languages(category: str) -> None:
    counts = Counter((p.lang, p.unsafe) for p in MESSAGES if p.category == category)
    assert len(counts) == 4
    assert min(counts.values()) >= 10
    assert any(p.split == "heldout" for p in MESSAGES if p.category == category)


def test_everyday_prompts_are_harmless_in_both_languages_and_splits() -> None:
    counts = Counter((p.lang, p.split) for p in EVERYDAY)
    assert len(counts) == 4
    assert min(counts.values()) >= 50
    assert all(p.category == BENIGN and not p.unsafe and not p.categories for p in EVERYDAY)


@pytest.mark.parametrize("texts", [PROMPTS, MESSAGES, EVERYDAY], ids=["prompts", "messages", "everyday"])
def test_a_topic_lies_in_one_split(texts: list[Prompt]) -> None:
    splits = defaultdict(set)
    for prompt in texts:
        splits[prompt.category, prompt.topic].add(prompt.split)
    assert [topic for topic, found in splits.items() if len(found) > 1] == []


def test_a_topic_pairs_unsafe_with_safe() -> None:
    for (category, topic), group in groupby(PROMPTS, key=lambda p: (p.category, p.topic)):
        prompts = list(group)
        keys = {(p.lang, p.unsafe) for p in prompts}
        assert len(keys) == len(prompts), (category, topic)
        assert {lang for lang, _ in keys} == {"en", "de"}, (category, topic)
        assert any(not unsafe for _, unsafe in keys), (category, topic)
    topics = [key for key, _ in groupby((p.category, p.topic) for p in PROMPTS)]
    assert len(topics) == len(set(topics))


def test_the_parallel_set_is_large_and_both_sides_are_written_in_their_language() -> None:
    pairs = parallel(read_prompts("heldout"))
    assert len(pairs) >= 200
    assert sum(english.unsafe for english, _ in pairs) >= 100
    for english, german in pairs:
        assert english.text != german.text
        short = len(german.text) < 40  # a few words may be one in the other language
        assert short or 0.4 <= len(german.text) / len(english.text) <= 2.2, (english.category, english.topic)


def test_lengths_vary_and_do_not_give_the_label_away() -> None:
    words = sorted(len(p.text.split()) for p in PROMPTS)
    assert words[0] >= 1
    assert words[len(words) // 20] <= 9
    assert words[-len(words) // 20] >= 25
    assert words[-1] <= 130
    median = {
        unsafe: sorted(len(p.text) for p in PROMPTS if p.unsafe is unsafe)[
            sum(p.unsafe is unsafe for p in PROMPTS) // 2
        ]
        for unsafe in (True, False)
    }
    assert 0.8 <= median[True] / median[False] <= 1.25


@pytest.mark.parametrize("texts", [PROMPTS, MESSAGES, EVERYDAY], ids=["prompts", "messages", "everyday"])
def test_no_text_is_written_twice_and_none_is_near_one_of_the_other_split(texts: list[Prompt]) -> None:
    assert len({p.text.casefold() for p in texts}) == len(texts)
    train, heldout = ([p for p in texts if p.split == split] for split in ("train", "heldout"))
    columns: defaultdict[str, int] = defaultdict(lambda: len(columns))
    rows = [[[columns[gram] for gram in grams(p)] for p in split] for split in (heldout, train)]
    mine, theirs = (indicators(split, len(columns)) for split in rows)
    sizes = np.asarray(theirs.sum(axis=1)).ravel()
    for start in range(0, len(heldout), 200):
        part = mine[start : start + 200]
        common = (part @ theirs.T).tocoo()
        of_both = np.asarray(part.sum(axis=1)).ravel()[common.row] + sizes[common.col]
        near = np.flatnonzero(common.data >= NEAR * (of_both - common.data))
        assert not len(near), [
            (heldout[start + common.row[k]].topic, train[common.col[k]].topic) for k in near
        ]


def indicators(rows: list[list[int]], columns: int) -> Any:
    """Sparse (rows, columns): 1 where a row has a column."""
    ends = np.cumsum([0, *map(len, rows)])
    places = np.concatenate([np.array(row, np.int32) for row in rows])
    return csr_matrix((np.ones(len(places), np.float32), places, ends), shape=(len(rows), columns))
