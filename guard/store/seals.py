"""Seals: on what a decision under the minors rule is about. Files of it are encrypted as prompts are.

A seal says where the material of one decision lies, who was told of it, and what became of it. It is lifted when a
person with the right to look finds that the rule was wrong; otherwise it stays until an operator destroys it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from guard.store.errors import StoreError
from guard.store.ids import new_id
from guard.store.models import Seal
from guard.store.vault import Vault

_CHUNK = 1024 * 1024
_TAG = 16
_LONGEST_WAIT = timedelta(hours=6)
_FIRST_WAIT = timedelta(minutes=1)


class SealedFiles:
    """Encrypted files of seals, in one folder: ``SEAL/NAME``.

    AES-256-GCM in chunks of 1 MiB under a key of the seal's own; that key is wrapped by the vault, bound to the seal.
    Each chunk is bound to its place and to whether it is the last, so that a file cannot be cut or put together anew.

    Args:
        folder: 0700.
        vault: of the prompts.
    """

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._folder, self._vault = folder, vault

    def put(self, seal_id: str, paths: Sequence[Path]) -> bytes:
        """Encrypt copies of files, on disk before this returns; the originals stay.

        Returns:
            The seal's wrapped key.
        """
        key, wrapped = self._vault.new_key(_bound(seal_id))
        root = self._folder / seal_id
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number, path in enumerate(paths):
            with path.open("rb") as source, (root / path.name).open("wb") as target:
                _encrypt(AESGCM(key), number, source.read, target.write)
        return wrapped

    def restore(self, seal: Seal, folder: Path) -> None:
        """Decrypt a seal's files into a folder, each mode 0600.

        Raises:
            StoreError: ``sealed_unreadable``.
        """
        if seal.wrapped_key is None:
            raise StoreError("sealed_unreadable", f"Nothing is left under the seal {seal.id}.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            cipher = AESGCM(self._vault.open_key(seal.wrapped_key, _bound(seal.id)))
            for number, name in enumerate(seal.material):
                target = folder / name
                target.touch(mode=0o600)
                with (self._folder / seal.id / name).open("rb") as source, target.open("wb") as out:
                    _decrypt(cipher, number, source.read, out.write)
        except (InvalidTag, OSError, ValueError):
            raise StoreError(
                "sealed_unreadable",
                f"What lies under the seal {seal.id} cannot be decrypted: it was altered, or sealed under another"
                " master key.",
            ) from None

    def remove(self, seal_id: str) -> None:
        """Remove a seal's files; without its key they say nothing anyway."""
        shutil.rmtree(self._folder / seal_id, ignore_errors=True)


def add_seal(
    session: Session,
    files: SealedFiles,
    *,
    tenant_id: str,
    decision_id: str,
    stage: str,
    video_id: str | None,
    prompt_id: str | None,
    paths: Sequence[Path],
    now: datetime,
) -> Seal:
    """Seal what a decision is about; doing it again gives the same seal.

    Args:
        session: a write transaction.
        files: where encrypted files lie.
        tenant_id: whose request it was.
        decision_id: the decision.
        stage: at which it was made.
        video_id: the job that it belongs to.
        prompt_id: the prompt, which is encrypted already and is kept from now on.
        paths: files to seal, of different names; the caller removes the originals after the commit.
        now: when.
    """
    found = session.scalars(select(Seal).where(Seal.decision_id == decision_id)).one_or_none()
    if found is not None:
        return found
    seal_id = new_id("seal", now)
    seal = Seal(
        id=seal_id,
        tenant_id=tenant_id,
        decision_id=decision_id,
        video_id=video_id,
        prompt_id=prompt_id,
        stage=stage,
        material=[path.name for path in paths],
        wrapped_key=files.put(seal_id, paths) if paths else None,
        created=now,
        attempts=0,
    )
    session.add(seal)
    session.flush()
    return seal


def get_seal(session: Session, seal_id: str) -> Seal:
    """A seal by id.

    Raises:
        StoreError: ``not_found``.
    """
    seal = session.get(Seal, seal_id)
    if seal is None:
        raise StoreError("not_found", f"There is no seal {seal_id}.")
    return seal


def list_seals(session: Session, *, everything: bool = False) -> Sequence[Seal]:
    """Seals that are in force, or all of them, oldest first."""
    query = select(Seal).order_by(Seal.id)
    if not everything:
        query = query.where(Seal.lifted_at.is_(None), Seal.destroyed_at.is_(None))
    return session.scalars(query).all()


def seals_of(session: Session, video_id: str) -> Sequence[Seal]:
    """All seals on a video, lifted ones too."""
    return session.scalars(select(Seal).where(Seal.video_id == video_id).order_by(Seal.id)).all()


def keeps_prompt(session: Session, prompt_id: str) -> bool:
    """Whether a seal in force keeps the prompt."""
    query = select(Seal.id).where(
        Seal.prompt_id == prompt_id, Seal.lifted_at.is_(None), Seal.destroyed_at.is_(None)
    )
    return session.scalars(query.limit(1)).one_or_none() is not None


def untold(session: Session, *, now: datetime | None) -> Sequence[Seal]:
    """Seals that the operator's hook has yet to be told of, oldest first; with a time, those that are due by then."""
    query = select(Seal).where(Seal.notified_at.is_(None)).order_by(Seal.id)
    if now is not None:
        query = query.where(or_(Seal.retry_at.is_(None), Seal.retry_at <= now))
    return session.scalars(query).all()


def told(session: Session, seal_id: str, *, success: bool, now: datetime) -> Seal:
    """Note how telling the hook went; after a failure it is due again later, twice as late each time."""
    seal = get_seal(session, seal_id)
    seal.attempts += 1
    if success:
        seal.notified_at, seal.retry_at = now, None
    else:
        seal.retry_at = now + min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(seal.attempts - 1, 16))
    return seal


def lift_seal(session: Session, seal_id: str, *, now: datetime) -> Seal:
    """The rule was wrong: the seal's own copies go, the request goes on."""
    seal = get_seal(session, seal_id)
    seal.lifted_at, seal.wrapped_key = seal.lifted_at or now, None
    return seal


def destroy_seal(session: Session, seal_id: str, *, now: datetime) -> Seal:
    """End the keeping: the key of its files is destroyed; its prompt may be erased from now on."""
    seal = get_seal(session, seal_id)
    seal.destroyed_at, seal.wrapped_key = seal.destroyed_at or now, None
    return seal


def _bound(seal_id: str) -> bytes:
    return f"guard.seal.1\0{seal_id}".encode()


def _nonce(number: int, counter: int) -> bytes:
    return number.to_bytes(4, "big") + counter.to_bytes(8, "big")


def _encrypt(
    cipher: AESGCM, number: int, read: Callable[[int], bytes], write: Callable[[bytes], object]
) -> None:
    chunk, counter = read(_CHUNK), 0
    while True:
        following = read(_CHUNK)
        write(cipher.encrypt(_nonce(number, counter), chunk, b"last" if not following else b"more"))
        if not following:
            return
        chunk, counter = following, counter + 1


def _decrypt(
    cipher: AESGCM, number: int, read: Callable[[int], bytes], write: Callable[[bytes], object]
) -> None:
    chunk, counter = read(_CHUNK + _TAG), 0
    while True:
        following = read(_CHUNK + _TAG)
        write(cipher.decrypt(_nonce(number, counter), chunk, b"last" if not following else b"more"))
        if not following:
            return
        chunk, counter = following, counter + 1
