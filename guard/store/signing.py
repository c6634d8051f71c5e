"""Signing the log within a transaction of the store."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import event
from sqlalchemy.orm import Session

from guard.ledger import LedgerError, Log

_log = structlog.get_logger(__name__)


def sign_log(session: Session, log: Log, *, now: datetime) -> str:
    """Sign the log as it stands, and keep the checkpoint beside the log's key as soon as the commit has succeeded.

    Returns:
        The signed checkpoint.

    Raises:
        LedgerError: ``log_inconsistent``, ``kept_invalid``.
    """
    note = log.checkpoint(session.connection(), now=now)

    def keep(_: Session) -> None:
        try:
            log.keep(note)
        except (OSError, LedgerError) as error:
            # What was committed stays committed, and what is kept may lag behind: the next signature mends it.
            _log.warning("checkpoint_not_kept", error=type(error).__name__)

    event.listen(session, "after_commit", keep, once=True)
    return note
