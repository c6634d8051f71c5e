"""Tables of the store. Text of prompts is nowhere but in ``prompts``, encrypted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from guard.store.types import Base, JsonObject

Key = Annotated[str, mapped_column(String(64), primary_key=True)]
Name = Annotated[str, mapped_column(String(255))]
Code = Annotated[str, mapped_column(String(128))]
Digest = Annotated[str, mapped_column(String(80))]
LongText = Annotated[str, mapped_column(Text)]
Ref = Annotated[str, mapped_column(String(64))]
Big = Annotated[int, mapped_column(BigInteger)]

VIDEO_STATES = ("queued", "in_progress", "completed", "failed", "deleted")
REVIEW_STATES = ("open", "approved", "rejected", "expired")


CLIP = "mp4"
STILLS = ("png", "jpeg", "webp")
"""Formats of single pictures."""
PICTURE_ID = "image"
"""Prefix of the ids of jobs that make a single picture; of the others it is ``video``."""


def object_key(video_id: str, asset_digest: str) -> str:
    """Key of a released file: it follows from what the log says, so that no row can point to another file."""
    digest = asset_digest.removeprefix("sha256:")
    if video_id.startswith(f"{PICTURE_ID}_"):
        return f"images/{video_id}/{digest}"  # the log does not tell in which format
    return f"videos/{video_id}/{digest}.mp4"


def manifest_key(digest: str) -> str:
    """Key of a manifest store, which follows from its digest: of a release's that is in the log."""
    return f"manifests/{digest.removeprefix('sha256:')}.c2pa"


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Tenant(Base):
    """Who uses the service."""

    __tablename__ = "tenants"

    id: Mapped[Key]
    name: Mapped[Name] = mapped_column(unique=True)
    settings: Mapped[JsonObject]
    created: Mapped[datetime]


class ApiKey(Base):
    """An API key, by its hash alone."""

    __tablename__ = "api_keys"

    id: Mapped[Key]
    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), index=True)
    name: Mapped[Name]
    prefix: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    created: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used: Mapped[datetime | None]


class Prompt(Base):
    """A prompt, encrypted under a key of its own; without ``wrapped_key`` it is erased."""

    __tablename__ = "prompts"

    id: Mapped[Key]
    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), index=True)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    nonce: Mapped[bytes] = mapped_column(LargeBinary(12))
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    master_key_id: Mapped[str] = mapped_column(String(16))
    commitment: Mapped[Digest]
    created: Mapped[datetime] = mapped_column(index=True)
    erased_at: Mapped[datetime | None]


class Decision(Base):
    """A policy's decision and its leaf in the log."""

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint(_one_of("stage", ("prompt", "input", "output")), name="stage"),
        CheckConstraint(_one_of("action", ("allow", "review", "block")), name="action"),
    )

    id: Mapped[Key]
    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), index=True)
    video_id: Mapped[Ref | None] = mapped_column(index=True)
    prompt_id: Mapped[Ref | None] = mapped_column(ForeignKey("prompts.id"))
    stage: Mapped[Code]
    action: Mapped[Code]
    reason: Mapped[Code]
    categories: Mapped[list[str]]
    scores: Mapped[dict[str, float]]
    policy_id: Mapped[Code]
    policy_version: Mapped[int]
    policy_digest: Mapped[Digest]
    model_id: Mapped[Name]
    model_digest: Mapped[Digest]
    details: Mapped[JsonObject] = mapped_column(server_default="{}")
    created: Mapped[datetime] = mapped_column(index=True)
    ledger_index: Mapped[Big] = mapped_column(unique=True)


class Video(Base):
    """A job, and what it led to: a clip, or a picture, which is a clip of no length in a format of its own."""

    __tablename__ = "videos"
    __table_args__ = (
        CheckConstraint(_one_of("status", VIDEO_STATES), name="status"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
    )

    id: Mapped[Key]
    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), index=True)
    model: Mapped[Name]
    status: Mapped[str] = mapped_column(String(16), index=True)
    progress: Mapped[int]
    created: Mapped[datetime] = mapped_column(index=True)
    completed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    prompt_id: Mapped[Ref | None] = mapped_column(ForeignKey("prompts.id"), index=True)
    decision_id: Mapped[Ref | None] = mapped_column(ForeignKey("decisions.id"))
    seconds: Mapped[int]
    size: Mapped[str] = mapped_column(String(16))
    seed: Mapped[Big]
    remixed_from: Mapped[Ref | None] = mapped_column(ForeignKey("videos.id"))
    has_reference: Mapped[bool] = mapped_column(server_default=false())
    format: Mapped[str] = mapped_column(String(8), server_default=CLIP)
    compression: Mapped[int | None]
    hold: Mapped[str | None] = mapped_column(String(16))
    error_code: Mapped[Code | None]
    error_message: Mapped[LongText | None]
    workflow_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    attempts: Mapped[int]
    stalled_code: Mapped[Code | None]
    stalled_message: Mapped[LongText | None]
    retry_at: Mapped[datetime | None]
    payload: Mapped[bytes | None] = mapped_column(LargeBinary(8), unique=True)

    @property
    def still(self) -> bool:
        """Whether it makes a single picture."""
        return self.format in STILLS


