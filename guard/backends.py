"""The models that the settings name, as generators that are loaded at first use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache

from generator import Generator, Offer
from guard.settings import Backend, DiffusersBackend


def loader(backend: Backend) -> Callable[[], Generator]:
    """Load at first use, once: a model is big and not every process generates.

    Raises:
        generator.GeneratorError: ``backend_invalid``, at once: the entry contradicts itself.
    """
    offer = offer_of(backend) if isinstance(backend, DiffusersBackend) else None

    @cache
    def load() -> Generator:
        if isinstance(backend, DiffusersBackend) and offer is not None:
            return _diffusers(backend, offer)
        from generator import load_embedded

        return load_embedded(threads=getattr(backend, "threads", None))

    # A cache alone would let two threads load it at the same time.
    lock = threading.Lock()

    def load_once() -> Generator:
        with lock:
            return load()

    return load_once


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


def _diffusers(backend: DiffusersBackend, offer: Offer) -> Generator:
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
