"""Decisions of the policies: a row and a leaf, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from guard import ledger
from guard.store.errors import StoreError
from guard.store.ids import new_id
from guard.store.models import Decision, Prompt, Seal


class Judged(Protocol):
    """What a judge hands over, by structure."""

    @property
    def stage(self) -> str: ...  # noqa: D102
    @property
    def action(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def categories(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def scores(self) -> Mapping[str, float]: ...  # noqa: D102
    @property
    def policy_id(self) -> str: ...  # noqa: D102
    @property
    def policy_version(self) -> int: ...  # noqa: D102
    @property
    def policy_digest(self) -> str: ...  # noqa: D102
    @property
    def model_id(self) -> str: ...  # noqa: D102
    @property
    def model_digest(self) -> str: ...  # noqa: D102
    @property
    def details(self) -> Mapping[str, Any]: ...  # noqa: D102


def record_decision(
    session: Session,
    tenant_id: str,
    judged: Judged,
    *,
    now: datetime,
    video_id: str | None = None,
    prompt: Prompt | None = None,
) -> Decision:
    """Record what was decided, and log it.

    Args:
        session: a write transaction.
        tenant_id: whose request it was.
        judged: the decision; what it says for people is kept too, and holds nothing of the prompt.
        now: when.
        video_id: the job that it belongs to, which need not exist yet.
        prompt: the stored prompt that it speaks of; its commitment goes into the log.
    """
    conn = session.connection()
    decision_id = new_id("decision", now)
    entry = ledger.DecisionEntry(
        decision_id=decision_id,
        tenant_commitment=ledger.commit(conn, decision_id, tenant_id.encode()),
        video_id=video_id,
        stage=cast("ledger.Stage", str(judged.stage)),
        action=cast("ledger.Action", str(judged.action)),
        reason=judged.reason,
        categories=tuple(judged.categories),
        policy_id=judged.policy_id,
        policy_version=judged.policy_version,
        policy_digest=judged.policy_digest,
        model_digest=judged.model_digest,
        commitment=None if prompt is None else prompt.commitment,
    )
    decision = Decision(
        id=decision_id,
        tenant_id=tenant_id,
        video_id=video_id,
        prompt_id=None if prompt is None else prompt.id,
        stage=entry.stage,
        action=entry.action,
        reason=entry.reason,
        categories=list(entry.categories),
        scores=dict(judged.scores),
        policy_id=entry.policy_id,
        policy_version=entry.policy_version,
        policy_digest=entry.policy_digest,
        model_id=judged.model_id,
        model_digest=judged.model_digest,
        details=dict(judged.details),
        created=now,
        ledger_index=ledger.append(conn, entry, now=now),
    )
    session.add(decision)
    session.flush()
    return decision


def get_decision(session: Session, decision_id: str) -> Decision:
    """A decision by id.

    Raises:
        StoreError: ``not_found``.
    """
    decision = session.get(Decision, decision_id)
    if decision is None:
        raise StoreError("not_found", f"There is no decision {decision_id}.")
    return decision


def get_decisions(session: Session, decision_ids: Iterable[str]) -> dict[str, Decision]:
    """Decisions by their ids, as far as there are such."""
    found = session.scalars(select(Decision).where(Decision.id.in_(decision_ids)))
    return {decision.id: decision for decision in found}


def blocked_prompts(session: Session, *, before: datetime) -> list[str]:
    """Ids of prompts not yet erased or sealed whose requests were blocked before a time; they belong to no video."""
    found = session.scalars(
        select(Prompt.id)
        .join(Decision, Decision.prompt_id == Prompt.id)
        .where(
            Decision.action == "block",
            Decision.video_id.is_(None),
            Decision.created < before,
            Prompt.wrapped_key.is_not(None),
            Prompt.id.not_in(
                select(Seal.prompt_id).where(
                    Seal.prompt_id.is_not(None), Seal.lifted_at.is_(None), Seal.destroyed_at.is_(None)
                )
            ),
        )
        .order_by(Prompt.id)
    )
    return list(found)


def prompt_decisions(
    session: Session,
    *,
    since: datetime,
    until: datetime | None = None,
    after: str | None = None,
    limit: int = 200,
) -> Sequence[Decision]:
    """A page of the decisions on prompts, oldest first.

    Args:
        session: a transaction.
        since: made at that moment or later.
        until: made before that moment.
        after: the last id of the page before.
        limit: most of a page.
    """
    query = (
        select(Decision)
        .where(Decision.stage == "prompt", Decision.prompt_id.is_not(None), Decision.created >= since)
        .order_by(Decision.id)
        .limit(limit)
    )
    if until is not None:
        query = query.where(Decision.created < until)
    if after is not None:
        query = query.where(Decision.id > after)
    return session.scalars(query).all()


def decisions_of(session: Session, video_id: str) -> Sequence[Decision]:
    """All decisions about a video, oldest first."""
    return session.scalars(
        select(Decision).where(Decision.video_id == video_id).order_by(Decision.ledger_index)
    ).all()
