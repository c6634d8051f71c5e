"""Taking a request: judge the prompt at once, write down the decision, and only then make a job."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from generator import GeneratorInfo
from guard.media import MediaError
from guard.pipeline import sealing
from guard.pipeline.engine import Engine
from guard.pipeline.errors import PipelineError
from guard.pipeline.jobs import random_seed, utc_now
from guard.pipeline.references import Picture, Reference, Source, fit, keep
from guard.pipeline.workfolder import WorkFolder
from guard.services import Services
from guard.store import Decision as DecisionRow
from guard.store import Video
from guard.store import decisions as decision_rows
from guard.store import idempotency as idempotency_rows
from guard.store import reviews as review_rows
from guard.store import videos as video_rows
from guard.store.models import CLIP
from guard.store.videos import new_job_id
from policies import Action, Context, Decision

RETRY_WINDOW = timedelta(minutes=15)
"""A retried request without an idempotency key counts as the same within this time: longer than the official clients'
three attempts at a picture take, each of which waits for minutes."""


@dataclass(frozen=True)
class Submission:
    """A request for a video or, with a picture's format and no seconds, for a picture.

    Attributes:
        tenant_id: whose.
        prompt: what to show; never logged.
        model: name or alias.
        seconds: length of the clip.
        size: ``WIDTHxHEIGHT`` in pixels.
        seed: for a repeatable clip; random if None.
        format: of the file: ``mp4``, or a picture's.
        compression: quality of a picture that is compressed with losses, 0 to 100; the best if None.
        source: the released clip that this one varies; a model that takes pictures begins from its first.
        reference: picture to begin from, where there is no source.
        reference_is_person: whether the user says that it shows a real person.
        idempotency_key: the caller's, or None.
        body_hash: hex sha256 of the request's body, for idempotency.
        retried: whether the client says that it sends the request again.
    """

    tenant_id: str
    prompt: str = field(repr=False)
    model: str
    seconds: int
    size: str
    seed: int | None = None
    format: str = CLIP
    compression: int | None = None
    source: Source | None = None
    reference: Reference | None = None
    reference_is_person: bool = False
    idempotency_key: str | None = None
    body_hash: str = ""
    retried: bool = False

    @property
    def still(self) -> bool:
        """Whether a single picture is asked for."""
        return self.format != CLIP

    @property
    def begins(self) -> Reference | None:
        """What the clip begins from, or varies."""
        return self.reference if self.source is None else self.source


class RefusedError(PipelineError):
    """The policy blocks the prompt; there is no job.

    Attributes:
        decision: what was decided.
        decision_id: under which it was logged.
    """

    def __init__(self, decision: Decision, decision_id: str) -> None:
        super().__init__("moderation_blocked", decision.user_text["en"], param="prompt")
        self.decision = decision
        self.decision_id = decision_id


def submit(services: Services, engine: Engine, submission: Submission) -> Video:
    """Take a request.

    Returns:
        The job: queued, or held for review.

    Raises:
        PipelineError: ``model_not_found``, ``model_unsupported``, ``size_unsupported``, ``seconds_unsupported``,
            ``reference_required``, ``reference_unsupported``; codes of reading the reference.
        RefusedError: the policy blocks the prompt.
        policies.PromptError: the prompt is empty, too long or unreadable.
        StoreError: ``database_unavailable``, ``idempotency_mismatch``; nothing was taken, ask again.
    """
    model = check(services, submission)
    if (known := _known(services, submission)) is not None:
        return known
    fitted = _fitted(services, submission)
    decision = services.judge.judge_text(
        submission.prompt, context=_circumstances(services, submission, fitted)
    )
    now = utc_now()
    video_id = None if decision.action is Action.BLOCK else new_job_id(submission.format, now)
    try:
        if video_id is not None and submission.begins is not None:
            # Before the job is there to be worked on; a process that dies in between leaves files of no job, which
            # the next worker removes.
            keep(WorkFolder(services.work / video_id), submission.begins, fitted)
        video, decision_id = _record(
            services, submission, model, decision, video_id, now, seen=fitted is not None
        )
    except Exception as error:
        if video_id is not None:
            shutil.rmtree(services.work / video_id, ignore_errors=True)
        # The same request at the same moment: the other one's job is the job.
        if getattr(error, "code", None) == "conflict" and (known := _known(services, submission)) is not None:
            return known
        raise
    if video is None:
        raise RefusedError(decision, decision_id)
    if video.hold is None:
        engine.submit(video.id)
    return video


def check(services: Services, submission: Submission) -> str:
    """Whether there is a model that makes what is asked for; the model's name, aliases resolved.

    Raises:
        PipelineError: as :func:`submit`, of everything but the prompt and the reference's content.
    """
    model = services.model_named(submission.model)
    info = services.generator(model).info
    _check_medium(info, submission)
    _check_offer(info, submission)
    return model


def _check_medium(info: GeneratorInfo, submission: Submission) -> None:
    if submission.still and not info.makes_pictures:
        raise PipelineError(
            "model_unsupported", f"{info.name} makes clips, no pictures; name another model.", param="model"
        )
    if not submission.still and not info.seconds:
        raise PipelineError(
            "model_unsupported", f"{info.name} makes pictures, no clips; name another model.", param="model"
        )


def _check_offer(info: GeneratorInfo, submission: Submission) -> None:
    sizes = [f"{width}x{height}" for width, height in info.sizes]
    if submission.size not in sizes:
        raise PipelineError(
            "size_unsupported", f"{info.name} makes these sizes: {', '.join(sizes)}.", param="size"
        )
    if not submission.still and submission.seconds not in info.seconds:
        lengths = ", ".join(str(length) for length in info.seconds)
        raise PipelineError(
            "seconds_unsupported", f"{info.name} makes clips of {lengths} seconds.", param="seconds"
        )

    if submission.begins is None and info.needs_reference:
        raise PipelineError(
            "reference_required",
            f"{info.name} begins from a picture; send one, or name another model.",
            param="input_reference",
        )
    if submission.reference is not None and not info.accepts_reference:
        raise PipelineError(
            "reference_unsupported",
            f"{info.name} takes no reference; describe it in the prompt, or name another model.",
            param="input_reference",
        )


def _fitted(services: Services, submission: Submission) -> Picture | None:
    """The picture that the model sees, if it sees one."""
    begins = submission.begins
    if (
        begins is None
        or not services.generator(services.model_named(submission.model)).info.accepts_reference
    ):
        return None
    width, _, height = submission.size.partition("x")
    try:
        return fit(begins, int(width), int(height))
    except MediaError as error:
        raise PipelineError(error.code, str(error), param="input_reference") from None


def _circumstances(services: Services, submission: Submission, fitted: Picture | None) -> Context:
    context = services.context(submission.tenant_id, medium="image" if submission.still else "video")
    if fitted is None:
        return context
    return context.model_copy(
        update={
            "has_reference": True,
            "reference_has_face": services.judge.shows_face(fitted),
            "reference_is_person": submission.reference_is_person,
        }
    )


def _known(services: Services, submission: Submission) -> Video | None:
    """The job that an earlier sending of this request made."""
    with services.database.read() as session:
        video_id = None
        if submission.idempotency_key is not None:
            video_id = idempotency_rows.find_request(
                session, submission.tenant_id, submission.idempotency_key, submission.body_hash
            )
        elif submission.retried:
            video_id = idempotency_rows.recent_request(
                session, submission.tenant_id, submission.body_hash, since=utc_now() - RETRY_WINDOW
            )
        return None if video_id is None else video_rows.get_video(session, video_id)


def _record(
    services: Services,
    submission: Submission,
    model: str,
    decision: Decision,
    video_id: str | None,
    now: datetime,
    *,
    seen: bool,
) -> tuple[Video | None, str]:
    """Prompt, decision, log entry and job (unless blocked) in one transaction."""
    with services.database.write() as session:
        prompt = services.vault.put(session, submission.tenant_id, submission.prompt, now=now)
        row = decision_rows.record_decision(
            session, submission.tenant_id, decision, now=now, video_id=video_id, prompt=prompt
        )
        if decision.sealed:
            _seal(services, session, submission, row, video_id)
        if video_id is None:
            return None, row.id
        video = video_rows.create_video(
            session,
            tenant_id=submission.tenant_id,
            model=model,
            seconds=submission.seconds,
            size=submission.size,
            seed=random_seed() if submission.seed is None else submission.seed,
            now=now,
            prompt_id=prompt.id,
            decision_id=row.id,
            remixed_from=None if submission.source is None else submission.source.video_id,
            has_reference=seen,
            file_format=submission.format,
            compression=submission.compression,
            video_id=video_id,
        )
        key = submission.idempotency_key or (video_id if submission.body_hash else None)
        if key is not None:
            idempotency_rows.remember_request(
                session, submission.tenant_id, key, submission.body_hash, video_id, now=now
            )
        if decision.action is Action.REVIEW:
            review_rows.open_review(
                session,
                video.id,
                stage="prompt",
                decision_id=row.id,
                reason=decision.reason,
                expires_at=now + services.review_expires,
                now=now,
                sealed=decision.sealed,
            )
        return video, row.id


def _seal(
    services: Services,
    session: Session,
    submission: Submission,
    decision: DecisionRow,
    video_id: str | None,
) -> None:
    """Seal the prompt, and the picture that came with it as far as it is here."""
    if video_id is not None:
        paths = sealing.media_of(WorkFolder(services.work / video_id))
    else:
        paths = [] if submission.reference is None else [submission.reference.path]
    sealing.seal(
        services,
        session,
        tenant_id=submission.tenant_id,
        decision_id=decision.id,
        stage=decision.stage,
        video_id=video_id,
        prompt_id=decision.prompt_id,
        paths=paths,
    )
    if video_id is not None:
        # Before the commit: if it fails, so does the request, and the plain files are gone all the same. What the
        # caller handed in is the caller's to remove.
        sealing.remove(paths)
