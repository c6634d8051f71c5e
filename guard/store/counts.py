"""What happened in a period, for reports. A period counts its first moment, not its last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, distinct, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from guard.store.models import PICTURE_ID, Decision, Release, Review, Verification, Video

Column = InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Counts:
    """Numbers of one period.

    Attributes:
        requested: clips and pictures that were asked for and not blocked at once, by medium (``videos``, ``images``).
        generated: those that a generator finished, counted when they were judged, by medium.
        blocked: decisions to block, by stage (``prompt``, ``input``, ``output``).
        blocked_categories: the same decisions, by category; one decision may count under several.
        absent: decisions on pictures, by examiner that was not there: ``written``, ``spoken`` and the like.
        reviewed: reviews that ended, by outcome (``approved``, ``rejected``, ``expired``).
        released: releases, by medium.
        revoked: releases withdrawn in the period, whenever they were made.
        failed: jobs created in the period that failed, by error code.
        verified: verifications, by verdict.
    """

    requested: dict[str, int]
    generated: dict[str, int]
    blocked: dict[str, int]
    blocked_categories: dict[str, int]
    absent: dict[str, int]
    reviewed: dict[str, int]
    released: dict[str, int]
    revoked: int
    failed: dict[str, int]
    verified: dict[str, int]


def count(session: Session, start: datetime, end: datetime, *, tenant_id: str | None = None) -> Counts:
    """Count what happened in ``[start, end)``.

    Args:
        session: a read transaction, so that all numbers are of one moment.
        start: first moment, with a time zone.
        end: first moment after the period.
        tenant_id: of this tenant only; then verifications by anonymous callers are left out.
    """

    def within(column: Column, owner: Column, *more: ColumnElement[bool]) -> Sequence[ColumnElement[bool]]:
        mine = () if tenant_id is None else (owner == tenant_id,)
        return (column >= start, column < end, *mine, *more)

    def total(what: Any, *where: ColumnElement[bool]) -> int:
        return session.scalar(select(func.count(what)).where(*where)) or 0

    def by(column: Column, *where: ColumnElement[bool]) -> dict[str, int]:
        query = select(column, func.count()).where(*where).group_by(column).order_by(column)
        return {str(name): number for name, number in session.execute(query)}

    def by_medium(job: Column, *where: ColumnElement[bool]) -> dict[str, int]:
        medium = case((job.startswith(f"{PICTURE_ID}_", autoescape=True), "images"), else_="videos")
        query = select(medium, func.count(distinct(job))).where(*where).group_by(medium)
        return dict(sorted((str(name), number) for name, number in session.execute(query)))

    blocked = within(Decision.created, Decision.tenant_id, Decision.action == "block")
    categories: dict[str, int] = {}
    for names in session.scalars(select(Decision.categories).where(*blocked)):
        for name in names:
            categories[name] = categories.get(name, 0) + 1
    shown = within(Decision.created, Decision.tenant_id, Decision.stage.in_(("input", "output")))
    absent = Counter(
        seen["examiner"]
        for details in session.scalars(select(Decision.details).where(*shown))
        for seen in details.get("evidence", ())
        if seen["state"] == "absent"
    )
    return Counts(
        requested=by_medium(Video.id, *within(Video.created, Video.tenant_id)),
        generated=by_medium(
            Decision.video_id, *within(Decision.created, Decision.tenant_id, Decision.stage == "output")
        ),
        blocked=by(Decision.stage, *blocked),
        blocked_categories=dict(sorted(categories.items())),
        absent=dict(sorted(absent.items())),
        reviewed=by(Review.state, *within(Review.decided_at, Review.tenant_id)),
        released=by_medium(Release.video_id, *within(Release.created, Release.tenant_id)),
        revoked=total(Release.id, *within(Release.revoked_at, Release.tenant_id)),
        failed=by(Video.error_code, *within(Video.created, Video.tenant_id, Video.error_code.is_not(None))),
        verified=by(Verification.verdict, *within(Verification.created, Verification.tenant_id)),
    )
