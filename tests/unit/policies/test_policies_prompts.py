"""The hand-written prompts: complete, balanced, and without a way from one split to the other."""

from collections import Counter, defaultdict
from itertools import groupby

import pytest

from policies.normalise import normalise
from policies.prompts import Prompt, parallel, read_prompts
from policies.taxonomy import CATEGORIES

PROMPTS = read_prompts()
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
    assert held_out >= 50


def test_a_topic_lies_in_one_split_and_pairs_unsafe_with_safe() -> None:
    for (category, topic), group in groupby(PROMPTS, key=lambda p: (p.category, p.topic)):
        prompts = list(group)
        assert len({p.split for p in prompts}) == 1, (category, topic)
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
        assert 0.4 <= len(german.text) / len(english.text) <= 2.2, (english.category, english.topic)


def test_lengths_vary_and_do_not_give_the_label_away() -> None:
    words = sorted(len(p.text.split()) for p in PROMPTS)
    assert words[0] >= 1
    assert words[len(words) // 20] <= 9
    assert words[-len(words) // 20] >= 25
    assert words[-1] <= 100
    median = {
        unsafe: sorted(len(p.text) for p in PROMPTS if p.unsafe is unsafe)[
            sum(p.unsafe is unsafe for p in PROMPTS) // 2
        ]
        for unsafe in (True, False)
    }
    assert 0.8 <= median[True] / median[False] <= 1.25


def test_no_prompt_is_written_twice_and_none_is_near_one_of_the_other_split() -> None:
    assert len({p.text.casefold() for p in PROMPTS}) == len(PROMPTS)
    train = [(p, grams(p)) for p in PROMPTS if p.split == "train"]
    having = defaultdict(list)
    for place, (_, theirs) in enumerate(train):
        for gram in theirs:
            having[gram].append(place)
    for prompt in (p for p in PROMPTS if p.split == "heldout"):
        own = grams(prompt)
        shared = Counter(place for gram in own for place in having[gram])
        for place, common in shared.items():
            other, theirs = train[place]
            assert common < NEAR * (len(own) + len(theirs) - common), (prompt.topic, other.topic)
