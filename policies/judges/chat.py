"""Language models that were trained to judge, run with ``transformers`` from a local folder of weights.

Each family says how it is asked and how its answer reads. The conversation is put into words by the template that
comes with the weights. Nothing is downloaded, no code out of the folder is run, and only ``safetensors`` are read.
"""

import hashlib
import json
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from policies._torchvision import prepare as prepare_torchvision
from policies.errors import PolicyError
from policies.judges.opinion import JudgeError, Opinion, worst

_STRETCH, _OVERLAP, _TOKENS = 4_000, 200, 4_096
"""Code points, and tokens, that are judged at once; longer texts are judged in stretches, and the worst counts."""
_PARTS = re.compile(r"""\[\s*['"]type['"]\s*\]|\.type\b""")
_READ = ("*.json", "*.jinja", "*.safetensors", "*.model", "*.txt")


class ChatJudge(ABC):
    """A guard model of some family.

    Args:
        folder: Weights, configuration and tokenizer, as ``save_pretrained`` writes them.
        digest: What the files' digest must be; None takes what is there.
        device: Where it runs.
        dtype: Of the weights.
    """

    architectures: tuple[str, ...]
    """Classes of ``transformers`` that this family's weights may name."""

    def __init__(
        self, folder: Path, *, digest: str | None = None, device: str = "cpu", dtype: str = "float32"
    ) -> None:
        self.id = folder.name
        self.digest = ""
        self._folder, self._wanted = folder, digest
        self._device, self._dtype = device, dtype
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def load(self) -> None:
        """Read the weights, once.

        Raises:
            PolicyError: ``weights_missing``, ``weights_digest``, ``weights_invalid`` or ``transformers_missing``.
        """
        with self._lock:
            if self._loaded is None:
                digest = folder_digest(self._folder)
                if self._wanted not in (None, digest):
                    raise PolicyError(
                        "weights_digest", f"{self.id} is not what its digest says; it does not run."
                    )
                self._loaded = self._read()
                self.digest = digest

    def opinion(self, text: str) -> Opinion:
        """Judge one text.

        Raises:
            JudgeError: ``unreadable`` for an answer that is none, or the code of what is wrong with the weights.
        """
        try:
            self.load()
        except PolicyError as error:
            raise JudgeError(error.code) from None
        with self._lock:
            return worst(
                [self._judge(part) for stretch in stretches(text) for part in self._fitting(stretch)]
            )

    @abstractmethod
    def _judge(self, text: str) -> Opinion:
        """Judge a stretch of text with the loaded model."""

    def _fitting(self, text: str) -> list[str]:
        """A stretch in parts of at most so many tokens; some scripts take several for each letter."""
        assert self._loaded is not None
        if (
            len(self._loaded[0].encode(text, add_special_tokens=False)) <= _TOKENS
            or len(text) <= 2 * _OVERLAP
        ):
            return [text]
        halves = stretches(text, len(text) // 2 + _OVERLAP)
        return [part for half in halves for part in self._fitting(half)]

    def _read(self) -> tuple[Any, Any]:
        try:
            prepare_torchvision()
            import torch
            import transformers
        except ImportError:
            raise PolicyError(
                "transformers_missing", "Install torch and transformers to run this judge."
            ) from None
        named = json.loads((self._folder / "config.json").read_bytes()).get("architectures") or [""]
        if named[0] not in self.architectures:
            raise PolicyError(
                "weights_invalid",
                f"{self.id} is a {named[0] or 'model of no class'}, this judge runs {', '.join(self.architectures)}.",
            )
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
            model = getattr(transformers, named[0]).from_pretrained(
                self._folder, local_files_only=True, use_safetensors=True, dtype=getattr(torch, self._dtype)
            )
            model = model.to(self._device).eval()
        except Exception as error:  # noqa: BLE001 - transformers raises whatever its parts raise
            raise PolicyError(
                "weights_invalid", f"{self.id} does not load: {type(error).__name__}."
            ) from None
        if not tokenizer.chat_template:
            raise PolicyError("weights_invalid", f"{self.id} has no chat template beside its tokenizer.")
        return tokenizer, model

    def _asked(self, text: str, **template: str) -> Any:
        """The question as token ids, shape (1, n)."""
        assert self._loaded is not None
        tokenizer, model = self._loaded
        safe = _defused(text, tokenizer)
        # Some templates take the text as it is, others a list of parts.
        parts = _PARTS.search(str(tokenizer.chat_template)) is not None
        content: Any = [{"type": "text", "text": safe}] if parts else safe
        encoded = tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
            **template,
        )
        return encoded["input_ids"].to(model.device)

    def _answer(self, text: str, labels: Sequence[str], most: int) -> tuple[str, dict[str, float]]:
        """Ask for at most so many tokens; take the likeliest each time, so the same question has the same answer.

        Returns:
            The answer, and each label's share of the labels' probability where the answer first spells one of them.
        """
        import torch

        assert self._loaded is not None
        tokenizer, model = self._loaded
        asked = self._asked(text)
        with torch.inference_mode():
            made = model.generate(
                asked,
                attention_mask=torch.ones_like(asked),
                max_new_tokens=most,
                do_sample=False,
                output_scores=True,
                return_dict_in_generate=True,
                pad_token_id=tokenizer.pad_token_id
                if tokenizer.pad_token_id is not None
                else tokenizer.eos_token_id,
            )
        tokens = made.sequences[0, asked.shape[1] :].tolist()
        return tokenizer.decode(tokens, skip_special_tokens=True), self._shares(tokens, made.scores, labels)

    def _shares(self, tokens: list[int], scores: Sequence[Any], labels: Sequence[str]) -> dict[str, float]:
        import torch

        assert self._loaded is not None
        tokenizer, _ = self._loaded
        spelt = {label: _first_tokens(tokenizer, label) for label in labels}
        known = {token for tokens_ in spelt.values() for token in tokens_}
        step = next((index for index, token in enumerate(tokens) if token in known), None)
        if step is None:
            return {}
        logits = scores[step][0].double()
        weights = torch.softmax(logits, -1)
        sums = {label: float(sum(weights[token] for token in found)) for label, found in spelt.items()}
        total = sum(sums.values())
        return {label: value / total for label, value in sums.items()} if total > 0 else {}


