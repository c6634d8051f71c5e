"""What a leaf may say: typed entries as canonical JSON (RFC 8785), without personal data.

A leaf holds identifiers, times, digests, outcomes and salted commitments. Fields are codes with a narrow
alphabet, so that no sentence, prompt or name can get in even by mistake. Whose request it was is a commitment under
the salt of its own entry: leaves are public, and those of one tenant cannot be told from another's.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from guard.ledger.errors import LedgerError

MAX_LEAF_SIZE = 65_535
"""Bytes; entry bundles of tlog-tiles prefix each leaf with a 16-bit length."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$")]
ManifestId = Annotated[str, StringConstraints(pattern=r"^urn:[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,250}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,127}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Commitment = Annotated[str, StringConstraints(pattern=r"^hmac-sha256:[0-9a-f]{64}$")]

Stage = Literal["prompt", "input", "output"]
Action = Literal["allow", "review", "block"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    v: Literal[1] = 1


class DecisionEntry(_Entry):
    """A policy decided on a prompt, an input or an output."""

    type: Literal["decision"] = "decision"
    decision_id: Id
    tenant_commitment: Commitment
    video_id: Id | None = None
    stage: Stage
    action: Action
    reason: Code
    categories: tuple[Code, ...] = ()
    policy_id: Id
    policy_version: int = Field(ge=0)
    policy_digest: Digest
    model_digest: Digest | None = None
    commitment: Commitment | None = None


class ReviewEntry(_Entry):
    """A held video was approved, rejected, or its time ran out."""

    type: Literal["review"] = "review"
    review_id: Id
    tenant_commitment: Commitment
    video_id: Id
    stage: Stage
    outcome: Literal["approved", "rejected", "expired"]
    reviewer_commitment: Commitment | None = None


class ReleaseEntry(_Entry):
    """A finished file was released; its digests tie the file, its manifest and its pictures to this leaf."""

    type: Literal["release"] = "release"
    release_id: Id
    tenant_commitment: Commitment
    video_id: Id
    asset_digest: Digest
    size: int = Field(ge=0)
    manifest_id: Id
    manifest_digest: Digest
    fingerprint_digest: Digest
    model_digest: Digest
    policy_digest: Digest
    mark_algorithm: Id
    mark_key_id: Id
    payload_commitment: Commitment


class RevocationEntry(_Entry):
    """A release was withdrawn."""

    type: Literal["revocation"] = "revocation"
    release_id: Id
    tenant_commitment: Commitment
    video_id: Id
    reason_commitment: Commitment | None = None


class PolicyEntry(_Entry):
    """A version of a policy came into force."""

    type: Literal["policy"] = "policy"
    policy_id: Id
    policy_version: int = Field(ge=0)
    policy_digest: Digest


class KeyEntry(_Entry):
    """A signing or watermark key was created, put to use, retired or revoked."""

    type: Literal["key"] = "key"
    key_id: Id
    purpose: Literal["log", "manifest", "mark", "prompts"]
    event: Literal["created", "activated", "retired", "revoked"]
    public_digest: Digest | None = None


class ManifestEntry(_Entry):
    """A tenant's manifest was taken into the repository; that it was removed again is not logged."""

    type: Literal["manifest"] = "manifest"
    manifest_id: ManifestId
    manifest_digest: Digest
    tenant_commitment: Commitment


Entry = DecisionEntry | ReviewEntry | ReleaseEntry | RevocationEntry | PolicyEntry | KeyEntry | ManifestEntry
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="type")])


def timestamp(now: datetime) -> str:
    """RFC 3339 in UTC with ``Z``, whole seconds; ``now`` must carry a time zone."""
    if now.tzinfo is None:
        raise ValueError("times must carry a time zone")
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_leaf(entry: Entry, now: datetime) -> bytes:
    """Canonical JSON of an entry with the time it was logged.

    Raises:
        LedgerError: ``leaf_too_large``.
    """
    leaf = rfc8785.dumps({**entry.model_dump(mode="json"), "time": timestamp(now)})
    if len(leaf) > MAX_LEAF_SIZE:
        raise LedgerError(
            "leaf_too_large", f"A leaf may hold {MAX_LEAF_SIZE} bytes; log digests, not contents."
        )
    return leaf


def from_leaf(leaf: bytes) -> tuple[Entry, datetime]:
    """Read a leaf back and check that it is exactly what :func:`to_leaf` would write.

    Raises:
        LedgerError: ``entry_invalid``.
    """
    try:
        document = json.loads(leaf)
        time = datetime.strptime(document.pop("time"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        # Strict validation from JSON, so that arrays may fill tuples but no number turns into text.
        entry = _ENTRY.validate_json(json.dumps(document))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ValidationError):
        raise LedgerError("entry_invalid", "This leaf is not a known entry of this log.") from None
    if to_leaf(entry, time) != leaf:
        raise LedgerError("entry_invalid", "This leaf is not canonical JSON (RFC 8785).")
    return entry, time
