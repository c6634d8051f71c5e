"""Any diffusers pipeline as a generator."""

from __future__ import annotations

import gc
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Literal

import torch

from generator import identity, results
from generator._loading import quiet_loading
from generator._torchvision import prepare
from generator.calls import SHARE_OF_STEPS, Call, pipeline_class
from generator.errors import GeneratorError
from generator.offer import Offer
from generator.types import (
    Frames,
    GeneratedClip,
    GenerationRequest,
    GeneratorInfo,
    Progress,
    Sound,
    check_request,
)


@dataclass(frozen=True)
class Running:
    """How a pipeline runs.

    Attributes:
        dtype: the weights' type, for all components or by name (``default`` for the others).
        device: where to run, as torch names it; None takes the accelerator if there is one.
        offload: what waits in main memory while it is not needed: nothing, whole models, or single layers.
        vae_tiling: decode in tiles, which takes less memory at large sizes.
        vae_slicing: decode one picture of a batch at a time.
    """

    dtype: torch.dtype | Mapping[str, torch.dtype] = torch.bfloat16
    device: str | None = None
    offload: Literal["none", "model", "sequential"] = "none"
    vae_tiling: bool = False
    vae_slicing: bool = False

    @property
    def place(self) -> str:
        """The device."""
        return self.device or ("cuda" if torch.cuda.is_available() else "cpu")


