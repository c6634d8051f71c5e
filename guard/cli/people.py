"""`guard review` and `guard release`: what people decide after the machine."""

from __future__ import annotations

import getpass
from typing import Annotated, Any, Literal

import typer

from guard.cli.common import JsonFlag, filled, group, installation, out, show_json, show_table, when

review_app = group("Videos held for a person to look at.", example="guard review list")
release_app = group("Released files.", example="guard release show video_01…")

ReviewId = Annotated[str, typer.Argument(help="The review's id, see guard review list.")]
ReviewerOption = Annotated[str, typer.Option(help="Who decides; the login name if not given.")]
SealedFlag = Annotated[
    bool,
    typer.Option(
        "--sealed", metavar="", help="Of the queue of sealed material instead; see guard sealed --help."
    ),
]
NoteOption = Annotated[str, typer.Option(help="A word for the record.")]


@review_app.command("list")
def list_reviews(
    state: Annotated[
        Literal["open", "approved", "rejected", "expired", "all"], typer.Option(help="Which ones.")
    ] = "open",
    after: Annotated[str, typer.Option(help="Only those after this review.")] = "",
    limit: Annotated[int, typer.Option(help="How many, oldest first.", min=1)] = 100,
    sealed: SealedFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Show what waits. Sealed material has a queue of its own, for the few who may decide on it.

    Example: `guard review list --state all`
    """
    from guard.store import reviews

    with installation() as opened, opened.services.database.read() as session:
        found, more = reviews.list_reviews(
            session,
            state=None if state == "all" else state,
            after=after or None,
            limit=limit,
            sealed=sealed,
        )
        rows = [_review(row) for row in found]
    if as_json:
        show_json(rows)
        return
    if not rows:
        out.print("Nothing is held." if state == "open" else "There are none.")
        return
    columns = ("id", "video_id", "stage", "state", "expires_at", "reason")
    cells = [[row[column] for column in columns] for row in rows]
    show_table(["review", "video", "stage", "state", "expires", "reason"], cells)
    if more:
        out.print(f"There are more: --after {rows[-1]['id']}", markup=False, highlight=False)


@review_app.command("show")
def show_review(review_id: ReviewId, as_json: JsonFlag = False) -> None:
    """Show a held video: its prompt, what the policy decided and why.

    Example: `guard review show review_01…`
    """
    from guard.pipeline.workfolder import FITTED_REFERENCE, RAW_CLIP
    from guard.store import StoreError, decisions, reviews, videos

    with installation() as opened, opened.services.database.read() as session:
        review = reviews.get_review(session, review_id)
        if review.sealed:
            raise StoreError(
                "review_sealed", f"The review {review_id} is of sealed material; see guard sealed list."
            )
        video = videos.get_video(session, review.video_id)
        decision = decisions.get_decision(session, review.decision_id)
        work = opened.paths.work / video.id
        raw, picture = work / RAW_CLIP, work / FITTED_REFERENCE
        shown: dict[str, Any] = {
            **_review(review),
            "prompt": opened.services.vault.read(session, video.prompt_id) if video.prompt_id else None,
            "categories": decision.categories,
            "scores": {name: round(score, 3) for name, score in decision.scores.items() if score >= 0.01},
            "policy": f"{decision.policy_id}@{decision.policy_version}",
            "why": decision.details.get("operator_text"),
            "clip": str(raw) if raw.exists() else None,
            "reference": str(picture) if picture.exists() else None,
        }
    if as_json:
        show_json(shown)
        return
    scores = ", ".join(f"{name} {score}" for name, score in shown["scores"].items())
    _show({**shown, "categories": ", ".join(shown["categories"]), "scores": scores}, as_json=False)


@review_app.command("approve")
def approve(
    review_id: ReviewId,
    reviewer: ReviewerOption = "",
    note: NoteOption = "",
    sealed: SealedFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Let a held video go on; the worker takes it up.

    Example: `guard review approve review_01… --note "news footage"`
    """
    from guard.pipeline import afterwards

    with installation() as opened:
        _decided(
            afterwards.approve(
                opened.services,
                opened.engine,
                review_id,
                reviewer=reviewer or getpass.getuser(),
                note=note or None,
                sealed=sealed,
            ),
            as_json,
        )


@review_app.command("reject")
def reject(
    review_id: ReviewId,
    reviewer: ReviewerOption = "",
    note: NoteOption = "",
    sealed: SealedFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """End a held video; what was made of it is destroyed.

    Example: `guard review reject review_01…`
    """
    from guard.pipeline import afterwards

    with installation() as opened:
        _decided(
            afterwards.reject(
                opened.services,
                review_id,
                reviewer=reviewer or getpass.getuser(),
                note=note or None,
                sealed=sealed,
            ),
            as_json,
        )


@release_app.command("show")
def show_release(
    release_id: Annotated[str, typer.Argument(help="Id of a release or of its video.")],
    as_json: JsonFlag = False,
) -> None:
    """Show what is on record of a release.

    Example: `guard release show video_01…`
    """
    from guard.store import releases

    with installation() as opened, opened.services.database.read() as session:
        shown = _release(releases.named_release(session, release_id))
    _show(shown, as_json)


@release_app.command("revoke")
def revoke(
    release_id: Annotated[str, typer.Argument(help="Id of a release or of its video.")],
    reason: Annotated[
        str,
        typer.Option(help="Why; stays in the registry, the log holds a commitment to it.", callback=filled),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Withdraw a release: no longer served, and verification says "revoked". Copies already out can only be flagged.

    Example: `guard release revoke video_01… --reason "shows a real person"`
    """
    from guard.pipeline import afterwards
    from guard.pipeline.errors import PipelineError
    from guard.store import releases

    with installation() as opened:
        with opened.services.database.read() as session:
            before = releases.named_release(session, release_id).revoked_at
        # Done again, it still removes a file that the object store would not let go of the first time.
        shown = _release(afterwards.revoke(opened.services, release_id, reason))
    if before is not None:
        raise PipelineError(
            "already_revoked", f"{release_id} was revoked already, at {when(before)}; the first reason stays."
        )
    _show(shown, as_json)


def _decided(review: Any, as_json: bool) -> None:
    if as_json:
        show_json(_review(review))
    else:
        out.print(f"{review.id} {review.state}", markup=False)


def _show(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(values)
        return
    for name, value in values.items():
        if value not in (None, ""):
            out.print(f"{name:<16} {value}", markup=False)


def _review(review: Any) -> dict[str, Any]:
    return {
        "id": review.id,
        "video_id": review.video_id,
        "stage": review.stage,
        "state": review.state,
        "reason": review.reason,
        "reviewer": review.reviewer,
        "note": review.note,
        "created": when(review.created),
        "expires_at": when(review.expires_at),
    }


def _release(release: Any) -> dict[str, Any]:
    return {
        "id": release.id,
        "video_id": release.video_id,
        "asset_digest": release.asset_digest,
        "manifest_id": release.manifest_id,
        "mark": f"{release.mark_algorithm} ({release.mark_preset}, {release.mark_key_id})",
        "model": f"{release.model_name}, revision {release.model_revision}",
        "created": when(release.created),
        "log_index": release.ledger_index,
        "revoked_at": None if release.revoked_at is None else when(release.revoked_at),
        "revoke_reason": release.revoke_reason,
    }
