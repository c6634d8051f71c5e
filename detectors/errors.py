"""The error family of this room."""

from __future__ import annotations


class DetectorError(Exception):
    """A detector could not do its work.

    Raised inside a detector, it becomes evidence of the outcome ``error`` and never reaches the caller of
    ``examine``. The message says what to do and holds nothing of the file's content.

    Attributes:
        code: Stable, snake_case name of what went wrong, for example ``decoder_unavailable``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
