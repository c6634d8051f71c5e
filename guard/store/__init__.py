"""Database, objects and registry: everything that Guard keeps. Functions work inside a caller's session."""

from guard.store.audit import audit, audit_objects, kept_manifests, released_objects
from guard.store.counts import Counts, count
from guard.store.database import Database, create_private
from guard.store.decisions import decisions_of, get_decision, record_decision
from guard.store.errors import StoreError
from guard.store.fingerprints import read_fingerprint
from guard.store.gaps import gaps
from guard.store.idempotency import find_request, forget_requests, recent_request, remember_request
from guard.store.ids import new_id
from guard.store.models import (
    ApiKey,
    Decision,
    FingerprintHash,
    Prompt,
    Release,
    Review,
    Seal,
    Tenant,
    Verification,
    Video,
)
from guard.store.objects import Objects, Stored
from guard.store.pictures import Coverage, Pictures
from guard.store.releases import (
    NewRelease,
    find_release,
    get_release,
    named_release,
    record_release,
    revoke_release,
)
from guard.store.reviews import (
    approved,
    decide_review,
    expire_reviews,
    get_review,
    list_reviews,
    open_review,
    review_of,
)
from guard.store.seals import SealedFiles
from guard.store.signing import sign_log
from guard.store.tenants import (
    authenticate,
    create_api_key,
    create_tenant,
    find_tenant,
    key_used,
    list_api_keys,
    revoke_api_key,
)
from guard.store.vault import Vault
from guard.store.verifications import record_verification
from guard.store.videos import (
    allocate_payload,
    complete_video,
    create_video,
    delete_video,
    due_videos,
    fail_video,
    get_video,
    list_videos,
    next_attempt,
    set_progress,
    stall_video,
    start_video,
)

__all__ = [
    "ApiKey",
    "Counts",
    "Coverage",
    "Database",
    "Decision",
    "FingerprintHash",
    "NewRelease",
    "Objects",
    "Pictures",
    "Prompt",
    "Release",
    "Review",
    "Seal",
    "SealedFiles",
    "StoreError",
    "Stored",
    "Tenant",
    "Vault",
    "Verification",
    "Video",
    "allocate_payload",
    "approved",
    "audit",
    "audit_objects",
    "authenticate",
    "complete_video",
    "count",
    "create_api_key",
    "create_private",
    "create_tenant",
    "create_video",
    "decide_review",
    "decisions_of",
    "delete_video",
    "due_videos",
    "expire_reviews",
    "fail_video",
    "find_release",
    "find_request",
    "find_tenant",
    "forget_requests",
    "gaps",
    "get_decision",
    "get_release",
    "get_review",
    "get_video",
    "kept_manifests",
    "key_used",
    "list_api_keys",
    "list_reviews",
    "list_videos",
    "named_release",
    "new_id",
    "next_attempt",
    "open_review",
    "read_fingerprint",
    "recent_request",
    "record_decision",
    "record_release",
    "record_verification",
    "released_objects",
    "remember_request",
    "review_of",
    "revoke_api_key",
    "revoke_release",
    "set_progress",
    "sign_log",
    "stall_video",
    "start_video",
]
