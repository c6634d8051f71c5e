"""The error family of Content Credentials."""

from __future__ import annotations


class CredentialsError(Exception):
    """Signing, reading or keys could not go on.

    Attributes:
        code: stable snake_case name of what went wrong, for programs.

    The message is for people and says what to do. It never holds key material, a signer's own error text, or
    anything of a prompt.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
