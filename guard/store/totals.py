"""How many of everything there are, for monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from guard.store.models import CLIP, Decision, Release, Review, Verification, Video


@dataclass(frozen=True)
class Totals:
    """Numbers of all tenants together.

    Attributes:
        videos: clips by status.
        pictures: the same of pictures.
        decisions: by stage and action.
        reviews: by state.
        verifications: by verdict.
        releases: all that were made.
        revoked: those of them that were withdrawn.
        unstamped: those of them that were signed without the time stamp that was asked for.
    """

    videos: dict[str, int]
    pictures: dict[str, int]
    decisions: dict[tuple[str, str], int]
    reviews: dict[str, int]
    verifications: dict[str, int]
    releases: int
    revoked: int
    unstamped: int


def totals(session: Session) -> Totals:
    """Count; one query each, over whole tables."""

    def by(column: InstrumentedAttribute[Any], *where: ColumnElement[bool]) -> dict[str, int]:
        query = select(column, func.count()).where(*where).group_by(column)
        return {str(name): number for name, number in session.execute(query)}

    decided = select(Decision.stage, Decision.action, func.count()).group_by(Decision.stage, Decision.action)
    return Totals(
        videos=by(Video.status, Video.format == CLIP),
        pictures=by(Video.status, Video.format != CLIP),
        decisions={(stage, action): number for stage, action, number in session.execute(decided)},
        reviews=by(Review.state),
        verifications=by(Verification.verdict),
        releases=session.scalar(select(func.count(Release.id))) or 0,
        revoked=session.scalar(select(func.count(Release.revoked_at))) or 0,
        unstamped=session.scalar(select(func.count(Release.id)).where(Release.stamped.is_(False))) or 0,
    )
