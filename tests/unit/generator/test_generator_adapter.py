from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from generator import DiffusersGenerator, GenerationRequest, GeneratorError, Offer
from generator._torchvision import prepare

OFFER = Offer(
    sizes=((24, 20),),
    seconds=(1, 2),
    fps=20,
    licence="test",
    size_multiple=16,
    frame_multiple=4,
    steps=2,
    guidance=3.0,
)


def _request(**changes: Any) -> GenerationRequest:
    values: dict[str, Any] = {"prompt": "red ball", "seconds": 1, "width": 24, "height": 20, "seed": 5}
    return GenerationRequest(**(values | changes))


@pytest.fixture(scope="session")
def wan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real WanPipeline, tiny and random, saved the way models are published."""
    prepare()
    from diffusers import (
        AutoencoderKLWan,
        FlowMatchEulerDiscreteScheduler,
        WanPipeline,
        WanTransformer3DModel,
    )
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

    torch.manual_seed(0)
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<unk>": 1, "red": 2, "ball": 3}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    text = UMT5Config(
        vocab_size=8,
        d_model=16,
        d_kv=8,
        d_ff=16,
        num_layers=1,
        num_heads=2,
        pad_token_id=0,
        decoder_start_token_id=0,
    )
    pipeline = WanPipeline(
        tokenizer=PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>"),
        text_encoder=UMT5EncoderModel(text),
        transformer=WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=16,
            out_channels=16,
            text_dim=16,
            freq_dim=16,
            ffn_dim=16,
            num_layers=1,
            rope_max_seq_len=32,
        ),
        vae=AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )
    folder = tmp_path_factory.mktemp("wan")
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def wan(wan_folder: Path) -> DiffusersGenerator:
    return DiffusersGenerator(
        wan_folder, OFFER, dtype=torch.float32, device="cpu", arguments={"max_sequence_length": 16}
    )


def test_a_published_pipeline_makes_a_clip_of_exactly_the_size_asked_for(wan: DiffusersGenerator) -> None:
    heard: list[float] = []
    clip = wan.generate(_request(seconds=2), progress=heard.append)
    chunks = list(clip.chunks)
    assert [len(c) for c in chunks] == [32, 8]
    assert all(c.shape[1:] == (20, 24, 3) and c.dtype == np.uint8 for c in chunks)
    assert clip.frames == 40 == sum(map(len, chunks))
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)


def test_the_seed_decides_the_clip(wan: DiffusersGenerator) -> None:
    first, again, other = (np.concatenate(list(wan.generate(_request(seed=s)).chunks)) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_is_not_offered_is_refused(wan: DiffusersGenerator) -> None:
    picture = np.zeros((20, 24, 3), np.uint8)
    for change, code in (
        ({"width": 48}, "size_unsupported"),
        ({"seconds": 9}, "seconds_unsupported"),
        ({"reference": picture}, "reference_unsupported"),
    ):
        with pytest.raises(GeneratorError) as caught:
            wan.generate(_request(**change))
        assert caught.value.code == code


def test_the_digest_follows_the_weights(wan: DiffusersGenerator, wan_folder: Path, tmp_path: Path) -> None:
    from generator.embedded import weights_digest

    assert wan.info.digest == weights_digest(wan_folder)
    (tmp_path / "a").write_bytes(b"1")
    before = weights_digest(tmp_path)
    (tmp_path / "a").write_bytes(b"2")
    assert weights_digest(tmp_path) != before


def test_a_folder_without_a_pipeline_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError) as caught:
        DiffusersGenerator(tmp_path, OFFER)
    assert caught.value.code == "weights_missing"


class _Pipeline:
    """The least a pipeline can be: what it accepts is in its signature, what it does is handed in."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.components: dict[str, Any] = {}

    @classmethod
    def holding(cls, answer: Any) -> Any:
        return SimpleNamespace(from_pretrained=lambda *_a, **_k: cls(answer))

    def to(self, _device: str) -> "_Pipeline":
        return self

    def set_progress_bar_config(self, **_: Any) -> None: ...

    def __call__(self, prompt: str, num_frames: int) -> Any:
        return self.answer(num_frames)


def _raise(error: Exception) -> Any:
    def answer(_: int) -> Iterator[None]:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (_raise(torch.OutOfMemoryError("red ball")), "out_of_memory"),
        (_raise(RuntimeError("DefaultCPUAllocator: can't allocate memory")), "out_of_memory"),
        (_raise(KeyError("red ball")), "generation_failed"),
        (lambda n: SimpleNamespace(frames=[[np.zeros((32, 32, 3))] * 3]), "generation_failed"),
        (lambda n: SimpleNamespace(images=[1]), "generation_failed"),
        (lambda n: SimpleNamespace(frames=[[np.zeros((8, 8, 3))] * n]), "generation_failed"),
    ],
)
def test_failures_have_a_code_and_never_tell_the_prompt(answer: Any, code: str) -> None:
    maker = DiffusersGenerator("some/model", OFFER, pipeline_class=_Pipeline.holding(answer))
    with pytest.raises(GeneratorError) as caught:
        list(maker.generate(_request()).chunks)
    assert caught.value.code == code
    assert "red ball" not in str(caught.value)


def test_only_what_the_pipeline_accepts_is_passed_and_tensors_are_understood() -> None:
    def answer(num_frames: int) -> Any:
        assert num_frames == 21  # the next frame count of the form 4 k + 1
        return SimpleNamespace(frames=torch.full((1, num_frames, 3, 32, 32), 0.5))

    maker = DiffusersGenerator("some/model", OFFER, pipeline_class=_Pipeline.holding(answer))
    frames = np.concatenate(list(maker.generate(_request(steps=4, guidance=2.0)).chunks))
    assert frames.shape == (20, 20, 24, 3)
    assert set(np.unique(frames)) == {128}


def test_a_request_hides_its_prompt() -> None:
    assert "red ball" not in repr(_request(negative_prompt="red ball"))
