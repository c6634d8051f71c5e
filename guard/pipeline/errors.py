"""Why a request or a job stopped."""

from __future__ import annotations


class PipelineError(Exception):
    """A request cannot be taken, or a job cannot go on.

    Attributes:
        code: Stable, snake_case.
        param: The request's field at fault, if there is one.
        passing: Whether the cause may pass (a full disk, a signer or a database that is away): the job stays as it is
            and is taken up again.
    """

    def __init__(self, code: str, message: str, *, param: str | None = None, passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.passing = passing


_OURS = frozenset({"detectors", "generator", "guard", "policies"})

PASSING_CODES = frozenset(
    {
        "database_unavailable",
        "extra_missing",
        "kept_invalid",
        "key_uri_invalid",
        "log_inconsistent",
        "media_crashed",
        "media_timeout",
        "media_write_failed",
        "object_store_unavailable",
        "signer_failed",
        "signer_mismatch",
        "signer_unavailable",
        "storage_failed",
        "time_stamp_unavailable",
        "work_folder_unwritable",
    }
)
"""Codes of other rooms' errors whose cause lies outside the job and may pass."""


def as_outcome(error: Exception) -> tuple[str, str, bool]:
    """Code, message and whether it may pass, of any exception.

    Messages of our own errors are written for people and hold no secrets; a foreign exception's text may quote a
    prompt or a path, so only its type is told. Foreign exceptions may have a ``code`` too (SQLAlchemy's do).
    """
    code = getattr(error, "code", None)
    if isinstance(code, str) and type(error).__module__.partition(".")[0] in _OURS:
        passing = code in PASSING_CODES or getattr(error, "passing", False) is True
        return code, str(error), passing
    if isinstance(error, OSError):
        return "work_folder_unwritable", f"The work folder could not be used ({type(error).__name__}).", True
    return "internal_error", f"An unexpected {type(error).__name__} stopped the job.", False
