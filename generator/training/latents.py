"""Training clips as latents: drawn, encoded once and kept in memory-mapped files."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from generator.codec import ClipCodec
from generator.scenes import FRAMES, Scene, render, sample_scene

CANVASES: Final[dict[str, tuple[int, int]]] = {"wide": (128, 72), "tall": (72, 128), "square": (96, 96)}
GROUP: Final = 4
WINDOWS: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Example:
    """What one stored clip shows: the scene, and which of how many four-second windows of it."""

    scene: Scene
    window: int
    windows: int

    @property
    def span(self) -> tuple[float, float]:
        """Which part of the motion the window shows, 0 to 1."""
        return self.window / self.windows, (self.window + 1) / self.windows


@torch.no_grad()
def encode_clip(codec: ClipCodec, example: Example, canvas: str) -> NDArray[np.float16]:
    """(1 + groups, channels, h, w): the group before the window (zeros before a first), then its own."""
    width, height = CANVASES[canvas]
    lead = GROUP if example.window else 0
    frames = render(
        example.scene,
        width,
        height,
        first=example.window * FRAMES - lead,
        count=FRAMES + lead,
        total=FRAMES * example.windows,
    )
    x = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.autocast("cpu", torch.bfloat16):
        latents = codec.encode(x.unflatten(0, (-1, GROUP)))
    if not lead:
        latents = torch.cat((torch.zeros_like(latents[:1]), latents))
    return latents.half().numpy()


def write_latents(
    codec: ClipCodec,
    folder: Path,
    canvas: str,
    count: int,
    seed: int,
    *,
    long_share: float = 0.0,
    report: int = 500,
) -> None:
    """Write `count` training clips of one canvas; readers may use what is ready while this goes on."""
    codec.eval()
    rng = random.Random(seed)
    width, height = CANVASES[canvas]
    shape = (count, 1 + FRAMES // GROUP, codec.config.latent_channels, height // 8, width // 8)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{canvas}-{seed}"
    store = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float16, shape)
    with (folder / f"{name}.jsonl").open("w") as lines:
        for i in range(count):
            windows = rng.choice(WINDOWS[1:]) if rng.random() < long_share else 1
            example = Example(sample_scene(rng), rng.randrange(windows), windows)
            store[i] = encode_clip(codec, example, canvas)
            lines.write(json.dumps(asdict(example)) + "\n")
            if (i + 1) % report == 0:
                store.flush()
                lines.flush()


class LatentClips:
    """The clips in a folder that are ready, by canvas."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: list[tuple[str, NDArray[np.float16], list[Example]]] = []
        self.refresh()

    def refresh(self) -> None:
        """Look again at what is ready."""
        self.parts = []
        for index in sorted(self.folder.glob("*.jsonl")):
            text = index.read_text()
            rows = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
            examples = [Example(Scene(**r["scene"]), r["window"], r["windows"]) for r in rows]
            if examples:
                store = np.load(index.with_suffix(".npy"), mmap_mode="r")
                self.parts.append((index.name.split("-")[0], store, examples))

    def __len__(self) -> int:
        return sum(len(examples) for _, _, examples in self.parts)

    def batch(self, size: int, rng: np.random.Generator) -> tuple[torch.Tensor, list[Example]]:
        """A batch from one file, chosen in proportion to how much each holds."""
        sizes = np.array([len(examples) for _, _, examples in self.parts], float)
        _, store, examples = self.parts[rng.choice(len(self.parts), p=sizes / sizes.sum())]
        picks = np.sort(rng.integers(len(examples), size=size))
        return torch.from_numpy(store[picks]).float(), [examples[i] for i in picks]
