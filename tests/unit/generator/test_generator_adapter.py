"""The adapter on a saved WanPipeline: exact sizes, failures with a code, memory, settings that do not fit."""

from __future__ import annotations

import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generator import DiffusersGenerator, GenerationRequest, GeneratorError, Offer, Running
from tests import tiny_pipelines

ON_CPU = Running(dtype=torch.float32, device="cpu")
SHORT = {"max_sequence_length": 16}


def _offer(**changes: Any) -> Offer:
    values: dict[str, Any] = {
        "sizes": ((24, 20),),
        "seconds": (1, 2),
        "fps": 20,
        "licence": "test",
        "steps": 2,
    }
    return Offer(**(values | changes))


def _request(**changes: Any) -> GenerationRequest:
    values: dict[str, Any] = {"prompt": "red ball", "seconds": 1, "width": 24, "height": 20, "seed": 5}
    return GenerationRequest(**(values | changes))


def _generator(folder: Path, **changes: Any) -> DiffusersGenerator:
    values: dict[str, Any] = {"offer": _offer(), "running": ON_CPU, "arguments": SHORT}
    return DiffusersGenerator(folder, **(values | changes))


def _frames(maker: DiffusersGenerator, **changes: Any) -> NDArray[np.uint8]:
    return np.concatenate(list(maker.generate(_request(**changes)).chunks))


@pytest.fixture(scope="module")
def wan(wan_folder: Path) -> DiffusersGenerator:
    return _generator(wan_folder)


def test_a_published_pipeline_makes_a_clip_of_exactly_the_size_asked_for(wan: DiffusersGenerator) -> None:
    heard: list[float] = []
    clip = wan.generate(_request(seconds=2), progress=heard.append)
    chunks = list(clip.chunks)
    assert [len(c) for c in chunks] == [32, 8]
    assert all(c.shape[1:] == (20, 24, 3) and c.dtype == np.uint8 for c in chunks)
    assert clip.frames == 40 == sum(map(len, chunks))
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)


def test_what_is_not_offered_is_refused_before_anything_is_loaded(wan_folder: Path) -> None:
    maker = _generator(wan_folder)
    picture = np.zeros((20, 24, 3), np.uint8)
    for changes, code in (
        ({"width": 64}, "size_unsupported"),
        ({"seconds": 3}, "seconds_unsupported"),
        ({"reference": picture}, "reference_unsupported"),
    ):
        with pytest.raises(GeneratorError) as refused:
            maker.generate(_request(**changes))
        assert refused.value.code == code
    assert maker._pipeline is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arguments": {"steps": 3}}, "takes no argument steps"),
        ({"arguments": {"num_frames": 3}}, "num_frames comes from the request"),
        ({"pipeline": "AutoencoderKLWan"}, "no pipeline of this version"),
        ({"pipeline": "NoSuchPipeline"}, "no pipeline of this version"),
        ({"pipeline": "LTXLatentUpsamplePipeline", "arguments": {}}, "takes no prompt"),
        ({"offer": Offer(((24, 20),), (), 20, "test")}, "say how many seconds"),
        ({"running": Running(device="cpu", offload="model")}, "needs an accelerator"),
    ],
)
def test_settings_that_do_not_fit_the_class_are_named(
    changes: dict[str, Any], reason: str, wan_folder: Path
) -> None:
    with pytest.raises(GeneratorError, match=reason) as refused:
        _generator(wan_folder, **changes)
    assert refused.value.code == "backend_invalid"


def test_a_class_can_be_named_in_place_of_the_folders_own(wan_folder: Path) -> None:
    maker = _generator(wan_folder, pipeline="WanImageToVideoPipeline")
    assert maker.info.needs_reference


def test_a_clip_longer_than_the_model_is_no_offer() -> None:
    assert _offer(seconds=(1,), max_frames=21).model_frames(1) == 21
    with pytest.raises(GeneratorError, match="take 21 frames") as refused:
        _offer(seconds=(1,), max_frames=20)
    assert refused.value.code == "backend_invalid"


