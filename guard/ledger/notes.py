"""Checkpoints as C2SP signed notes: Ed25519 keys, their text forms, signing, reading.

Formats: https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint. Keys use the text forms of Go's
``golang.org/x/mod/sumdb/note``, so that its tools can check our checkpoints.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from guard.ledger.errors import LedgerError
from guard.ledger.merkle import HASH_SIZE

_ED25519 = b"\x01"
_PRIVATE = "PRIVATE+KEY+"
_SIGNATURE = "\u2014 "
_MAX_NOTE = 65_536


def _key_hash(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _check_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() or ord(c) < 0x20 for c in name):
        raise LedgerError("key_invalid", "A log's origin must be non-empty, without spaces and without '+'.")


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


@dataclass(frozen=True)
class VerifyKey:
    """Public key of a log: its origin and 32 bytes of Ed25519; text form ``name+hash+base64``."""

    name: str
    public: bytes

    def __str__(self) -> str:
        encoded = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{_key_hash(self.name, self.public).hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> VerifyKey:
        """Read the text form.

        Raises:
            LedgerError: ``key_invalid``.
        """
        try:
            # The base64 part may itself contain '+'.
            name, key_hash, encoded = text.strip().split("+", 2)
            _check_name(name)
            raw = _decode(encoded)
        except (ValueError, binascii.Error):
            raise LedgerError("key_invalid", "A log's public key reads name+hash+base64.") from None
        public = raw[1:]
        if raw[:1] != _ED25519 or len(public) != 32 or key_hash != _key_hash(name, public).hex():
            raise LedgerError(
                "key_invalid", "This is not an Ed25519 key of a log, or it was copied incompletely."
            )
        return cls(name, public)

    def verify(self, note: str) -> str:
        """Check a signed note against this key and return its text.

        Raises:
            LedgerError: ``note_malformed``, or ``signature_invalid`` if this key did not sign it.
        """
        text, signatures = _split(note)
        verified = False
        for name, signature in signatures:
            if name != self.name or signature[:4] != _key_hash(self.name, self.public):
                continue
            try:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature[4:], text.encode())
            except InvalidSignature:
                raise LedgerError(
                    "signature_invalid", "The checkpoint's signature does not fit its text."
                ) from None
            verified = True
        if not verified:
            raise LedgerError(
                "signature_invalid", "The checkpoint is not signed by the expected key of this log."
            )
        return text


@dataclass(frozen=True)
class LogKey:
    """Signing key of a log. Whoever holds it can sign a second history: keep it apart from the database."""

    name: str
    seed: bytes = field(repr=False)

    @property
    def public(self) -> VerifyKey:
        """The public half."""
        return VerifyKey(self.name, self._key().public_key().public_bytes_raw())

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def sign(self, text: str) -> str:
        """Signed note over ``text``, which must end in a newline."""
        if not text.endswith("\n"):
            raise LedgerError("note_malformed", "The text of a note ends in a newline.")
        public = self.public
        signature = _key_hash(public.name, public.public) + self._key().sign(text.encode())
        return f"{text}\n{_SIGNATURE}{self.name} {base64.b64encode(signature).decode()}\n"

    @classmethod
    def create(cls, path: Path, origin: str) -> LogKey:
        """Make a new key and write it to ``path`` (mode 0600; the file must not exist).

        Raises:
            LedgerError: ``key_exists``, ``key_invalid``.
        """
        _check_name(origin)
        key = cls(origin, secrets.token_bytes(32))
        encoded = base64.b64encode(_ED25519 + key.seed).decode()
        key_hash = _key_hash(origin, key.public.public).hex()
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{_PRIVATE}{origin}+{key_hash}+{encoded}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # appears whole, and never replaces a key
        except FileExistsError:
            raise LedgerError(
                "key_exists", f"There is already a key at {path}; it is never overwritten."
            ) from None
        finally:
            draft.unlink()
        return key

    @classmethod
    def load(cls, path: Path) -> LogKey:
        """Read a key that :meth:`create` wrote.

        Raises:
            LedgerError: ``key_missing``, ``key_permissions`` if others may read it, ``key_invalid``.
        """
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            text = path.read_text()
        except (OSError, UnicodeDecodeError):
            raise LedgerError("key_missing", f"The log's key cannot be read at {path}.") from None
        if mode & 0o077:
            raise LedgerError("key_permissions", f"{path} can be read by others; set its mode to 0600.")
        try:
            name, key_hash, encoded = text.strip().removeprefix(_PRIVATE).split("+", 2)
            raw = _decode(encoded)
        except (ValueError, binascii.Error):
            raw, name, key_hash = b"", "", ""
        if raw[:1] != _ED25519 or len(raw) != 33 or not text.startswith(_PRIVATE):
            raise LedgerError("key_invalid", f"{path} is not a log's key; restore it from its backup.")
        _check_name(name)
        key = cls(name, raw[1:])
        if _key_hash(name, key.public.public).hex() != key_hash:
            raise LedgerError("key_invalid", f"{path} is damaged; restore it from its backup.")
        return key


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    malformed = LedgerError("note_malformed", "This is not a signed note (https://c2sp.org/signed-note).")
    if len(note) > _MAX_NOTE or any(ord(c) < 0x20 and c != "\n" for c in note) or not note.endswith("\n"):
        raise malformed
    text, separator, rest = note.rpartition("\n\n")
    if not separator or not rest:
        raise malformed
    signatures: list[tuple[str, bytes]] = []
    for line in rest.removesuffix("\n").split("\n"):
        name, _, encoded = line.removeprefix(_SIGNATURE).partition(" ")
        if not line.startswith(_SIGNATURE) or not name:
            raise malformed
        try:
            signature = _decode(encoded)
        except (ValueError, binascii.Error):
            raise malformed from None
        if len(signature) < 5:
            raise malformed
        signatures.append((name, signature))
    return text + "\n", signatures


@dataclass(frozen=True)
class Checkpoint:
    """What a log claims at one moment: ``size`` leaves under ``root``."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note's text, unsigned."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note's text; extension lines are allowed and ignored.

        Raises:
            LedgerError: ``note_malformed``.
        """
        lines = text.split("\n")
        try:
            origin, size, root = lines[0], int(lines[1]), _decode(lines[2])
        except (IndexError, ValueError, binascii.Error):
            origin, size, root = "", -1, b""
        if (
            not origin
            or size < 0
            or str(size) != lines[1]
            or len(root) != HASH_SIZE
            or lines[-1]
            or "" in lines[:-1]
        ):
            raise LedgerError(
                "note_malformed", "This is not a checkpoint (https://c2sp.org/tlog-checkpoint)."
            )
        return cls(origin, size, root)


def open_checkpoint(note: str, public_key: VerifyKey | str) -> Checkpoint:
    """Verify a signed checkpoint and read it.

    Raises:
        LedgerError: ``key_invalid``, ``note_malformed``, ``signature_invalid``.
    """
    key = VerifyKey.parse(public_key) if isinstance(public_key, str) else public_key
    checkpoint = Checkpoint.parse(key.verify(note))
    if checkpoint.origin != key.name:
        raise LedgerError("signature_invalid", "The checkpoint speaks of another log than the key's.")
    return checkpoint
