"""Mark keys and the key schedule."""

import hashlib
import hmac
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from guard.marks.errors import MarkError

SECRET_BYTES = 32
_DOMAIN = b"io.github.generation-guard.lattice.1"


@dataclass(frozen=True)
class MarkKey:
    """One service key of the watermark.

    Attributes:
        id: Public name of the key; it goes into readings and records.
        secret: 32 random bytes. Never shown by ``repr``.
    """

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Check the key's form.

        Raises:
            MarkError: ``mark_key_invalid`` if the id is empty or the secret has another length.
        """
        if not self.id:
            raise MarkError("mark_key_invalid", "A mark key needs an id; give it a short public name.")
        if len(self.secret) != SECRET_BYTES:
            raise MarkError("mark_key_invalid", f"A mark key's secret must be {SECRET_BYTES} random bytes.")

    def derive(self, label: str, data: bytes = b"") -> bytes:
        """HMAC-SHA-256 of ``data`` under a subkey of its own for ``label``: 32 bytes.

        Subkeys of different labels are independent (HMAC is a pseudo-random function), which is what the
        false-positive bounds in :mod:`guard.marks.bounds` rest on.
        """
        subkey = hmac.digest(self.secret, _DOMAIN + b"/" + label.encode(), hashlib.sha256)
        return hmac.digest(subkey, data, hashlib.sha256)

    def stream(self, label: str, count: int) -> npt.NDArray[np.uint64]:
        """``count`` pseudo-random 64-bit words for ``label``, the same on every platform, shape (count,)."""
        blocks = [self.derive(label, i.to_bytes(4, "big")) for i in range(-(-count // 4))]
        words = np.frombuffer(b"".join(blocks), dtype=">u8")[:count]
        return words.astype(np.uint64)