class DiffusersGenerator:
    """Runs a diffusers pipeline, whichever keyword arguments its class happens to take.

    The weights are loaded by `load`, or at the first clip. One clip is made at a time: pipelines keep the state of
    their call in themselves.

    Args:
        model: a local folder, or the id of a repository in the local cache; nothing is downloaded. Only safetensors
            are loaded.
        offer: what the pipeline makes.
        folder: holds the repository's files in place of the local cache.
        pipeline: name of the class; the one that the folder names if None.
        revision: which revision of the repository.
        digest: `sha256:…` that the weights must have; None to take what is there.
        running: how it runs.
        arguments: further keyword arguments for each call, such as a model's own options.

    Raises:
        GeneratorError: weights_missing, backend_invalid.
    """

    def __init__(
        self,
        model: str | Path,
        offer: Offer,
        *,
        folder: Path | None = None,
        pipeline: str | None = None,
        revision: str | None = None,
        digest: str | None = None,
        running: Running = Running(),
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        prepare()
        self._source = identity.find(model, revision, folder)
        index = identity.pipeline_index(self._source.folder)
        self._class = pipeline_class(pipeline or index.get("_class_name"))
        self._sounds = any(index.get("vocoder") or ())
        self._call = Call(self._class, offer, arguments or {})
        self._offer, self._running, self._pinned = offer, running, digest
        if running.offload != "none" and running.place == "cpu":
            raise GeneratorError("backend_invalid", "offloading needs an accelerator to load to")
        self._lock = threading.Lock()
        self._pipeline: Any = None
        # Beside everything else, and above all beside the loading of the same files.
        self._hashing = ThreadPoolExecutor(1).submit(identity.digest_of, self._source.folder)

    @cached_property
    def info(self) -> GeneratorInfo:
        """Who this generator is and what it can make; the first look waits until its files are hashed.

        Raises:
            GeneratorError: weights_missing, weights_altered.
        """
        digest = self._hashing.result()
        if self._pinned not in (None, digest):
            raise GeneratorError("weights_altered", f"{self._source.name} has the digest {digest}")
        return GeneratorInfo(
            id=f"diffusers:{self._source.name}",
            name=self._source.name,
            revision=self._source.revision,
            digest=digest,
            licence=self._offer.licence,
            sizes=self._offer.sizes,
            seconds=self._offer.seconds,
            fps=self._offer.fps,
            accepts_reference=self._call.takes_reference,
            produces_audio=self._sounds,
            needs_reference=self._call.needs_reference,
            makes_pictures=not self._offer.seconds,
        )

    def load(self) -> None:
        """Bring the weights to where they run, if they are not there yet.

        Raises:
            GeneratorError: weights_missing, weights_altered, backend_invalid, out_of_memory.
        """
        with self._lock:
            self._ready()

    def generate(self, request: GenerationRequest, *, progress: Progress | None = None) -> GeneratedClip:
        """Begin a clip, made whole when its first chunk is read; it then waits in a private file.

        Raises:
            GeneratorError: size_unsupported, seconds_unsupported, reference_unsupported, reference_required; while the
                chunks are read also what `load` raises, out_of_memory and generation_failed.
        """
        check_request(self.info, request)
        frames = self._offer.frames(request.seconds)
        heard: list[Sound | None] = []
        return GeneratedClip(
            request.width,
            request.height,
            self._offer.fps,
            frames,
            self._chunks(request, frames, progress, heard),
            sound=lambda: heard[0] if heard else None,
        )

    def _chunks(
        self, request: GenerationRequest, frames: int, progress: Progress | None, heard: list[Sound | None]
    ) -> Iterator[Frames]:
        with tempfile.TemporaryFile() as file:
            with self._lock:
                heard.append(self._make(request, frames, file, progress))
            made = 0
            for chunk in results.chunks(file, request.width, request.height, frames):
                made += len(chunk)
                if progress:
                    progress(SHARE_OF_STEPS + (1 - SHARE_OF_STEPS) * made / frames)
                yield chunk

    def _make(
        self, request: GenerationRequest, frames: int, file: IO[bytes], progress: Progress | None
    ) -> Sound | None:
        pipeline = self._ready()
        try:
            result = pipeline(**self._call.arguments(request, progress))
            results.spill(result, file, request.width, request.height, frames)
            return results.sound_of(result, pipeline, frames / self._offer.fps)
        except GeneratorError:
            raise
        except Exception as error:  # noqa: BLE001 - a foreign pipeline may raise anything
            failure = _translated(error, self._class.__name__)
        # Only here, where the exception and the frames that it kept alive are gone, is there memory to give back.
        self._release()
        raise failure

    def _ready(self) -> Any:
        if self._pipeline is None:
            try:
                self._pipeline = self._loaded()
            except GeneratorError:
                raise
            except (OSError, ValueError) as error:
                raise GeneratorError("weights_missing", "the pipeline could not be loaded") from error
            except (RuntimeError, MemoryError) as error:
                failure = _translated(error, self._class.__name__)
            else:
                return self._pipeline
            self._release()
            raise failure
        return self._pipeline

    def _loaded(self) -> Any:
        running = self._running
        dtype = running.dtype if isinstance(running.dtype, torch.dtype) else dict(running.dtype)
        with quiet_loading():
            pipeline = self._class.from_pretrained(
                self._source.folder, dtype=dtype, use_safetensors=True, local_files_only=True
            )
        _ = self.info  # nothing runs that has not the digest it should have
        pipeline.set_progress_bar_config(disable=True)
        for wanted, method in (
            (running.vae_tiling, "enable_tiling"),
            (running.vae_slicing, "enable_slicing"),
        ):
            if wanted:
                enable = getattr(getattr(pipeline, "vae", None), method, None)
                if enable is None:
                    raise GeneratorError(
                        "backend_invalid", f"the decoder of {self._class.__name__} has no {method}"
                    )
                enable()
        if running.offload == "model":
            pipeline.enable_model_cpu_offload(device=running.place)
        elif running.offload == "sequential":
            pipeline.enable_sequential_cpu_offload(device=running.place)
        else:
            pipeline.to(running.place)
        return pipeline

    def _release(self) -> None:
        """Give back what a failed call left on the device."""
        if self._pipeline is not None and self._running.offload == "model":
            with suppress(RuntimeError):
                self._pipeline.maybe_free_model_hooks()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _translated(error: Exception, name: str) -> GeneratorError:
    """Which of our errors a foreign one is; its text may quote the prompt, so only its type is told."""
    text = str(error)
    short = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    if short or "allocate memory" in text or "out of memory" in text:
        return GeneratorError("out_of_memory")
    return GeneratorError("generation_failed", f"{name} raised {type(error).__name__}")
