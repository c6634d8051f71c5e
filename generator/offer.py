"""What an operator says a pipeline makes; no pipeline tells this itself."""

from __future__ import annotations

from dataclasses import dataclass

from generator.errors import GeneratorError


@dataclass(frozen=True)
class Offer:
    """What a pipeline makes, and the grid that it makes it on.

    `size_multiple` and `frame_multiple` are the model's own grid: clips are made a little larger (one frame more
    than a multiple, as video models count) and then cut to what was asked for.

    Attributes:
        sizes: (width, height) in pixels.
        seconds: lengths of clips; empty for a pipeline that makes single pictures.
        fps: frames per second of the finished clip.
        licence: the weights' terms, as an operator should read them.
        size_multiple: width and height that the model computes on are multiples of it.
        frame_multiple: the model's frames are a multiple of it, and one more.
        max_frames: the most frames that the model makes at once; None for no limit.
        steps: denoising steps, where a request names none; None for the pipeline's own number.
        guidance: `guidance_scale`, where a request names none; None for the pipeline's own.

    Raises:
        GeneratorError: backend_invalid.
    """

    sizes: tuple[tuple[int, int], ...]
    seconds: tuple[int, ...]
    fps: int
    licence: str
    size_multiple: int = 16
    frame_multiple: int = 4
    max_frames: int | None = None
    steps: int | None = None
    guidance: float | None = None

    def __post_init__(self) -> None:
        if not self.sizes:
            raise GeneratorError("backend_invalid", "no size is offered")
        for seconds in self.seconds:
            needed = self.model_frames(seconds)
            if self.max_frames is not None and needed > self.max_frames:
                raise GeneratorError(
                    "backend_invalid",
                    f"{seconds} s at {self.fps} frames per second take {needed} frames of the model, more than"
                    f" max_frames {self.max_frames}",
                )

    def frames(self, seconds: int) -> int:
        """How many frames the finished clip has; a single picture is one."""
        return seconds * self.fps if self.seconds else 1

    def model_frames(self, seconds: int) -> int:
        """How many frames the model is asked for."""
        return -(-(self.frames(seconds) - 1) // self.frame_multiple) * self.frame_multiple + 1

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that the model is asked for."""
        grid = self.size_multiple
        return -(-width // grid) * grid, -(-height // grid) * grid