class Review(Base):
    """A video held for a person to look at."""

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("video_id", "stage"),
        CheckConstraint(_one_of("state", REVIEW_STATES), name="state"),
    )

    id: Mapped[Key]
    video_id: Mapped[Ref] = mapped_column(ForeignKey("videos.id"))
    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), index=True)
    decision_id: Mapped[Ref] = mapped_column(ForeignKey("decisions.id"))
    stage: Mapped[Code]
    state: Mapped[str] = mapped_column(String(16), index=True)
    reason: Mapped[Code]
    sealed: Mapped[bool] = mapped_column(server_default=false())
    reviewer: Mapped[Name | None]
    note: Mapped[LongText | None]
    created: Mapped[datetime]
    decided_at: Mapped[datetime | None] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    ledger_index: Mapped[Big | None] = mapped_column(unique=True)


class Seal(Base):
    """That what a decision is about is sealed; ``material`` names its encrypted files, ``wrapped_key`` opens them."""

    __tablename__ = "seals"

    id: Mapped[Key]
    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), index=True)
    decision_id: Mapped[Ref] = mapped_column(ForeignKey("decisions.id"), unique=True)
    video_id: Mapped[Ref | None] = mapped_column(index=True)
    prompt_id: Mapped[Ref | None] = mapped_column(ForeignKey("prompts.id"), index=True)
    stage: Mapped[Code]
    material: Mapped[list[str]]
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    created: Mapped[datetime]
    notified_at: Mapped[datetime | None] = mapped_column(index=True)
    attempts: Mapped[int]
    retry_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]


class Release(Base):
    """The registry: a file that left the house, and all that it can be recognised by."""

    __tablename__ = "releases"
    __table_args__ = (CheckConstraint("length(payload) = 8", name="payload"),)

    id: Mapped[Key]
    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), index=True)
    video_id: Mapped[Ref] = mapped_column(ForeignKey("videos.id"), unique=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary(8), unique=True)
    manifest_id: Mapped[Name] = mapped_column(unique=True)
    manifest_digest: Mapped[Digest]
    asset_digest: Mapped[Digest] = mapped_column(unique=True)
    size: Mapped[Big]
    mark_algorithm: Mapped[Code]
    mark_preset: Mapped[str] = mapped_column(String(32))
    mark_key_id: Mapped[Code]
    model_name: Mapped[Name]
    model_revision: Mapped[Name]
    model_digest: Mapped[Digest]
    policy_digest: Mapped[Digest]
    stamped: Mapped[bool | None]
    """Whether an authority stamped the time of the signature; None where that was not asked for."""
    created: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(index=True)
    revoke_reason: Mapped[LongText | None]
    ledger_index: Mapped[Big] = mapped_column(unique=True)
    revocation_index: Mapped[Big | None] = mapped_column(unique=True)

    @property
    def object_key(self) -> str:
        """Where the file is in the object store."""
        return object_key(self.video_id, self.asset_digest)


class StoredManifest(Base):
    """A manifest that a tenant keeps here so that it can be found again; those of releases are in `Release`."""

    __tablename__ = "manifests"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), index=True)
    digest: Mapped[Digest]
    created: Mapped[datetime]
    ledger_index: Mapped[Big] = mapped_column(unique=True)


class Binding(Base):
    """A soft binding's value, by its digest, that leads to a tenant's manifest."""

    __tablename__ = "bindings"

    value_digest: Mapped[str] = mapped_column(String(80), primary_key=True)
    manifest_id: Mapped[str] = mapped_column(
        String(255), ForeignKey("manifests.id"), primary_key=True, index=True
    )
    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), index=True)
    created: Mapped[datetime]


class FingerprintHash(Base):
    """One frame hash of a release; ``crop`` is the per cent of the frame's sides that were hashed."""

    __tablename__ = "fingerprints"

    release_id: Mapped[Ref] = mapped_column(ForeignKey("releases.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[float]
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    crop: Mapped[int]
    quality: Mapped[int]


class Verification(Base):
    """That somebody had a file verified, and the verdict; nothing of the file but a salted commitment."""

    __tablename__ = "verifications"

    id: Mapped[Key]
    tenant_id: Mapped[Ref | None] = mapped_column(ForeignKey("tenants.id"), index=True)
    commitment: Mapped[Digest]
    verdict: Mapped[str] = mapped_column(String(64))
    basis: Mapped[list[str]]
    created: Mapped[datetime] = mapped_column(index=True)


class IdempotencyKey(Base):
    """Which request an idempotency key stood for."""

    __tablename__ = "idempotency_keys"

    tenant_id: Mapped[Ref] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    video_id: Mapped[Ref] = mapped_column(ForeignKey("videos.id"), index=True)
    created: Mapped[datetime] = mapped_column(index=True)
