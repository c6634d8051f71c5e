"""What a report says. Every figure carries how it was counted, so that a reader can ask the same question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from guard import __version__
from guard.credentials import WARN_DAYS, KeyStatus
from guard.ledger import KeyEntry, Log, PolicyEntry, from_leaf, open_checkpoint
from guard.ledger.tables import entries
from guard.reports.wording import SOURCES
from guard.store import Database, audit, count, gaps, sign_log


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Figure(_Model):
    """One number.

    Attributes:
        name: key of its label in :mod:`guard.reports.wording`.
        value: the number.
        parts: the same by stage, category, outcome or verdict, where it has parts.
        how: how it was counted, in terms of the store's tables; pages say it in words.
    """

    name: str
    value: int
    parts: dict[str, int] = {}
    how: str


class Foundation(_Model):
    """The log checkpoint that a report rests on, and the audit made for it.

    Attributes:
        origin: name of the log.
        size: leaves.
        root: hex root hash.
        note: the signed checkpoint.
        public_key: the log's key in text form.
        checks: what the audit went through.
        problems: what it found; none is the good answer.
    """

    origin: str
    size: int
    root: str
    note: str
    public_key: str
    checks: tuple[str, ...]
    problems: tuple[str, ...]


class Event(_Model):
    """A policy or key that came into force in the period, or was in force when it began."""

    time: str
    what: str
    subject: str
    digest: str | None


class Certificate(_Model):
    """The certificate that signs when the report is made.

    Attributes:
        subject: its name and organisation.
        expires: RFC 3339.
        days_left: whole days; negative once it has expired.
        state: `ok`, `due` where it is to be renewed, `expired`.
        development: whether it is only for trying out.
    """

    subject: str
    expires: str
    days_left: int
    state: str
    development: bool


class Report(_Model):
    """A report on ``[start, end)``; times in UTC."""

    start: str
    end: str
    made: str
    software: str
    tenant_id: str | None
    figures: tuple[Figure, ...]
    exceptions: tuple[Figure, ...]
    events: tuple[Event, ...]
    certificate: Certificate
    foundation: Foundation


class Sources(Protocol):
    """What a report is made from; :class:`guard.services.Services` has it."""

    @property
    def database(self) -> Database:
        """Of the installation."""
        ...

    @property
    def log(self) -> Log:
        """Of the installation."""
        ...

    @property
    def key_status(self) -> Callable[[], KeyStatus]:
        """What is known of the signing identity."""
        ...


def build_report(
    sources: Sources, start: datetime, end: datetime, *, now: datetime, tenant_id: str | None = None
) -> Report:
    """Count a period and audit the log, in one snapshot of the database.

    Args:
        sources: of the installation.
        start: first moment, with a time zone.
        end: first moment after the period.
        now: when the report is made.
        tenant_id: count this tenant only.

    Raises:
        ValueError: the period is empty or runs backwards.
        CredentialsError: the signing identity cannot be read.
        LedgerError: ``checkpoint_missing`` if nothing was ever logged.
        StoreError: ``database_unavailable``.
    """
    if start >= end:
        raise ValueError("a report's period must end after it starts")
    with sources.database.write() as session:
        # The report names a checkpoint that covers everything it counts.
        sign_log(session, sources.log, now=now)
    kept = sources.log.kept()
    with sources.database.read() as session:
        return Report(
            start=_iso(start),
            end=_iso(end),
            made=_iso(now),
            software=f"Guard {__version__}",
            tenant_id=tenant_id,
            figures=_figures(session, start, end, tenant_id),
            exceptions=tuple(
                _figure(f"lack_{name}", number)
                for name, number in gaps(session, start, end, tenant_id=tenant_id).items()
            ),
            events=_events(session, start, end),
            certificate=_certificate(sources.key_status(), now),
            foundation=_foundation(session, sources.log, kept),
        )


def _figures(session: Session, start: datetime, end: datetime, tenant_id: str | None) -> tuple[Figure, ...]:
    found = count(session, start, end, tenant_id=tenant_id)

    return (
        _figure("requested", found.requested),
        _figure("generated", found.generated),
        _figure("blocked", found.blocked),
        # One decision may count under several categories, so the parts do not add up.
        _figure("blocked_categories", len(found.blocked_categories), found.blocked_categories),
        # As above: several may have been absent at once.
        _figure("absent", len(found.absent), found.absent),
        _figure("reviewed", found.reviewed),
        _figure("released", found.released),
        _figure("revoked", found.revoked),
        _figure("failed", found.failed),
        _figure("verified", found.verified),
    )


def _figure(name: str, value: int | dict[str, int], parts: dict[str, int] | None = None) -> Figure:
    if isinstance(value, dict):
        parts, value = value, sum(value.values())
    return Figure(name=name, value=value, parts=parts or {}, how=SOURCES[name])


def _events(session: Session, start: datetime, end: datetime) -> tuple[Event, ...]:
    query = (
        select(entries.c.leaf)
        .where(entries.c.kind.in_(("policy", "key")), entries.c.created < end)
        .order_by(entries.c.leaf_index)
    )
    before: dict[str, Event] = {}
    within = []
    for leaf in session.scalars(query):
        entry, time = from_leaf(leaf)
        if isinstance(entry, PolicyEntry):
            subject, digest = f"{entry.policy_id}@{entry.policy_version}", entry.policy_digest
            event = Event(time=_iso(time), what="policy", subject=subject, digest=digest)
        elif isinstance(entry, KeyEntry):
            what = f"key_{entry.purpose}_{entry.event}"
            event = Event(time=_iso(time), what=what, subject=entry.key_id, digest=entry.public_digest)
        else:
            continue
        if time < start:
            before[event.what] = event
        else:
            within.append(event)
    return (*before.values(), *within)


def _certificate(key: KeyStatus, now: datetime) -> Certificate:
    left = (key.expires - now).days
    return Certificate(
        subject=f"{key.name}, {key.organisation}",
        expires=_iso(key.expires),
        days_left=left,
        state="expired" if key.expires <= now else "due" if left < WARN_DAYS else "ok",
        development=key.development,
    )


def _foundation(session: Session, log: Log, kept: str | None) -> Foundation:
    note = log.latest(session.connection()) or ""
    checkpoint = open_checkpoint(note, log.public_key)
    checked = audit(session, log, kept=kept)
    return Foundation(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        note=note,
        public_key=str(log.public_key),
        checks=tuple(checked.checks),
        problems=tuple(str(problem) for problem in checked.problems),
    )


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
