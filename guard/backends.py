"""The models that the settings name, as generators that are loaded at first use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from generator import Generator, Offer
from guard.models import locate
from guard.models.fetching import stored
from guard.once import once
from guard.settings import Backend, DiffusersBackend

EMBEDDED = "embedded-generator"
"""Its name in the registry of weight files."""


def loader(backend: Backend, store: Path) -> Callable[[], Generator]:
    """Load at first use, once: a model is big and not every process generates.

    Args:
        backend: the entry in the settings.
        store: where fetched models lie.

    Raises:
        generator.GeneratorError: ``backend_invalid``, at once: the entry contradicts itself.
    """
    offer = offer_of(backend) if isinstance(backend, DiffusersBackend) else None

    def load() -> Generator:
        if isinstance(backend, DiffusersBackend) and offer is not None:
            return _diffusers(backend, offer, store)
        from generator import EmbeddedGenerator

        return EmbeddedGenerator(locate(EMBEDDED), threads=getattr(backend, "threads", None))

    return once(load)


def offer_of(backend: DiffusersBackend) -> Offer:
    """What the operator says that the model makes.

    Raises:
        generator.GeneratorError: ``backend_invalid``.
    """
    sizes = [size.partition("x") for size in backend.sizes]
    return Offer(
        sizes=tuple((int(width), int(height)) for width, _, height in sizes),
        seconds=backend.seconds,
        fps=backend.fps,
        licence=backend.licence,
        size_multiple=backend.size_multiple,
        frame_multiple=backend.frame_multiple,
        max_frames=backend.max_frames,
        steps=backend.steps,
        guidance=backend.guidance,
    )


def _diffusers(backend: DiffusersBackend, offer: Offer, store: Path) -> Generator:
    import torch
    from diffusers.utils import logging as diffusers_logging

    from generator import DiffusersGenerator, Running

    # It writes past our logging, and its warnings quote the part of a prompt that a model is too small for.
    diffusers_logging.set_verbosity_error()

    def typed(name: str) -> torch.dtype:
        found: torch.dtype = getattr(torch, name)
        return found

    dtype = backend.dtype
    return DiffusersGenerator(
        backend.path,
        offer,
        folder=stored(store, backend.model),
        pipeline=backend.pipeline,
        revision=backend.revision,
        digest=backend.digest,
        running=Running(
            dtype=typed(dtype)
            if isinstance(dtype, str)
            else {part: typed(name) for part, name in dtype.items()},
            device=backend.device,
            offload=backend.offload,
            vae_tiling=backend.vae_tiling,
            vae_slicing=backend.vae_slicing,
        ),
        arguments=backend.arguments,
    )
