"""Prompts, each encrypted under a key of its own; destroying that key is the erasure.

AES-256-GCM twice: the prompt under a random data key, the data key under the master key. Both are bound to
the row and its tenant, so that no row's content can be passed off as another's.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from guard import ledger
from guard.store.errors import StoreError
from guard.store.ids import new_id
from guard.store.models import Prompt

_KEY_SIZE, _NONCE_SIZE = 32, 12


class Vault:
    """Keeps prompts.

    Args:
        master_key: 32 bytes; whoever holds them and the database can read every prompt that was not erased.

    Raises:
        StoreError: ``master_key_invalid``.
    """

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != _KEY_SIZE:
            raise StoreError("master_key_invalid", "The master key of prompts must have 32 bytes.")
        self._master = AESGCM(master_key)
        self.key_id = hashlib.sha256(b"guard.prompts.key\0" + master_key).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Vault(key_id={self.key_id!r})"

    def put(self, session: Session, tenant_id: str, text: str, *, now: datetime) -> Prompt:
        """Encrypt and store a prompt; the row's ``commitment`` binds leaves of the log to it."""
        prompt_id = new_id("prompt", now)
        data = text.encode("utf-8", "surrogatepass")
        bound = _bound(prompt_id, tenant_id)
        data_key = secrets.token_bytes(_KEY_SIZE)
        nonce, wrap_nonce = secrets.token_bytes(_NONCE_SIZE), secrets.token_bytes(_NONCE_SIZE)
        prompt = Prompt(
            id=prompt_id,
            tenant_id=tenant_id,
            ciphertext=AESGCM(data_key).encrypt(nonce, data, bound),
            nonce=nonce,
            wrapped_key=wrap_nonce + self._master.encrypt(wrap_nonce, data_key, bound),
            master_key_id=self.key_id,
            commitment=ledger.commit(session.connection(), prompt_id, data),
            created=now,
        )
        session.add(prompt)
        session.flush()
        return prompt

    def read(self, session: Session, prompt_id: str) -> str:
        """Decrypt a prompt.

        Raises:
            StoreError: ``not_found``, ``prompt_erased``, or ``prompt_unreadable`` if the master key is
                another one or the row was altered.
        """
        prompt = _get(session, prompt_id)
        if prompt.wrapped_key is None:
            raise StoreError("prompt_erased", f"The prompt {prompt_id} was erased.")
        data = self.open(prompt.id, prompt.tenant_id, prompt.wrapped_key, prompt.nonce, prompt.ciphertext)
        return data.decode("utf-8", "surrogatepass")

    def open(
        self, prompt_id: str, tenant_id: str, wrapped_key: bytes, nonce: bytes, ciphertext: bytes
    ) -> bytes:
        """Decrypt what a row holds.

        Raises:
            StoreError: ``prompt_unreadable``.
        """
        bound = _bound(prompt_id, tenant_id)
        wrap_nonce, wrapped = wrapped_key[:_NONCE_SIZE], wrapped_key[_NONCE_SIZE:]
        try:
            return AESGCM(self._master.decrypt(wrap_nonce, wrapped, bound)).decrypt(nonce, ciphertext, bound)
        except (InvalidTag, ValueError):
            raise StoreError(
                "prompt_unreadable",
                f"The prompt {prompt_id} cannot be decrypted: it was altered, or encrypted under another "
                f"master key than {self.key_id}.",
            ) from None

    def new_key(self, bound: bytes) -> tuple[bytes, bytes]:
        """A random data key for something else than a prompt: itself, and wrapped.

        Args:
            bound: what it is for; only who says the same can open it.
        """
        key, nonce = secrets.token_bytes(_KEY_SIZE), secrets.token_bytes(_NONCE_SIZE)
        return key, nonce + self._master.encrypt(nonce, key, bound)

    def open_key(self, wrapped: bytes, bound: bytes) -> bytes:
        """Unwrap such a key.

        Raises:
            cryptography.exceptions.InvalidTag: it is bound to something else, or wrapped under another master key.
        """
        return self._master.decrypt(wrapped[:_NONCE_SIZE], wrapped[_NONCE_SIZE:], bound)

    def erase(self, session: Session, prompt_id: str, *, now: datetime) -> None:
        """Destroy a prompt, its key and the salt of its commitment; doing it again changes nothing.

        Call :meth:`guard.store.Database.scrub` after the commit, so that nothing is left in the files.

        Raises:
            StoreError: ``not_found``.
        """
        prompt = _get(session, prompt_id)
        prompt.wrapped_key = None
        prompt.ciphertext = b""
        prompt.erased_at = prompt.erased_at or now
        ledger.destroy_salt(session.connection(), prompt_id)


def _bound(prompt_id: str, tenant_id: str) -> bytes:
    return f"guard.prompt.1\0{prompt_id}\0{tenant_id}".encode()


def _get(session: Session, prompt_id: str) -> Prompt:
    prompt = session.get(Prompt, prompt_id)
    if prompt is None:
        raise StoreError("not_found", f"There is no prompt {prompt_id}.")
    return prompt
