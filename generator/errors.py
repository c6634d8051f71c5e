"""The room's one error family."""

from __future__ import annotations

from typing import Final, Literal

ErrorCode = Literal[
    "size_unsupported",
    "seconds_unsupported",
    "reference_unsupported",
    "out_of_memory",
    "weights_missing",
    "generation_failed",
]

_ADVICE: Final[dict[str, str]] = {
    "size_unsupported": "ask for one of the sizes the generator lists",
    "seconds_unsupported": "ask for one of the lengths the generator lists",
    "reference_unsupported": "leave the reference picture out, or choose a generator that accepts one",
    "out_of_memory": "ask for a smaller or shorter clip, or give the generator a larger device",
    "weights_missing": "install the package with its data files, or name a folder that holds a pipeline",
    "generation_failed": "look at the generator's own log, then try again",
}


class GeneratorError(Exception):
    """Generation could not be done; `code` is stable, the message says what to do.

    The message never carries a prompt.
    """

    def __init__(self, code: ErrorCode, detail: str = "") -> None:
        self.code: ErrorCode = code
        super().__init__(f"{detail or code.replace('_', ' ')}: {_ADVICE[code]}")