def _first_tokens(tokenizer: Any, label: str) -> set[int]:
    """The tokens that a label can begin with: at the start of a line, or after a space."""
    found = (tokenizer.encode(form, add_special_tokens=False) for form in (label, f" {label}"))
    blank = {token for ids in (tokenizer.encode(" ", add_special_tokens=False),) for token in ids}
    return {next(token for token in ids if token not in blank) for ids in found if set(ids) - blank}


def _defused(text: str, tokenizer: Any) -> str:
    """A text that cannot end its own turn: marks of the template lose their meaning by a space."""
    for mark in sorted(tokenizer.get_added_vocab(), key=len, reverse=True):
        if len(mark) > 1 and mark in text:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def stretches(text: str, most: int = _STRETCH, overlap: int = _OVERLAP) -> list[str]:
    """A text in stretches of at most ``most`` code points that overlap, so that no sentence is cut in both."""
    starts = range(0, max(1, len(text) - overlap), most - overlap)
    return [text[start : start + most] for start in starts]


def read_files(folder: Path) -> list[Path]:
    """The files that loading may read, by name.

    Raises:
        PolicyError: ``weights_missing``.
    """
    paths = sorted({path for pattern in _READ for path in folder.glob(pattern)})
    if not any(path.name == "config.json" for path in paths):
        raise PolicyError("weights_missing", f"{folder.name} holds no config.json: check the path.")
    return paths


def folder_digest(folder: Path) -> str:
    """``sha256:`` over lines of sha256, two spaces and name, of each file that loading may read.

    Raises:
        PolicyError: ``weights_missing``.
    """
    lines = []
    try:
        for path in read_files(folder):
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    except OSError:
        raise PolicyError("weights_missing", f"{folder.name} cannot be read: check the path.") from None
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()
