"""What every generator takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from generator.errors import GeneratorError

CHUNK_FRAMES: Final = 32
Frames = NDArray[np.uint8]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class GeneratorInfo:
    """Who a generator is and what it can make.

    `digest` is `sha256:` and the hex digest over the weights; `sizes` are (width, height) pairs; `seconds` are the
    lengths of its clips, empty if it makes none; `makes_pictures` says whether it makes single pictures, which are
    asked for with 0 seconds; `licence` names the weights' terms as an operator should read them.
    """

    id: str
    name: str
    revision: str
    digest: str
    licence: str
    sizes: tuple[tuple[int, int], ...]
    seconds: tuple[int, ...]
    fps: int
    accepts_reference: bool
    produces_audio: bool
    needs_reference: bool = False
    makes_pictures: bool = False


@dataclass(frozen=True)
class GenerationRequest:
    """One clip to be made, or with 0 seconds a single picture. The prompts stay out of `repr` and so out of logs.

    `reference` is (height, width, 3) uint8 RGB.
    """

    prompt: str = field(repr=False)
    seconds: int
    width: int
    height: int
    seed: int
    negative_prompt: str | None = field(default=None, repr=False)
    steps: int | None = None
    guidance: float | None = None
    reference: Frames | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Sound:
    """What a clip sounds like: `samples` is (n, channels) float32 from -1 to 1, one channel or two; `rate` in Hz."""

    samples: NDArray[np.float32] = field(repr=False)
    rate: int


@dataclass(frozen=True)
class GeneratedClip:
    """A clip on its way: `chunks` makes it while it is read, at most 32 frames at a time, once.

    Each chunk is (n, height, width, 3) uint8 RGB. Reading may raise `GeneratorError`. `sound` may be asked once the
    first chunk was read; a generator without sound leaves it out.
    """

    width: int
    height: int
    fps: int
    frames: int
    chunks: Iterator[Frames] = field(repr=False)
    sound: Callable[[], Sound | None] = field(default=lambda: None, repr=False)


class Generator(Protocol):
    """Makes clips from prompts."""

    @property
    def info(self) -> GeneratorInfo:
        """Who this generator is and what it can make."""
        ...

    def generate(self, request: GenerationRequest, *, progress: Progress | None = None) -> GeneratedClip:
        """Begin a clip; `progress` hears 0 to 1 while its chunks are read."""
        ...


@runtime_checkable
class Loadable(Protocol):
    """A generator that takes its weights in at the first clip, or when it is told to."""

    def load(self) -> None:
        """Take the weights in; may raise `GeneratorError`."""
        ...


def check_request(info: GeneratorInfo, request: GenerationRequest) -> None:
    """Refuse what the generator does not offer.

    Raises:
        GeneratorError: size_unsupported, seconds_unsupported, reference_unsupported or reference_required.
    """
    if (request.width, request.height) not in info.sizes:
        raise GeneratorError(
            "size_unsupported", f"{info.name} does not make {request.width}x{request.height}"
        )
    if request.seconds not in (*info.seconds, *((0,) if info.makes_pictures else ())):
        raise GeneratorError("seconds_unsupported", f"{info.name} does not make clips of {request.seconds} s")
    if request.reference is not None and not info.accepts_reference:
        raise GeneratorError("reference_unsupported", f"{info.name} takes no reference picture")
    if request.reference is None and info.needs_reference:
        raise GeneratorError("reference_required", f"{info.name} begins from a picture")
