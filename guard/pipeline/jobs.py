"""The database side of the workflow: what steps and engine read and write of jobs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from guard.fingerprints import Fingerprint
from guard.ledger import Log
from guard.pipeline.errors import PipelineError
from guard.store import Database, StoreError, Vault, Video
from guard.store import decisions as decision_rows
from guard.store import idempotency as idempotency_rows
from guard.store import releases as release_rows
from guard.store import reviews as review_rows
from guard.store import tenants as tenant_rows
from guard.store import videos as video_rows
from guard.store.signing import sign_log
from policies import Context, Decision

STALL_FIRST = timedelta(seconds=30)
STALL_LONGEST = timedelta(hours=1)
REQUESTS_KEPT = timedelta(days=1)
"""How long an idempotency key stands for its first request."""


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Job:
    """What the steps need to know of a video or picture; sizes in pixels, lengths in seconds."""

    id: str
    tenant_id: str
    model: str
    status: str
    hold: str | None
    seconds: int
    width: int
    height: int
    seed: int
    prompt_id: str
    created: datetime
    policy_digest: str
    has_reference: bool
    remixed: bool
    format: str
    compression: int | None
    still: bool
    context: Context


class VideoJobs:
    """Jobs in the store.

    Args:
        database: of the service.
        vault: of the prompts.
        log: of decisions and releases; a checkpoint is made of every release.
        review_expires: how long a hold lasts.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        log: Log,
        *,
        review_expires: timedelta,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._vault = vault
        self._log = log
        self._review_expires = review_expires
        self._now = now

    def load(self, video_id: str) -> Job:
        """The job.

        Raises:
            StoreError: ``not_found``.
        """
        with self._database.read() as session:
            video = video_rows.get_video(session, video_id)
            decision = decision_rows.get_decision(session, video.decision_id or "")
            width, _, height = video.size.partition("x")
            return Job(
                id=video.id,
                tenant_id=video.tenant_id,
                model=video.model,
                status=video.status,
                hold=video.hold,
                seconds=video.seconds,
                width=int(width),
                height=int(height),
                seed=video.seed,
                prompt_id=video.prompt_id or "",
                created=video.created,
                policy_digest=decision.policy_digest,
                has_reference=video.has_reference,
                remixed=video.remixed_from is not None,
                format=video.format,
                compression=video.compression,
                still=video.still,
                context=Context.model_validate(
                    decision.details.get("context") or {"has_reference": video.has_reference}
                ),
            )

    def prompt(self, job: Job) -> str:
        """The prompt in clear; for the generator's eyes only.

        Raises:
            StoreError: ``prompt_erased``, ``prompt_unreadable``.
        """
        with self._database.read() as session:
            return self._vault.read(session, job.prompt_id)

    def tenant_settings(self, job: Job) -> tenant_rows.TenantSettings:
        """What the job's tenant decided for its files."""
        with self._database.read() as session:
            return tenant_rows.tenant_settings(session, job.tenant_id)

    def start(self, video_id: str) -> None:
        """Work begins or goes on."""
        with self._database.write() as session:
            video_rows.start_video(session, video_id)

    def progress(self, video_id: str, percent: int) -> None:
        """Per cent done."""
        with self._database.write() as session:
            video_rows.set_progress(session, video_id, percent)

    def payload(self, job: Job) -> bytes:
        """The job's watermark payload: 8 bytes, the same each time."""
        with self._database.write() as session:
            return video_rows.allocate_payload(session, job.id)

    def decide(self, job: Job, decision: Decision) -> str:
        """Record and log a decision on the job's output; the same one again stays the first."""
        made = (
            decision.stage,
            decision.action,
            decision.reason,
            decision.policy_digest,
            decision.model_digest,
        )
        with self._database.write() as session:
            for row in decision_rows.decisions_of(session, job.id):
                if made == (row.stage, row.action, row.reason, row.policy_digest, row.model_digest):
                    return row.id
            row = decision_rows.record_decision(
                session, job.tenant_id, decision, now=self._now(), video_id=job.id
            )
            return row.id

    def hold(self, job: Job, decision: Decision, decision_id: str) -> None:
        """Hold the job for a reviewer, for one of the few if what was decided on is sealed."""
        now = self._now()
        with self._database.write() as session:
            review_rows.open_review(
                session,
                job.id,
                stage=decision.stage,
                decision_id=decision_id,
                reason=decision.reason,
                expires_at=now + self._review_expires,
                now=now,
                sealed=decision.sealed,
            )

    def approved(self, video_id: str, stage: str) -> bool:
        """Whether a reviewer approved the job at that stage."""
        with self._database.read() as session:
            return review_rows.approved(session, video_id, stage)

    def release(self, job: Job, new: release_rows.NewRelease, fingerprint: Fingerprint) -> None:
        """Register, log and complete in one transaction; then sign the log as it stands.

        The last gate: whatever happened before, nothing leaves that was not judged at each of its stages, that was
        blocked, or that a person has yet to approve.

        Raises:
            PipelineError: ``not_cleared``.
        """
        now = self._now()
        with self._database.write() as session:
            self._require_clearance(session, job.id)
            release_rows.record_release(session, job.id, new, fingerprint.hashes, now=now)
            sign_log(session, self._log, now=now)

    @staticmethod
    def _require_clearance(session: Session, video_id: str) -> None:
        decisions = decision_rows.decisions_of(session, video_id)
        wanted = {"prompt", "output"}
        if video_rows.get_video(session, video_id).has_reference:
            wanted.add("input")
        judged = wanted <= {row.stage for row in decisions}
        blocked = any(row.action == "block" for row in decisions)
        held = any(
            row.action == "review" and not review_rows.approved(session, video_id, row.stage)
            for row in decisions
        )
        if not judged or blocked or held:
            raise PipelineError(
                "not_cleared",
                "The video lacks a decision or an approval, so it is not released; ask for it again.",
            )

    def sign_log(self) -> None:
        """Sign the log as it stands, so that entries of decisions need not wait for the next release."""
        with self._database.write() as session:
            sign_log(session, self._log, now=self._now())

    def fail(self, video_id: str, code: str, message: str) -> None:
        """The job is over."""
        with self._database.write() as session:
            video_rows.fail_video(session, video_id, code, message)

    def stall(self, video_id: str, code: str, message: str) -> None:
        """The job waits, twice as long each time, up to an hour."""
        with self._database.write() as session:
            attempts = video_rows.get_video(session, video_id).attempts
            wait = min(STALL_FIRST * 2 ** min(attempts, 16), STALL_LONGEST)
            video_rows.stall_video(session, video_id, code, message, retry_at=self._now() + wait)

    def next_attempt(self, video_id: str) -> int:
        """Count the next run; for a while, nobody else queues one."""
        with self._database.write() as session:
            return video_rows.next_attempt(session, video_id, now=self._now())

    def due(self) -> list[tuple[str, int]]:
        """Jobs that somebody should be working on."""
        with self._database.read() as session:
            return video_rows.due_videos(session, now=self._now())

    def over(self, video_id: str) -> bool:
        """Whether the job has ended, one way or another; not so for one that is unknown here."""
        try:
            with self._database.read() as session:
                return video_rows.get_video(session, video_id).status not in ("queued", "in_progress")
        except StoreError as error:
            if error.code != "not_found":
                raise
            return False

    def known(self, video_id: str) -> bool:
        """Whether there is such a job."""
        with self._database.read() as session:
            return session.get(Video, video_id) is not None

    def released(self, video_id: str) -> bool:
        """Whether the registry has a release of it."""
        with self._database.read() as session:
            return release_rows.find_release(session, video_id=video_id) is not None

    def expire_reviews(self) -> int:
        """Fail what was held for too long."""
        with self._database.write() as session:
            return len(review_rows.expire_reviews(session, now=self._now()))

    def forget_requests(self) -> None:
        """Forget idempotency keys that nobody repeats any more."""
        with self._database.write() as session:
            idempotency_rows.forget_requests(session, before=self._now() - REQUESTS_KEPT)


def random_seed() -> int:
    """A seed that fits a signed 64-bit column and every generator."""
    return secrets.randbits(31)
