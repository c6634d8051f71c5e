"""The queue of held videos, for the people who decide on them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from guard.api import description, fields
from guard.api.auth import Caller, requires
from guard.api.errors import ApiError
from guard.api.forms import read_json
from guard.api.state import Guard, State
from guard.api.wire import MOST_LISTED, page, readable_prompt, seconds
from guard.bootstrap import SEALED_SCOPE
from guard.pipeline import afterwards
from guard.store import Decision, Review, StoreError, Video
from guard.store import decisions as decision_rows
from guard.store import reviews as review_rows
from guard.store import videos as video_rows

router = APIRouter(prefix="/v1")
Reviewer = Annotated[Caller, Depends(requires("reviews"))]
_MOST_NOTE = 2000


@router.get("/reviews")
def list_all(
    guard: Guard,
    caller: Reviewer,
    state: Literal["open", "approved", "rejected", "expired", "all"] = "open",
    after: str | None = None,
    limit: Annotated[int, Query(ge=0, le=MOST_LISTED)] = 20,
    sealed: bool = False,
) -> dict[str, Any]:
    """Reviews of the caller's tenant (of every tenant with scope ``admin``), oldest first.

    With ``sealed``, those of sealed material instead, which takes the scope of that name.
    """
    if sealed and SEALED_SCOPE not in caller.scopes:
        raise ApiError(403, "scope_missing", f"This API key lacks the scope {SEALED_SCOPE!r}.")
    if after is not None:
        fields.identifier(after, "review", param="after")
    with guard.services.database.read() as session:
        found, more = review_rows.list_reviews(
            session,
            state=None if state == "all" else state,
            tenant_id=None if caller.admin else caller.tenant_id,
            after=after,
            limit=limit,
            sealed=sealed,
        )
        decisions = decision_rows.get_decisions(session, [review.decision_id for review in found])
        return page([_review(review, decisions[review.decision_id]) for review in found], more=more)


@router.get("/reviews/{review_id}")
def show(review_id: str, guard: Guard, caller: Reviewer) -> dict[str, Any]:
    """One review, with the prompt that it is about and the scores behind the hold."""
    with guard.services.database.read() as session:
        review = _own(session, review_id, caller)
        video = video_rows.get_video(session, review.video_id)
        decision = decision_rows.get_decision(session, review.decision_id)
        return _review(review, decision) | {
            "prompt": _prompt(session, guard, video),
            "scores": decision.scores,
            "matches": decision.details.get("matches", []),
            "operator_text": decision.details.get("operator_text"),
            "policy": f"{decision.policy_id}@{decision.policy_version}",
        }


@router.post("/reviews/{review_id}/{outcome}", openapi_extra=description.REVIEW)
async def decide(
    review_id: str,
    outcome: Literal["approve", "reject"],
    request: Request,
    guard: Guard,
    caller: Reviewer,
) -> dict[str, Any]:
    """Approve, and the video goes on; reject, and it fails as blocked."""
    values = await read_json(request, 16 * 1024)
    fields.only_known(values, ("note",))
    note = fields.text(values, "note", most=_MOST_NOTE)
    return await run_in_threadpool(_decided, guard, caller, review_id, outcome, note)


def _decided(
    guard: State, caller: Caller, review_id: str, outcome: Literal["approve", "reject"], note: str | None
) -> dict[str, Any]:
    with guard.services.database.read() as session:
        sealed = _own(session, review_id, caller).sealed
    if outcome == "approve":
        engine = guard.installation.engine
        afterwards.approve(
            guard.services, engine, review_id, reviewer=caller.key_id, note=note, sealed=sealed
        )
    else:
        afterwards.reject(guard.services, review_id, reviewer=caller.key_id, note=note, sealed=sealed)
    with guard.services.database.read() as session:
        review = review_rows.get_review(session, review_id)
        return _review(review, decision_rows.get_decision(session, review.decision_id))


def _own(session: Session, review_id: str, caller: Caller) -> Review:
    review = review_rows.get_review(session, fields.identifier(review_id, "review"))
    hidden = review.sealed and SEALED_SCOPE not in caller.scopes
    if hidden or (not caller.admin and review.tenant_id != caller.tenant_id):
        raise StoreError("not_found", f"There is no review {review_id}.")
    return review


def _prompt(session: Session, guard: State, video: Video) -> str | None:
    """For whoever may see the review at all."""
    return (
        None if video.prompt_id is None else readable_prompt(session, guard.services.vault, video.prompt_id)
    )


def _review(review: Review, decision: Decision) -> dict[str, Any]:
    return {
        "id": review.id,
        "object": "review",
        "state": review.state,
        "stage": review.stage,
        "reason": review.reason,
        "sealed": review.sealed,
        "categories": decision.categories,
        "video_id": review.video_id,
        "created_at": seconds(review.created),
        "expires_at": seconds(review.expires_at),
        "decided_at": seconds(review.decided_at),
        "reviewer": review.reviewer,
        "note": review.note,
    }
