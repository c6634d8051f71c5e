"""What can be wrong with a weight file."""


class ModelError(Exception):
    """A model cannot be used: ``model_unknown``, ``model_missing`` or ``model_altered``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
