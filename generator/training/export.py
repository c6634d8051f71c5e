"""Trained parts put together as a pipeline folder: half precision, safetensors, a note of how it was made."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

from diffusers import FlowMatchEulerDiscreteScheduler
from torch import nn

from generator.codec import PictureDecoder
from generator.continuation import PathTransformer
from generator.pipeline import SceneVideoPipeline
from generator.text import SlotTextEncoder
from generator.transformer import LayerTransformer


def export(
    text: SlotTextEncoder,
    transformer: LayerTransformer,
    continuation: PathTransformer,
    stage: PictureDecoder,
    thing: PictureDecoder,
    folder: Path,
    *,
    revision: str,
    seconds: tuple[int, ...],
    facts: dict[str, Any],
) -> None:
    """Write the pipeline; an older one in the folder is replaced only once the new one is complete."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)

    def half(part: nn.Module) -> Any:
        return copy.deepcopy(part).eval().half()

    SceneVideoPipeline(
        half(text),
        half(transformer),
        half(continuation),
        half(stage),
        half(thing),
        FlowMatchEulerDiscreteScheduler(shift=3.0),
    ).save_pretrained(fresh, safe_serialization=True)
    note = {"revision": revision, "seconds": list(seconds), **facts}
    (fresh / "training.json").write_text(json.dumps(note, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for path in fresh.rglob("config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        config.pop("_name_or_path", None)  # a folder of the machine that trained it
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for path in fresh.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)  # safetensors writes files that only their owner reads
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
