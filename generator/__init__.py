"""Text to video: the embedded model, and an adapter for any diffusers pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from generator.errors import GeneratorError
from generator.offer import Offer
from generator.types import GeneratedClip, GenerationRequest, Generator, GeneratorInfo, Loadable, Sound

if TYPE_CHECKING:
    from generator.adapter import DiffusersGenerator, Running
    from generator.embedded import EmbeddedGenerator, load_embedded

__all__ = [
    "DiffusersGenerator",
    "EmbeddedGenerator",
    "GeneratedClip",
    "GenerationRequest",
    "Generator",
    "GeneratorError",
    "GeneratorInfo",
    "Loadable",
    "Offer",
    "Running",
    "Sound",
    "load_embedded",
]

_HEAVY = {
    "DiffusersGenerator": "adapter",
    "Running": "adapter",
    "EmbeddedGenerator": "embedded",
    "load_embedded": "embedded",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch and diffusers only when it is asked for."""
    if name not in _HEAVY:
        raise AttributeError(f"module 'generator' has no attribute {name!r}")
    from importlib import import_module

    from generator._torchvision import prepare

    prepare()
    return getattr(import_module(f"generator.{_HEAVY[name]}"), name)
