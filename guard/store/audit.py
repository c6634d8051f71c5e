"""What the store's rows say about the log, for :func:`guard.ledger.verify_database`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from guard.ledger import Expected, Report, VerifyKey, verify_database
from guard.store.models import Decision, Release, Review

_DECISION = (
    "tenant_id", "video_id", "stage", "action", "reason", "policy_id", "policy_version", "policy_digest",
    "model_digest",
)  # fmt: skip
_RELEASE = (
    "tenant_id", "video_id", "asset_digest", "manifest_digest", "model_digest", "policy_digest",
    "mark_algorithm", "mark_key_id",
)  # fmt: skip


def logged_rows(session: Session) -> Iterator[Expected]:
    """Every decision, review, release and revocation with the leaf that it claims to be."""
    for decision in session.scalars(select(Decision).execution_options(yield_per=500)):
        yield Expected(
            decision.ledger_index,
            "decision",
            {
                "decision_id": decision.id,
                "categories": decision.categories,
                **{name: getattr(decision, name) for name in _DECISION},
            },
        )
    closed = select(Review).where(Review.state != "open")
    for review in session.scalars(closed.execution_options(yield_per=500)):
        yield Expected(
            -1 if review.ledger_index is None else review.ledger_index,
            "review",
            {
                "review_id": review.id,
                "video_id": review.video_id,
                "stage": review.stage,
                "outcome": review.state,
            },
        )
    for release in session.scalars(select(Release).execution_options(yield_per=500)):
        yield Expected(
            release.ledger_index,
            "release",
            {"release_id": release.id, **{name: getattr(release, name) for name in _RELEASE}},
        )
        if release.revoked_at is not None:
            yield Expected(
                -1 if release.revocation_index is None else release.revocation_index,
                "revocation",
                {"release_id": release.id, "video_id": release.video_id},
            )


def audit(session: Session, public_key: VerifyKey | str, *, previous_checkpoint: str | None = None) -> Report:
    """Audit log and rows together; see :func:`guard.ledger.verify_database`."""
    return verify_database(
        session.connection(),
        public_key,
        expected=partial(logged_rows, session),
        previous_checkpoint=previous_checkpoint,
    )
