"""Library contexts, one per process and trust.

A context must never cross a fork: using a parent's in a child raises. So none is made at import, and the
cache knows which process it belongs to.
"""

from __future__ import annotations

import json
import os
import threading

import c2pa
from pydantic import JsonValue

from guard.credentials.trust import BASE_SETTINGS, Trust

_lock = threading.Lock()
_contexts: dict[tuple[int, str], c2pa.Context] = {}
_MAX_CONTEXTS = 16


def context_for(trust: Trust, *, identities: bool = True) -> c2pa.Context:
    """A context with these anchors; offline, and shared by all threads of this process.

    Args:
        trust: whom to believe.
        identities: also check the identities of actors (CAWG) that a manifest names.
    """
    return _context(trust.settings(identities=identities))


def presence_context() -> c2pa.Context:
    """A context that parses a manifest and checks nothing: for asking whether there is one."""
    return _context(
        {**BASE_SETTINGS, "verify": {"remote_manifest_fetch": False, "verify_after_reading": False}}
    )


def _context(settings: dict[str, JsonValue]) -> c2pa.Context:
    key = (os.getpid(), json.dumps(settings, sort_keys=True))
    with _lock:
        if key not in _contexts:
            if len(_contexts) >= _MAX_CONTEXTS:
                _contexts.clear()
            _contexts[key] = c2pa.Context.from_dict(settings)
        return _contexts[key]
