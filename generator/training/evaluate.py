"""Measuring the model: does a clip of a prompt it was never shown hold what the prompt says?"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch

from generator.captions import Language, caption
from generator.codec import ClipCodec
from generator.scenes import SLOTS, Scene, Slot, render, sample_scene
from generator.training.judge import Seen, judge
from generator.training.latents import CANVASES, GROUP
from generator.types import Frames, GenerationRequest, Generator

_EVERY: Final = 4


@dataclass(frozen=True)
class Score:
    """Shares of clips in which the judge saw what was asked for; `all_slots`: right in every slot."""

    clips: int
    slots: dict[Slot, float]
    all_slots: float
    steadiness: float


def chance() -> dict[Slot, float]:
    """What guessing would score."""
    return {slot: 1 / len(values) for slot, values in SLOTS.items()}


def prompts(
    count: int,
    seed: int,
    *,
    split: Literal["train", "eval"] = "eval",
    language: Language | None = None,
) -> list[tuple[Scene, str]]:
    """Scenes and complete captions of them; the same seed gives the same list."""
    rng = random.Random(seed)
    found: list[tuple[Scene, str]] = []
    while len(found) < count:
        scene = sample_scene(rng, split=split)
        text, spoken = caption(scene, rng, language)
        while not all(spoken.values()):
            text, spoken = caption(scene, rng, language)
        found.append((scene, text))
    return found


def score(scenes: Sequence[Scene], seen: Sequence[Seen]) -> Score:
    """Compare what was asked for with what was seen."""
    right = {
        slot: [getattr(a, slot) == getattr(b, slot) for a, b in zip(scenes, seen, strict=True)]
        for slot in SLOTS
    }
    every = np.all(list(right.values()), axis=0)
    return Score(
        len(scenes),
        {slot: float(np.mean(hits)) for slot, hits in right.items()},
        float(np.mean(every)),
        float(np.mean([s.steadiness for s in seen])),
    )


def evaluate(
    generator: Generator,
    asked: Sequence[tuple[Scene, str]],
    *,
    width: int = 256,
    height: int = 144,
    seconds: int = 4,
) -> tuple[Score, list[Frames]]:
    """Generate each prompt once, its place in the list its seed, and judge it; also five frames of each."""
    seen, strips = [], []
    for seed, (_, text) in enumerate(asked):
        request = GenerationRequest(text, seconds, width, height, seed)
        frames = np.concatenate(list(generator.generate(request).chunks))
        seen.append(judge(frames[:: _EVERY * seconds // 4]))
        picks = np.linspace(0, len(frames) - 1, 5).astype(int)
        strips.append(np.concatenate(list(frames[picks]), 1))
    return score([scene for scene, _ in asked], seen), strips


def ceiling(scenes: Sequence[Scene]) -> Score:
    """The judge's own score on drawn clips: no model can be seen to do better."""
    return score(scenes, [judge(render(scene, 256, 144)[::_EVERY]) for scene in scenes])


@torch.no_grad()
def codec_ceiling(codec: ClipCodec, scenes: Sequence[Scene]) -> Score:
    """The score of drawn clips that went through the codec and back: the best the denoiser could do."""
    seen = []
    for scene in scenes:
        x = torch.from_numpy(render(scene, *CANVASES["wide"])).permute(0, 3, 1, 2).float() / 127.5 - 1
        decoded = codec.decode(codec.encode(x.unflatten(0, (-1, GROUP)))).flatten(0, 1)
        frames = ((decoded.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        seen.append(judge(frames[::_EVERY]))
    return score(scenes, seen)
