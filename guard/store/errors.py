"""The one error of the store."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot do what was asked.

    Attributes:
        code: stable snake_case code: ``database_unavailable`` (try again later), ``object_store_unavailable``
            (likewise), ``database_outdated``, ``database_newer``, ``database_unsupported``, ``not_found``,
            ``conflict``, ``status_invalid``, ``release_missing``, ``review_decided``, ``prompt_erased``,
            ``prompt_unreadable``, ``master_key_invalid``, ``object_exists``, ``object_missing``,
            ``object_altered``, ``object_key_invalid``, ``idempotency_mismatch``, ``sealed_unreadable``,
            ``manifest_exists``, ``manifest_not_yours``, ``binding_taken``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
