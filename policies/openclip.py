"""Score pictures against the policy's own category descriptions with an open_clip model.

Optional: the operator names an architecture and a local checkpoint; nothing is ever downloaded.
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies._torchvision import prepare as prepare_torchvision
from policies.errors import PolicyError
from policies.taxonomy import Category

_NEUTRAL = "an ordinary, harmless picture"


class OpenClipScorer:
    """Zero-shot scores: is a picture nearer to a category's description than to a neutral one.

    The scores are not calibrated probabilities: choose ``frames`` thresholds on own pictures.

    Args:
        architecture: A name that open_clip knows, such as ``ViT-B-32``.
        checkpoint: The local weights file.
        descriptions: Category to English description; take ``policy.categories[c].description.en``.
    """

    def __init__(self, architecture: str, checkpoint: Path, descriptions: Mapping[str, str]) -> None:
        if unknown := sorted(set(descriptions) - set(Category)):
            raise PolicyError("category_unknown", f"{unknown[0]} is not a category.")
        try:
            with checkpoint.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            raise PolicyError("weights_missing", f"Cannot read {checkpoint.name}: check the path.") from None
        self.id = f"open-clip-{architecture}"
        self.digest = f"sha256:{digest}"
        self._architecture = architecture
        self._checkpoint = checkpoint
        self._categories = tuple(descriptions)
        self._texts = [*descriptions.values(), _NEUTRAL]
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any, Any] | None = None

    def score(self, frames: Sequence[NDArray[np.uint8]]) -> list[dict[str, float]]:
        """Score per category and picture (h, w, 3) uint8 RGB, 0 to 1.

        Raises:
            PolicyError: ``open_clip_missing`` or ``weights_invalid``.
        """
        if not frames:
            return []
        import torch
        from PIL import Image

        with self._lock:
            self._loaded = self._loaded or self._load()
        model, prepare, texts = self._loaded
        with torch.inference_mode():
            pictures = torch.stack([prepare(Image.fromarray(frame)) for frame in frames])
            embedded = model.encode_image(pictures, normalize=True)
            logits = model.logit_scale.exp() * embedded @ texts.T  # (frames, categories + 1)
            scores = torch.sigmoid(logits[:, :-1] - logits[:, -1:]).double().numpy()
        return [
            {c: round(float(value), 6) for c, value in zip(self._categories, row, strict=True)}
            for row in scores
        ]

    def _load(self) -> tuple[Any, Any, Any]:
        prepare_torchvision()
        try:
            import open_clip
        except ImportError:
            raise PolicyError(
                "open_clip_missing", "Install open-clip-torch to score pictures with it."
            ) from None
        import torch

        try:
            model, _, prepare = open_clip.create_model_and_transforms(
                self._architecture, pretrained=str(self._checkpoint), device="cpu"
            )
            tokenizer = open_clip.get_tokenizer(self._architecture)
        except Exception as error:  # noqa: BLE001 - open_clip raises whatever its parts raise
            raise PolicyError(
                "weights_invalid",
                f"{self._checkpoint.name} is no checkpoint of {self._architecture}: {type(error).__name__}.",
            ) from None
        model.eval()
        with torch.inference_mode():
            texts = model.encode_text(tokenizer(self._texts), normalize=True)
        return model, prepare, texts
