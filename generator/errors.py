"""The room's one error family."""

from __future__ import annotations

from typing import Final, Literal

ErrorCode = Literal[
    "size_unsupported",
    "seconds_unsupported",
    "reference_unsupported",
    "reference_required",
    "out_of_memory",
    "weights_missing",
    "weights_altered",
    "backend_invalid",
    "generation_failed",
]

_ADVICE: Final[dict[str, str]] = {
    "size_unsupported": "ask for one of the sizes the generator lists",
    "seconds_unsupported": "ask for one of the lengths the generator lists",
    "reference_unsupported": "leave the reference picture out, or choose a generator that accepts one",
    "reference_required": "send a reference picture, or choose a generator that needs none",
    "out_of_memory": "ask for a smaller or shorter clip, or give the generator a larger device",
    "weights_missing": "install the package with its data files, name a folder that holds a whole pipeline in"
    " safetensors, or fetch the repository into the local cache first",
    "weights_altered": "fetch the weights again, or correct the digest if this is the model that is meant",
    "backend_invalid": "correct the model's entry in the settings",
    "generation_failed": "look at the generator's own log, then try again",
}


class GeneratorError(Exception):
    """Generation could not be done; `code` is stable, the message says what to do.

    The message never carries a prompt.
    """

    def __init__(self, code: ErrorCode, detail: str = "") -> None:
        self.code: ErrorCode = code
        super().__init__(f"{detail or code.replace('_', ' ')}: {_ADVICE[code]}")
