"""Releases that lack what every release must have. All numbers should be 0; a report shows them with their query."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from guard.store.models import Decision, FingerprintHash, Release, Review, Video


def gaps(session: Session, start: datetime, end: datetime, *, tenant_id: str | None = None) -> dict[str, int]:
    """Count releases of ``[start, end)`` by what they lack.

    Args:
        session: a read transaction.
        start: first moment, with a time zone.
        end: first moment after the period.
        tenant_id: of this tenant only.

    Returns:
        ``no_prompt_decision``, ``no_output_decision``: no decision at that stage; ``blocked``: a decision to
        block its video; ``not_approved``: its video was held and nobody approved it; ``no_fingerprint``: nothing
        to recognise its pictures by; ``not_completed``: its video never became completed.
    """

    def decided(*where: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists().where(Decision.video_id == Release.video_id, *where)

    missing: dict[str, ColumnElement[bool]] = {
        "no_prompt_decision": ~decided(Decision.stage == "prompt"),
        "no_output_decision": ~decided(Decision.stage == "output"),
        "blocked": decided(Decision.action == "block"),
        "not_approved": exists().where(Review.video_id == Release.video_id, Review.state != "approved"),
        "no_fingerprint": ~exists().where(FingerprintHash.release_id == Release.id),
        "not_completed": ~exists().where(Video.id == Release.video_id, Video.completed_at.is_not(None)),
    }
    mine = () if tenant_id is None else (Release.tenant_id == tenant_id,)
    within = (Release.created >= start, Release.created < end, *mine)
    return {
        name: session.scalar(select(func.count(Release.id)).where(*within, lack)) or 0
        for name, lack in missing.items()
    }
