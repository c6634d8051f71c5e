"""Tenants and their API keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from guard.store.errors import StoreError
from guard.store.ids import new_id
from guard.store.models import ApiKey, Tenant
from guard.store.types import JsonObject

_KEY_PREFIX = "gk_"
_SHOWN = 10
USED_EVERY = timedelta(minutes=1)
"""How often the use of a key is noted at most."""


class TenantSettings(BaseModel):
    """What a tenant decides for its own files.

    Attributes:
        training_mining: whether others may train on them; the installation's setting if None, and "unset" says nothing.
        prompt_in_manifest: whether the prompt stands in each file, for anyone to read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    training_mining: Literal["allowed", "notAllowed", "unset"] | None = None
    prompt_in_manifest: bool = False


def tenant_settings(session: Session, tenant_id: str) -> TenantSettings:
    """What the tenant decided."""
    tenant = session.get(Tenant, tenant_id)
    return TenantSettings.model_validate(tenant.settings) if tenant is not None else TenantSettings()


def change_tenant(session: Session, name: str, **changes: object) -> TenantSettings:
    """Change some of a tenant's settings, by name.

    Raises:
        StoreError: ``not_found``.
    """
    tenant = find_tenant(session, name)
    if tenant is None:
        raise StoreError(
            "not_found",
            f"There is no tenant {name}: guard tenants list shows them, "
            f"guard api-keys create NAME --tenant {name} makes it.",
        )
    changed = TenantSettings.model_validate({**tenant.settings, **changes})
    tenant.settings = changed.model_dump(mode="json", exclude_defaults=True)
    return changed


def list_tenants(session: Session) -> Sequence[Tenant]:
    """All tenants, by name."""
    return session.scalars(select(Tenant).order_by(Tenant.name)).all()


def create_tenant(
    session: Session, name: str, *, settings: JsonObject | None = None, now: datetime
) -> Tenant:
    """Add a tenant; names are unique (``conflict`` at commit otherwise)."""
    tenant = Tenant(id=new_id("tenant", now), name=name, settings=settings or {}, created=now)
    session.add(tenant)
    session.flush()
    return tenant


def find_tenant(session: Session, name: str) -> Tenant | None:
    """A tenant by name."""
    return session.scalars(select(Tenant).where(Tenant.name == name)).one_or_none()


def get_tenant(session: Session, tenant_id: str) -> Tenant:
    """A tenant by id.

    Raises:
        StoreError: ``not_found``.
    """
    tenant = session.get(Tenant, tenant_id)
    if tenant is None:
        raise StoreError("not_found", f"There is no tenant {tenant_id}.")
    return tenant


def _hash(key: str) -> str:
    # A key has 256 random bits: nobody can try them out, so a fast hash hides it as well as a slow one would.
    return hashlib.sha256(key.encode()).hexdigest()


def create_api_key(
    session: Session, tenant_id: str, *, name: str, scopes: Sequence[str], now: datetime
) -> tuple[ApiKey, str]:
    """Make an API key.

    Returns:
        The row and the key itself, which is stored nowhere: show it once.
    """
    secret = _KEY_PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(
        id=new_id("key", now),
        tenant_id=tenant_id,
        name=name,
        prefix=secret[:_SHOWN],
        hash=_hash(secret),
        scopes=list(scopes),
        created=now,
    )
    session.add(row)
    session.flush()
    return row, secret


def authenticate(session: Session, key: str) -> ApiKey | None:
    """The valid API key that this is, or None."""
    row = session.scalars(select(ApiKey).where(ApiKey.hash == _hash(key))).one_or_none()
    return None if row is None or row.revoked_at is not None else row


def valid_key(session: Session, key_id: str) -> ApiKey | None:
    """The API key of this id, unless it was revoked."""
    row = session.get(ApiKey, key_id)
    return None if row is None or row.revoked_at is not None else row


def key_used(session: Session, key: ApiKey, *, now: datetime) -> bool:
    """Note that a key was used, once a minute at most; returns whether it was noted."""
    if key.last_used is not None and now - key.last_used < USED_EVERY:
        return False
    session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used=now))
    return True


def list_api_keys(session: Session, tenant_id: str | None = None) -> Sequence[ApiKey]:
    """API keys, oldest first."""
    query = select(ApiKey).order_by(ApiKey.id)
    return session.scalars(query if tenant_id is None else query.where(ApiKey.tenant_id == tenant_id)).all()


def revoke_api_key(session: Session, key_id: str, *, now: datetime) -> ApiKey:
    """Make a key worthless; doing it again changes nothing.

    Raises:
        StoreError: ``not_found``.
    """
    row = session.get(ApiKey, key_id)
    if row is None:
        raise StoreError("not_found", f"There is no API key {key_id}.")
    row.revoked_at = row.revoked_at or now
    return row
