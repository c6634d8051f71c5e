"""Training the codec on groups of frames, drawn once and kept."""

from __future__ import annotations

import logging
import random
import time
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from generator.codec import ClipCodec
from generator.scenes import FRAMES, render, sample_scene
from generator.training.finish import edge_loss
from generator.training.latents import CANVASES, GROUP, WINDOWS
from generator.training.optimiser import MuonAdam, schedule

log = logging.getLogger(__name__)

_SHARES: Final = {"wide": 0.7, "tall": 0.15, "square": 0.15}
_GROUPS_PER_SCENE: Final = 4


def draw_groups(folder: Path, count: int, seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """Draw `count` groups at twice the native size, (n, 4, height, width, 3) uint8 for each canvas."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    stores: dict[str, NDArray[np.uint8]] = {}
    for canvas, share in _SHARES.items():
        width, height = (2 * side for side in CANVASES[canvas])
        n = max(_GROUPS_PER_SCENE, round(share * count))
        store = np.lib.format.open_memmap(
            folder / f"groups-{canvas}.npy", "w+", np.uint8, (n, GROUP, height, width, 3)
        )
        for i in range(n):
            if i % _GROUPS_PER_SCENE == 0:
                scene, total = sample_scene(rng), FRAMES * rng.choice(WINDOWS)
            first = GROUP * rng.randrange(total // GROUP)
            store[i] = render(scene, width, height, first=first, count=GROUP, total=total)
        stores[canvas] = store
    return stores


def train_codec(
    groups: dict[str, NDArray[np.uint8]],
    out: Path,
    *,
    minutes: float,
    batch: int = 8,
    noise: float = 0.25,
    seed: int = 0,
) -> ClipCodec:
    """Learn to shrink groups to latents and to draw them at twice the size again."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model: ClipCodec = ClipCodec()
    model.to(memory_format=torch.channels_last).train()
    optimiser = MuonAdam(
        [p for p in model.parameters() if p.ndim == 4],
        [p for p in model.parameters() if p.ndim < 4],
        matrix_rate=0.015,
        rate=2e-3,
    )
    names = list(groups)
    started, step, history = time.monotonic(), 0, []
    while (done := (time.monotonic() - started) / 60 / minutes) < 1:
        store = groups[names[rng.choice(len(names), p=[_SHARES[n] for n in names])]]
        picks = np.sort(rng.integers(len(store), size=batch))
        large = torch.from_numpy(store[picks]).permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        small = F.avg_pool2d(large.flatten(0, 1), 2).unflatten(0, (batch, GROUP))
        with torch.autocast("cpu", torch.bfloat16):
            guess = model(small, noise * min(1.0, 4 * done))
        loss = edge_loss(guess.float(), large)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step(schedule(done, step, warm_steps=30, hold=0.4))
        step += 1
        history.append((guess.detach() - large).abs().mean().item())
        if step % 100 == 0:
            log.info("codec step %d l1 %.4f", step, np.mean(history[-100:]))
    model.eval().save_pretrained(out)
    return model
