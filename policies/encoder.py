"""What a reader needs of an encoder: the tokens of a text, and BERT's weights as a package carries them."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SIZE = 384
"""Numbers of a state, and of the vector of a text."""
LAYERS = 12
HEADS = 12
INNER = 1536
LONGEST_TEXT = 126
"""Tokens of one stretch that are read, besides the two at its ends."""
Pooling = Literal["mean", "first"]
"""Which of the last states are the vector of a text: the mean of all, or the first."""


class Encoder(Protocol):
    """A BERT of these sizes. Tensors have short names: ``emb.word``, ``l0.q.w``, ``l11.oln.b``."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def digest(self) -> str:
        """``sha256:`` digest of its files."""

    @property
    def padding(self) -> int:
        """The token that stands where a text has ended."""

    @property
    def pooling(self) -> Pooling:
        """What it was trained with."""

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, at most ``LONGEST_TEXT`` and the two at its ends."""

    def vector(self, name: str) -> Floats:
        """A tensor, flat."""

    def matrix(self, name: str, columns: int, rows: NDArray[np.int64] | None = None) -> Floats:
        """A matrix (n, columns), or some of its rows."""
