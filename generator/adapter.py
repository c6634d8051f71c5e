"""Any diffusers pipeline as a generator."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from generator._loading import quiet_loading
from generator._torchvision import prepare
from generator.embedded import weights_digest
from generator.errors import GeneratorError
from generator.types import (
    CHUNK_FRAMES,
    Frames,
    GeneratedClip,
    GenerationRequest,
    GeneratorInfo,
    Progress,
    check_request,
)

_SHARE_OF_STEPS: Final = 0.9


@dataclass(frozen=True)
class Offer:
    """What an operator says a pipeline makes; no pipeline tells this itself.

    `size_multiple` and `frame_multiple` are the model's own grid: clips are made a little larger
    (one frame more than a multiple, as video models count) and then cut to what was asked for.
    """

    sizes: tuple[tuple[int, int], ...]
    seconds: tuple[int, ...]
    fps: int
    licence: str
    size_multiple: int = 16
    frame_multiple: int = 4
    steps: int | None = None
    guidance: float | None = None


class DiffusersGenerator:
    """Runs a diffusers video pipeline, whichever keyword arguments its class happens to take.

    Args:
        model: a repository id or a local folder.
        offer: what the pipeline makes.
        pipeline_class: the pipeline's class where diffusers cannot find it by itself.
        revision: which revision of the repository.
        dtype: the weights' type.
        device: where to run; None takes the accelerator if there is one.
        arguments: further keyword arguments for each call, such as a model's own options.

    Raises:
        GeneratorError: weights_missing, out_of_memory.
    """

    def __init__(
        self,
        model: str | Path,
        offer: Offer,
        *,
        pipeline_class: Any = None,
        revision: str | None = None,
        dtype: torch.dtype = torch.bfloat16,
        device: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        prepare()
        from diffusers import DiffusionPipeline

        kind = pipeline_class or DiffusionPipeline
        place = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            with quiet_loading():
                self._pipeline = kind.from_pretrained(model, dtype=dtype, revision=revision).to(place)
        except (OSError, ValueError) as error:
            raise GeneratorError("weights_missing", "the pipeline could not be loaded") from error
        except (RuntimeError, MemoryError) as error:
            raise _translated(error) from error
        self._pipeline.set_progress_bar_config(disable=True)
        self._offer, self._arguments = offer, dict(arguments or {})
        self._accepted = set(inspect.signature(self._pipeline.__call__).parameters)
        folder = Path(model)
        name = folder.name if folder.is_dir() else str(model)
        self.info = GeneratorInfo(
            id=f"diffusers:{name}",
            name=name,
            revision=revision or "unpinned",
            digest=weights_digest(folder) if folder.is_dir() else _state_digest(self._pipeline),
            licence=offer.licence,
            sizes=offer.sizes,
            seconds=offer.seconds,
            fps=offer.fps,
            accepts_reference="image" in self._accepted,
            produces_audio=False,
        )

    def generate(self, request: GenerationRequest, *, progress: Progress | None = None) -> GeneratedClip:
        """Begin a clip, made whole when its first chunk is read; it then waits in a private file.

        Raises:
            GeneratorError: size_unsupported, seconds_unsupported, reference_unsupported; while the chunks are
                read also out_of_memory and generation_failed.
        """
        check_request(self.info, request)
        frames = request.seconds * self._offer.fps
        return GeneratedClip(
            request.width, request.height, self._offer.fps, frames, self._chunks(request, frames, progress)
        )

    def _call_arguments(
        self, request: GenerationRequest, frames: int, progress: Progress | None
    ) -> dict[str, Any]:
        grid, beat = self._offer.size_multiple, self._offer.frame_multiple
        steps = request.steps or self._offer.steps
        guidance = self._offer.guidance if request.guidance is None else request.guidance
        wanted: dict[str, Any] = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "width": -(-request.width // grid) * grid,
            "height": -(-request.height // grid) * grid,
            "num_frames": -(-(frames - 1) // beat) * beat + 1,
            "frame_rate": self._offer.fps,
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "np",
        }
        if request.reference is not None:
            from PIL import Image

            wanted["image"] = Image.fromarray(request.reference)
        if progress:

            def on_step(pipeline: Any, step: int, _moment: Any, values: dict[str, Any]) -> dict[str, Any]:
                progress(
                    _SHARE_OF_STEPS
                    * min(1.0, (step + 1) / max(1, getattr(pipeline, "num_timesteps", step + 1)))
                )
                return values

            wanted["callback_on_step_end"] = on_step
        given = {k: v for k, v in wanted.items() if v is not None} | self._arguments
        return {k: v for k, v in given.items() if k in self._accepted}

    def _chunks(self, request: GenerationRequest, frames: int, progress: Progress | None) -> Iterator[Frames]:
        with tempfile.TemporaryFile() as spill:
            try:
                result = self._pipeline(**self._call_arguments(request, frames, progress))
                _spill(result, spill, request, frames)
            except GeneratorError:
                raise
            except Exception as error:  # a foreign pipeline may raise anything
                raise _translated(error) from error
            del result
            size = request.height * request.width * 3
            for start in range(0, frames, CHUNK_FRAMES):
                count = min(CHUNK_FRAMES, frames - start)
                spill.seek(start * size)
                data = np.frombuffer(spill.read(count * size), np.uint8)
                if progress:
                    progress(_SHARE_OF_STEPS + (1 - _SHARE_OF_STEPS) * (start + count) / frames)
                yield data.reshape(count, request.height, request.width, 3)


def _spill(result: Any, spill: IO[bytes], request: GenerationRequest, frames: int) -> None:
    """Write the clip's frames, cut to the size asked for, one by one."""
    clip = getattr(result, "frames", None)
    if clip is None or len(clip) == 0 or len(clip[0]) < frames:
        raise GeneratorError("generation_failed", "the pipeline returned too few frames")
    pictures: Sequence[Any] = clip[0]
    for i in range(frames):
        picture = _as_bytes(pictures[i])
        top, left = (picture.shape[0] - request.height) // 2, (picture.shape[1] - request.width) // 2
        if top < 0 or left < 0:
            raise GeneratorError("generation_failed", "the pipeline returned frames that are too small")
        spill.write(picture[top : top + request.height, left : left + request.width].tobytes())


def _as_bytes(picture: Any) -> NDArray[np.uint8]:
    if isinstance(picture, torch.Tensor):
        picture = picture.detach().float().cpu().movedim(0, -1).numpy()
    array = np.asarray(picture)
    if array.dtype == np.uint8:
        return array
    return np.asarray(np.round(np.clip(array, 0, 1) * 255), np.uint8)


def _translated(error: Exception) -> GeneratorError:
    text = str(error)
    memory = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "allocate memory" in text
    return GeneratorError("out_of_memory" if memory or "out of memory" in text else "generation_failed")


def _state_digest(pipeline: Any) -> str:
    """A digest over the loaded numbers, for pipelines whose files lie in a shared cache."""
    import hashlib

    total = hashlib.sha256()
    for name, part in sorted(pipeline.components.items()):
        if isinstance(part, torch.nn.Module):
            for key, value in sorted(part.state_dict().items()):
                total.update(f"{name}.{key}".encode())
                total.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return f"sha256:{total.hexdigest()}"
