"""Proofs that travel, as C2SP ``.tlog-proof`` files (https://c2sp.org/tlog-proof), checked offline."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from guard.ledger.errors import LedgerError
from guard.ledger.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from guard.ledger.notes import Checkpoint, VerifyKey, open_checkpoint

_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class Proof:
    """Parts of a proof file; nothing in it is trusted before :func:`verify_proof`."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def format(self) -> str:
        """Text of the file."""
        lines = [_HEADER]
        if self.extra is not None:
            lines.append("extra " + base64.b64encode(self.extra).decode())
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(value).decode() for value in self.path]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Read a proof file.

        Raises:
            LedgerError: ``proof_malformed``.
        """
        malformed = LedgerError("proof_malformed", "This is not a log proof (https://c2sp.org/tlog-proof).")
        head, separator, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or lines.pop(0) != _HEADER:
            raise malformed
        try:
            extra = None
            if lines and lines[0].startswith("extra "):
                extra = base64.b64decode(lines.pop(0)[6:], validate=True)
            label, _, number = lines.pop(0).partition(" ")
            index = int(number)
            path = tuple(base64.b64decode(line, validate=True) for line in lines)
        except (IndexError, ValueError, binascii.Error):
            raise malformed from None
        if label != "index" or index < 0 or str(index) != number or len(path) > 64:
            raise malformed
        if any(len(value) != HASH_SIZE for value in path):
            raise malformed
        return cls(index, path, checkpoint, extra)


@dataclass(frozen=True)
class Proven:
    """What a valid proof says: the log ``checkpoint.origin`` holds ``leaf`` at ``index``."""

    index: int
    leaf: bytes
    checkpoint: Checkpoint


def verify_proof(proof: str, leaf: bytes | None, public_key: VerifyKey | str) -> Proven:
    """Check a proof with nothing but the log's public key: no database, no network.

    Args:
        proof: text of a ``.tlog-proof`` file.
        leaf: the bytes of the leaf, or None to take those that the file carries; the result's ``leaf`` must
            then be compared with what the proof is meant to show.
        public_key: the log's key, in text form or parsed.

    Raises:
        LedgerError: ``proof_malformed``, ``note_malformed``, ``key_invalid``, ``signature_invalid``, or
            ``proof_invalid`` if the leaf is not where the proof puts it.
    """
    parts = Proof.parse(proof)
    checkpoint = open_checkpoint(parts.checkpoint, public_key)
    if leaf is None:
        leaf = parts.extra
    if leaf is None:
        raise LedgerError("proof_malformed", "The proof carries no leaf; pass the leaf's bytes.")
    if not verify_inclusion(leaf_hash(leaf), parts.index, checkpoint.size, parts.path, checkpoint.root):
        raise LedgerError("proof_invalid", "The log's checkpoint does not contain this leaf at this index.")
    return Proven(parts.index, leaf, checkpoint)
