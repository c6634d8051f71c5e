"""Errors of this room. Messages say what to do and never contain a prompt."""


class PolicyError(Exception):
    """A policy document, a weight file or an input cannot be used.

    Args:
        code: Stable snake_case code for machines.
        message: What is wrong and what to do about it. Never text that a user wrote.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PromptError(PolicyError):
    """A prompt cannot be judged: ``prompt_empty``, ``prompt_too_long`` or ``prompt_unreadable``."""
