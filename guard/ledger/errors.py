"""The one error of the transparency log."""

from __future__ import annotations


class LedgerError(Exception):
    """Something about the log, its keys, notes, proofs or exports is wrong.

    Attributes:
        code: stable snake_case code, one of ``entry_invalid``, ``leaf_too_large``, ``index_out_of_range``,
            ``checkpoint_missing``, ``log_inconsistent``, ``key_exists``, ``key_missing``,
            ``key_permissions``, ``key_invalid``, ``note_malformed``, ``signature_invalid``,
            ``proof_malformed``, ``proof_invalid``, ``export_conflict``, ``kept_invalid``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
