"""Training the text encoder: captions in two languages to the slots of a scene."""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.captions import Language, caption
from generator.scenes import SLOTS, sample_scene
from generator.text import SlotTextEncoder
from generator.training.disturb import FILLERS, disturb

log = logging.getLogger(__name__)

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
        classes.append(
            [v.index(getattr(scene, slot)) if spoken[slot] else len(v) for slot, v in SLOTS.items()]
        )
    return texts, torch.tensor(classes)


def train_text(
    out: Path, *, steps: int = 1600, batch: int = 96, rate: float = 2e-3, seed: int = 1
) -> SlotTextEncoder:
    """Learn to read; a minute and a half on one processor core."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model: SlotTextEncoder = SlotTextEncoder()
    adam = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * max(0.02, 1 - step / steps)
        texts, classes = captions(batch, rng)
        tables = model.classify(model(model.tokenize(texts)))
        loss = torch.stack([F.cross_entropy(t, classes[:, i]) for i, t in enumerate(tables)]).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
        if (step + 1) % 100 == 0:
            log.info("text step %d loss %.4f", step + 1, loss.item())
    model.eval().save_pretrained(out)
    return model


@torch.no_grad()
def text_accuracy(
    model: SlotTextEncoder, count: int, *, seed: int, language: Language | None = None
) -> dict[str, float]:
    """The share of slots read rightly in disturbed captions of held-out scenes."""
    texts, classes = captions(count, random.Random(seed), split="eval", language=language)
    tables = model.eval().classify(model(model.tokenize(texts)))
    return {
        s: (t.argmax(1) == classes[:, i]).float().mean().item()
        for i, (s, t) in enumerate(zip(SLOTS, tables, strict=True))
    }
