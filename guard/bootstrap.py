"""What a fresh installation needs before anyone can use it: a tenant and a key."""

from __future__ import annotations

from guard.installation import Installation
from guard.pipeline.jobs import utc_now
from guard.store import StoreError
from guard.store import tenants as tenant_rows

DEFAULT_TENANT = "default"
DEMONSTRATION = "demo"
"""Name of the key that the demonstration makes for itself and shows to nobody."""
SEALED_SCOPE = "sealed"
"""For the few who decide on sealed material; nobody gets it without asking."""
SCOPES = (
    "videos", "moderations", "verifications", "reviews", "admin", SEALED_SCOPE,
    "fetch:manifests", "store:manifests", "store:bindings",
)  # fmt: skip
"""Those with a colon are the Soft Binding Resolution API's own."""
DEFAULT_SCOPES = ("videos", "moderations", "verifications")
"""What a client needs; whoever may also review could approve what the policy holds of his own."""


def default_tenant(installation: Installation) -> str:
    """Id of the default tenant, which is made if it is missing."""
    database = installation.services.database
    with database.read() as session:
        found = tenant_rows.find_tenant(session, DEFAULT_TENANT)
    if found is not None:
        return found.id
    try:
        with database.write() as session:
            return tenant_rows.create_tenant(session, DEFAULT_TENANT, now=utc_now()).id
    except StoreError as error:
        if error.code != "conflict":
            raise
        return default_tenant(installation)  # another process was quicker


def first_key(installation: Installation) -> str | None:
    """An API key with every scope but that for sealed material, if nobody was shown one yet; show it at once."""
    tenant_id = default_tenant(installation)
    with installation.services.database.write() as session:
        if any(key.name != DEMONSTRATION for key in tenant_rows.list_api_keys(session, tenant_id)):
            return None
        scopes = [scope for scope in SCOPES if scope != SEALED_SCOPE]
        _, secret = tenant_rows.create_api_key(session, tenant_id, name="first", scopes=scopes, now=utc_now())
        return secret
