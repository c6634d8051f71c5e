"""What can be wrong with a weight file."""


class ModelError(Exception):
    """A model cannot be used or fetched.

    ``model_unknown``, ``model_missing``, ``model_altered``, ``model_not_fetchable`` or ``model_unreachable``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
