"""Whether the key that signs now works: proven by one signature, which is tried again while its service is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from guard.credentials.errors import CredentialsError
from guard.credentials.identity import Identity

RETRY_AFTER = 5.0
"""Seconds from one try to the next while the key's token or service does not answer."""
_NEVER = float("inf")


class _Known(NamedTuple):
    """What the last try of a key gave: code and message of its failure, and when to try again."""

    key: str
    fault: tuple[str, str] | None
    again: float


class KeyProof:
    """What the current key's proof gave; may be asked for often, and by several threads.

    A service that bills or limits signatures sees one for each key. A refusal (a wrong PIN, a missing permission)
    stands until another key is current or the process is started anew: tokens lock themselves after a few wrong PINs.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known = _Known("", None, 0.0)

    def require(self, key: str, identity: Identity) -> None:
        """Fail unless this key has signed once; who asks while another one tries is told what was known before.

        Args:
            key: tells this key from others.
            identity: signs with it.

        Raises:
            CredentialsError: as `Identity.prove`; `signer_unproven` if the first try is still going on.
        """
        if self._lock.acquire(blocking=False):
            try:
                if self._known.key != key or self._known.again <= self._clock():
                    self._known = self._tried(key, identity)
            finally:
                self._lock.release()
        known = self._known
        if known.key != key:
            raise CredentialsError("signer_unproven", "The signing key is being tried; ask again.")
        if known.fault is not None:
            raise CredentialsError(*known.fault)

    def _tried(self, key: str, identity: Identity) -> _Known:
        try:
            identity.prove()
        except CredentialsError as error:
            away = error.code == "signer_unavailable"
            return _Known(key, (error.code, str(error)), self._clock() + RETRY_AFTER if away else _NEVER)
        return _Known(key, None, _NEVER)
