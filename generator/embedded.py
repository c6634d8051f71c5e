"""The generator that comes with the package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch

from generator._loading import quiet_loading
from generator.errors import GeneratorError
from generator.pipeline import FPS, GUIDANCE, STEPS, SceneVideoPipeline
from generator.types import Frames, GeneratedClip, GenerationRequest, GeneratorInfo, Progress, check_request

WEIGHTS: Final = Path(__file__).parent / "weights"
SIZES: Final = (
    (1280, 720),
    (720, 1280),
    (640, 360),
    (360, 640),
    (720, 720),
    (512, 512),
    (1024, 1792),
    (1792, 1024),
    (1024, 1024),
    (1024, 1536),
    (1536, 1024),
    (256, 144),
    (144, 256),
)


class EmbeddedGenerator:
    """Runs the embedded pipeline; the same request gives the same frames on the same machine.

    Args:
        folder: a saved `SceneVideoPipeline`.
        device: where to run, as torch names it.
        threads: how many processor threads to use; None leaves torch's setting alone.

    Raises:
        GeneratorError: weights_missing.
    """

    def __init__(self, folder: Path = WEIGHTS, *, device: str = "cpu", threads: int | None = None) -> None:
        card = folder / "training.json"
        if not (folder / "model_index.json").is_file() or not card.is_file():
            raise GeneratorError("weights_missing", "there is no saved pipeline")
        with quiet_loading():
            self._pipeline = SceneVideoPipeline.from_pretrained(folder, dtype=torch.float32).to(device)
        self._pipeline.set_progress_bar_config(disable=True)
        self._threads = threads
        facts = json.loads(card.read_text(encoding="utf-8"))
        self.info = GeneratorInfo(
            id="io.github.generation-guard.scenes",
            name="Guard Scenes",
            revision=facts["revision"],
            digest=weights_digest(folder),
            licence="Apache-2.0",
            sizes=SIZES,
            seconds=tuple(facts["seconds"]),
            fps=FPS,
            accepts_reference=False,
            produces_audio=False,
            makes_pictures=True,
        )

    def generate(self, request: GenerationRequest, *, progress: Progress | None = None) -> GeneratedClip:
        """Begin a clip, or a picture from the middle of one; it is made while its chunks are read.

        Raises:
            GeneratorError: size_unsupported, seconds_unsupported, reference_unsupported; while the chunks are
                read also out_of_memory and generation_failed.
        """
        check_request(self.info, request)
        return GeneratedClip(
            request.width,
            request.height,
            FPS,
            _frames(request),
            self._guarded(request, progress or _unheard),
        )

    def _guarded(self, request: GenerationRequest, progress: Progress) -> Iterator[Frames]:
        try:
            yield from self._chunks(request, progress)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise GeneratorError("out_of_memory") from error
        except RuntimeError as error:
            memory = "allocate memory" in str(error)
            raise GeneratorError("out_of_memory" if memory else "generation_failed") from error

    def _chunks(self, request: GenerationRequest, progress: Progress) -> Iterator[Frames]:
        if self._threads:
            torch.set_num_threads(self._threads)
        random = torch.Generator("cpu").manual_seed(request.seed)
        done, total = 0, _frames(request)
        shots = self._pipeline.shots(request.prompt, total)
        for shot in shots:

            def on_part(part: float, begun: int = done, frames: int = shot.frames) -> None:
                progress((begun + part * frames) / total)

            yield from self._pipeline.shot_chunks(
                shot,
                request.width,
                request.height,
                negative_prompt=request.negative_prompt,
                steps=max(1, request.steps or STEPS),
                guidance=GUIDANCE if request.guidance is None else request.guidance,
                generator=random,
                on_part=on_part,
            )
            done += shot.frames


def load_embedded(*, device: str = "cpu", threads: int | None = None) -> EmbeddedGenerator:
    """The generator whose weights come with the package.

    Raises:
        GeneratorError: weights_missing.
    """
    return EmbeddedGenerator(WEIGHTS, device=device, threads=threads)


def weights_digest(folder: Path) -> str:
    """`sha256:` over lines of digest, two spaces and path, one for each file of a folder, in order of path."""
    found = sorted(
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()
    )
    lines = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in found)
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def _frames(request: GenerationRequest) -> int:
    """How many frames are asked for; of one frame, the pipeline draws the middle of its scene."""
    return request.seconds * FPS or 1


def _unheard(_: float) -> None:
    """Progress that nobody listens to."""