class _Transformer:
    """Stands before the pipeline's real transformer and fails as often as it is told to."""

    def __init__(self, maker: DiffusersGenerator, error: Exception, times: int = 1) -> None:
        maker.load()
        self.left, self.error, self.held = times, error, None
        self.real = maker._pipeline.transformer.forward
        maker._pipeline.transformer.forward = self

    def __call__(self, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if self.left:
            self.left -= 1
            self.held = weakref.ref(hidden_states)
            raise type(self.error)(*self.error.args)
        return self.real(hidden_states, *args, **kwargs)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (torch.OutOfMemoryError("red ball"), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (KeyError("red ball"), "generation_failed"),
    ],
)
def test_a_failure_has_a_code_gives_its_memory_back_and_the_next_clip_is_made(
    error: Exception, code: str, wan_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied: list[bool] = []
    maker = _generator(wan_folder)
    before = _frames(maker)
    failing = _Transformer(maker, error)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(failing.held() is None))
    with pytest.raises(GeneratorError) as caught:
        _frames(maker)
    assert caught.value.code == code
    assert "red ball" not in str(caught.value)
    monkeypatch.undo()
    assert emptied == [True], "the failed call's tensors were still held"
    assert np.array_equal(_frames(maker), before)


@pytest.mark.parametrize(
    "answer",
    [
        SimpleNamespace(frames=[[np.zeros((32, 32, 3))] * 3]),
        SimpleNamespace(frames=[]),
        SimpleNamespace(videos=[1]),
        SimpleNamespace(frames=[[np.zeros((8, 8, 3))] * 21]),
        SimpleNamespace(frames=[[np.full((32, 32, 3), np.nan)] * 21]),
    ],
)
def test_an_answer_that_is_no_clip_is_a_failure(
    answer: Any, wan_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = _generator(wan_folder)
    maker.load()
    monkeypatch.setattr(type(maker._pipeline), "__call__", lambda *_, **__: answer)
    with pytest.raises(GeneratorError) as caught:
        _frames(maker)
    assert caught.value.code == "generation_failed"


def test_tensors_are_understood(wan: DiffusersGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    wan.load()
    answer = SimpleNamespace(frames=torch.full((1, 21, 3, 32, 32), 0.5))
    monkeypatch.setattr(type(wan._pipeline), "__call__", lambda *_, **__: answer)
    assert set(np.unique(_frames(wan))) == {128}


def test_the_decoder_works_in_tiles_and_slices_where_it_is_asked_to(wan_folder: Path, tmp_path: Path) -> None:
    maker = _generator(
        wan_folder, running=Running(dtype=torch.float32, device="cpu", vae_tiling=True, vae_slicing=True)
    )
    maker.load()
    assert maker._pipeline.vae.use_tiling
    assert maker._pipeline.vae.use_slicing


@pytest.mark.parametrize(
    ("offload", "method"),
    [("model", "enable_model_cpu_offload"), ("sequential", "enable_sequential_cpu_offload"), ("none", "to")],
)
def test_weights_go_where_they_are_told_to(
    offload: Any, method: str, wan_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import diffusers

    called: list[Any] = []
    for name in ("enable_model_cpu_offload", "enable_sequential_cpu_offload"):
        monkeypatch.setattr(
            diffusers.WanPipeline, name, lambda _, device, name=name: called.append((name, device))
        )
    monkeypatch.setattr(diffusers.WanPipeline, "to", lambda _, device: called.append(("to", device)))
    _generator(wan_folder, running=Running(device="cuda:1", offload=offload)).load()
    assert called == [(method, "cuda:1")]


def test_parts_may_have_their_own_type(wan_folder: Path) -> None:
    types = {"default": torch.bfloat16, "vae": torch.float32}
    maker = _generator(wan_folder, running=Running(dtype=types, device="cpu"))
    maker.load()
    assert maker._pipeline.transformer.dtype == torch.bfloat16
    assert maker._pipeline.vae.dtype == torch.float32
    assert _frames(maker).std() > 1


def test_loading_and_running_draw_nothing(wan_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _frames(_generator(wan_folder))
    seen = capfd.readouterr()
    assert "it/s" not in seen.err + seen.out


def test_a_request_hides_its_prompt() -> None:
    assert "red ball" not in repr(_request(negative_prompt="red ball"))


def test_the_words_decide_what_is_made(tmp_path: Path) -> None:
    maker = _generator(tiny_pipelines.save(tiny_pipelines.cogvideox, tmp_path), offer=_offer(seconds=(1,)))
    red, blue = (_frames(maker, prompt=prompt) for prompt in ("red ball", "blue cube jumps"))
    assert not np.array_equal(red, blue)
