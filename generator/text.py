"""The text encoder: words by their letters, so that inflected and misspelt words keep their meaning."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from generator.plurals import singular

_WORD = re.compile(r"[^\W\d_]+")


class SlotTextEncoder(ModelMixin, ConfigMixin):
    """Reads a caption into what it says for each slot of a scene, as probabilities.

    The slots are two things with their colours and motions, then place, time, style and camera.

    A word is the scaled sum of its hashed letter n-grams (3 to 5 letters and the word itself), so there is no
    vocabulary to fall out of. Each slot has one extra class, "not said".
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        classes: Sequence[int] = (13, 8, 10, 13, 8, 10, 7, 3, 3, 5),
        buckets: int = 8192,
        width: int = 128,
        depth: int = 2,
        max_words: int = 48,
        max_grams: int = 40,
    ) -> None:
        super().__init__()
        self.grams = nn.Embedding(buckets + 1, width, padding_idx=0)
        nn.init.normal_(self.grams.weight, std=0.5)
        self.positions = nn.Parameter(0.1 * torch.randn(max_words, width))
        self.layers_ = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 3 * width, 0.0, batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.queries = nn.Parameter(torch.randn(len(classes), width))
        self.read = nn.MultiheadAttention(width, 4, batch_first=True)
        self.heads = nn.ModuleList(nn.Linear(width, n + 1) for n in classes)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """(batch, words, n-grams) bucket numbers; 0 is padding. Anything beyond the limits is left out."""
        c = self.config
        rows = [[self._hash(w) for w in _WORD.findall(_plain(t))[: c.max_words]] or [[]] for t in texts]
        ids = torch.zeros(len(rows), max(map(len, rows)), c.max_grams, dtype=torch.long)
        for i, row in enumerate(rows):
            for j, grams in enumerate(row):
                ids[i, j, : len(grams)] = torch.tensor(grams, dtype=torch.long)
        return ids

    def _hash(self, word: str) -> list[int]:
        w = f"<{word}>"
        parts = [w] + [w[i : i + n] for n in (3, 4, 5) for i in range(len(w) - n + 1)]
        return [1 + zlib.crc32(p.encode()) % self.config.buckets for p in parts[: self.config.max_grams]]

    def classify(self, ids: Tensor) -> list[Tensor]:
        """Bucket numbers -> one (batch, classes + 1) table of scores a slot; the last class is "not said"."""
        said = ids != 0
        sums = F.embedding_bag(ids.flatten(0, 1), self.grams.weight, mode="sum", padding_idx=0)
        words = sums.unflatten(0, ids.shape[:2]) / said.sum(2, keepdim=True).clamp(min=1).sqrt()
        empty = ~said.any(2)
        x = words + self.positions[: ids.shape[1]]
        empty[:, 0] = False  # an empty caption still leaves one place to look at
        for layer in self.layers_:
            x = layer(x, src_key_padding_mask=empty)
        q = self.queries.expand(len(ids), -1, -1)
        found = self.read(q, x, x, key_padding_mask=empty, need_weights=False)[0] + q
        return [cast(Tensor, head(found[:, i])) for i, head in enumerate(self.heads)]

    def forward(self, ids: Tensor) -> Tensor:
        """Bucket numbers -> (batch, all classes), the probabilities of each slot's classes in a row."""
        return torch.cat([table.float().softmax(-1) for table in self.classify(ids)], -1)


def _plain(text: str) -> str:
    return singular(unicodedata.normalize("NFC", text).lower())
