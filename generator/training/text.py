"""Training the text encoder: captions in two languages to the slots of a scene."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generator.text import SlotTextEncoder
from generator.training.captions import Language, Spoken, caption
from generator.training.disturb import FILLERS, disturb
from generator.training.loop import Report, log_progress, run
from generator.training.optimiser import MuonAdam
from generator.training.scenes import SLOTS, Scene, sample_scene

_IDLE_TALK = 0.08
_SILENCE = 0.1


def captions(
    count: int,
    rng: random.Random,
    *,
    split: Literal["train", "eval"] = "train",
    language: Language | None = None,
) -> tuple[list[str], Tensor]:
    """Disturbed captions and the classes of their slots (the last class: not said)."""
    texts, classes = [], []
    for _ in range(count):
        if split == "train" and rng.random() < _IDLE_TALK:
            talk = " ".join(rng.choice(FILLERS) for _ in range(rng.randint(1, 7)))
            texts.append("" if rng.random() < _SILENCE else disturb(talk, rng))
            classes.append([len(values) for values in SLOTS.values()])
            continue
        scene = sample_scene(rng, split=split)
        text, spoken = caption(scene, rng, language)
        texts.append(disturb(text, rng))
        classes.append(spoken_classes(scene, spoken))
    return texts, torch.tensor(classes)


def spoken_classes(scene: Scene, spoken: Spoken) -> list[int]:
    """The class of each slot; the last one of a slot for what is not said."""
    found = []
    for slot, values in SLOTS.items():
        value = scene.slot(slot) if spoken[slot] else None
        found.append(len(values) if value is None else values.index(value))
    return found


def train_text(
    out: Path,
    *,
    steps: int,
    batch: int = 96,
    rate: float = 2e-3,
    seed: int = 1,
    report: Report = log_progress,
) -> SlotTextEncoder:
    """Learn to read; an eighth of a second a step on one processor core."""
    torch.manual_seed(seed)
    model: SlotTextEncoder = SlotTextEncoder()
    optimiser = MuonAdam([], model.parameters(), matrix_rate=0.0, rate=rate)

    def loss_of(rng: np.random.Generator) -> Tensor:
        texts, classes = captions(batch, random.Random(int(rng.integers(2**62))))
        tables = model.classify(model.tokenize(texts))
        return torch.stack([F.cross_entropy(t, classes[:, i]) for i, t in enumerate(tables)]).sum()

    run(
        "text encoder",
        steps,
        loss_of,
        {"text": model},
        optimiser,
        out,
        seed=seed,
        warm=100,
        hold=0.1,
        report=report,
        report_every=100,
    )
    model.eval().save_pretrained(out)
    return model


@torch.no_grad()
def text_accuracy(
    model: SlotTextEncoder, count: int, *, seed: int, language: Language | None = None
) -> dict[str, float]:
    """The share of slots read rightly in disturbed captions of held-out scenes."""
    texts, classes = captions(count, random.Random(seed), split="eval", language=language)
    tables = model.eval().classify(model.tokenize(texts))
    return {
        s: (t.argmax(1) == classes[:, i]).float().mean().item()
        for i, (s, t) in enumerate(zip(SLOTS, tables, strict=True))
    }
