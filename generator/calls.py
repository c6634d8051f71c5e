"""What a pipeline's call takes. There is no uniform one, so each class is asked by its signature."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

import torch

from generator.errors import GeneratorError
from generator.offer import Offer
from generator.types import GenerationRequest, Progress

SHARE_OF_STEPS: Final = 0.9
"""How much of the progress is denoising; the rest is writing the frames."""
_OURS: Final = frozenset(
    {
        "prompt", "image", "width", "height", "num_frames", "frame_rate", "num_inference_steps",
        "guidance_scale", "generator", "output_type", "return_dict", "callback_on_step_end",
        "num_videos_per_prompt", "num_images_per_prompt",
    }
)  # fmt: skip
"""Arguments that come from the request or the offer; an operator cannot set them a second time."""


def pipeline_class(name: object) -> Any:
    """The class of diffusers with that name.

    Raises:
        GeneratorError: backend_invalid.
    """
    import diffusers

    kind = getattr(diffusers, name, None) if isinstance(name, str) else None
    if not (inspect.isclass(kind) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise GeneratorError("backend_invalid", f"{name} is no pipeline of this version of diffusers")
    return kind


class Call:
    """The call of one pipeline class.

    Args:
        kind: the class.
        offer: what the operator says it makes.
        arguments: further keyword arguments for each call, such as a model's own options; a negative prompt among
            them stands where a request brings none.

    Attributes:
        takes_reference: whether it can begin from a picture.
        needs_reference: whether it cannot do without one.

    Raises:
        GeneratorError: backend_invalid.
    """

    def __init__(self, kind: Any, offer: Offer, arguments: Mapping[str, Any]) -> None:
        parameters = inspect.signature(kind.__call__).parameters
        self._accepted = frozenset(parameters) - {"self"}
        self._offer, self._arguments = offer, dict(arguments)
        name = kind.__name__
        if unknown := sorted(set(arguments) - self._accepted):
            raise GeneratorError("backend_invalid", f"{name} takes no argument {', '.join(unknown)}")
        if twice := sorted(set(arguments) & _OURS):
            raise GeneratorError(
                "backend_invalid", f"{', '.join(twice)} comes from the request or its own setting"
            )
        missing = [
            parameter.name
            for parameter in list(parameters.values())[1:]
            if parameter.default is inspect.Parameter.empty
            and parameter.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
            and parameter.name not in _OURS | set(arguments)
        ]
        if missing or "prompt" not in self._accepted:
            reason = f"needs {', '.join(missing)} too" if missing else "takes no prompt"
            raise GeneratorError("backend_invalid", f"{name} makes nothing from a prompt alone: it {reason}")
        if offer.seconds and "num_frames" not in self._accepted:
            raise GeneratorError("backend_invalid", f"{name} makes pictures: leave its seconds empty")
        if not offer.seconds and "num_frames" in self._accepted:
            raise GeneratorError("backend_invalid", f"{name} makes clips: say how many seconds")
        self.takes_reference = "image" in self._accepted
        # Some classes give the picture a default and then fail without it.
        self.needs_reference = self.takes_reference and (
            parameters["image"].default is inspect.Parameter.empty or "ImageToVideo" in name
        )

    def arguments(self, request: GenerationRequest, progress: Progress | None) -> dict[str, Any]:
        """The keyword arguments for one request: what the class takes of them."""
        offer = self._offer
        width, height = offer.canvas(request.width, request.height)
        wanted: dict[str, Any] = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "width": width,
            "height": height,
            "num_frames": offer.model_frames(request.seconds),
            "frame_rate": offer.fps,
            "num_inference_steps": request.steps or offer.steps,
            "guidance_scale": offer.guidance if request.guidance is None else request.guidance,
            "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "np",
            "callback_on_step_end": _reporting(progress) if progress else None,
        }
        if request.reference is not None:
            from PIL import Image, ImageOps

            wanted["image"] = ImageOps.fit(Image.fromarray(request.reference), (width, height))
        given = {
            name: value for name, value in wanted.items() if value is not None and name in self._accepted
        }
        return self._arguments | given


def _reporting(progress: Progress) -> Any:
    def on_step(pipeline: Any, step: int, _moment: Any, values: dict[str, Any]) -> dict[str, Any]:
        steps = max(1, getattr(pipeline, "num_timesteps", step + 1))
        progress(SHARE_OF_STEPS * min(1.0, (step + 1) / steps))
        return values

    return on_step
