"""Whom a verifier believes: named lists of anchors.

The C2PA library knows kinds of lists (for manifests, for time stamps) but does not keep them apart: it calls
a file signed under a time-stamping root "Trusted". Each list therefore carries a URI of its own that the
library repeats in its result, and `guard.credentials.reading` believes only a URI of one of our manifest
lists.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel, ConfigDict, JsonValue

from guard.credentials.errors import CredentialsError
from guard.credentials.identity import load_chain
from guard.credentials.profile import SIGNING_USAGES

Kind = Literal["manifest", "tsa"]

BASE_SETTINGS: dict[str, JsonValue] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "core": {
        "allowed_network_hosts": [],
        "allow_redirects": False,
        "backing_store_memory_threshold_in_mb": 16,
    },
    "builder": {"thumbnail": {"enabled": False}},
}
"""Library settings that keep it off the network and bound its memory; every context starts from these."""

TRUST_CONFIG = "".join(f"{oid.dotted_string}\n" for oid in SIGNING_USAGES)
"""Extended key usages accepted for signing, in the library's form."""


class AnchorList(BaseModel):
    """A named list of trust anchors.

    Attributes:
        name: short name, shown in every result that rests on it.
        pem: certificates.
        kind: what they may vouch for.
        dated: date of the list (for a downloaded list, when it was published).
    """

    model_config = ConfigDict(frozen=True)

    name: str
    pem: str
    kind: Kind = "manifest"
    dated: date

    @property
    def uri(self) -> str:
        """What the library calls the list; the digest keeps two lists of one name apart."""
        digest = sha256(self.pem.encode()).hexdigest()[:16]
        return f"urn:x-guard:trust-list:{self.kind}:{digest}:{self.dated.isoformat()}"


class Trust(BaseModel):
    """All lists that one verification believes. Immutable, and JSON both ways, to cross to a child."""

    model_config = ConfigDict(frozen=True)

    lists: tuple[AnchorList, ...] = ()

    @classmethod
    def of(cls, *lists: AnchorList) -> Trust:
        """Trust in these lists; each is parsed first.

        Raises:
            CredentialsError: `anchors_unreadable` with the list's name.
        """
        for entry in lists:
            try:
                load_chain(entry.pem.encode())
            except CredentialsError:
                raise CredentialsError(
                    "anchors_unreadable", f"The trust list {entry.name!r} is not a list of PEM certificates."
                ) from None
        return cls(lists=tuple(lists))

    @classmethod
    def from_files(cls, paths: Sequence[Path], *, kind: Kind = "manifest") -> Trust:
        """Trust in PEM files, each a list named after its file and dated by its modification time.

        Raises:
            CredentialsError: `anchors_unreadable`.
        """
        return cls.of(*(_from_file(path, path.stem, kind) for path in paths))

    @classmethod
    def from_folder(cls, folder: Path) -> Trust:
        """Trust in what a key folder holds: the development root and the anchors the operator brought."""
        lists = []
        if (folder / "ca.pem").exists():
            lists.append(_from_file(folder / "ca.pem", "development", "manifest"))
        lists.extend(
            _from_file(path, f"operator-{path.stem}", "manifest")
            for path in sorted((folder / "anchors").glob("*.pem"))
        )
        return cls.of(*lists)

    def __add__(self, other: Trust) -> Trust:
        return Trust(lists=self.lists + other.lists)

    def by_uri(self, uri: str | None, *, kind: Kind) -> AnchorList | None:
        """The list of that kind that the library named, or None."""
        return next((entry for entry in self.lists if entry.uri == uri and entry.kind == kind), None)

    @property
    def digest(self) -> str:
        """Identifies the set of lists, for the record of a verification: "sha256:…"."""
        return "sha256:" + sha256("\n".join(entry.uri for entry in self.lists).encode()).hexdigest()

    def settings(self) -> dict[str, JsonValue]:
        """Settings for a `c2pa.Context`; manifest lists first, for the library names the first match."""
        settings: dict[str, JsonValue] = json.loads(json.dumps(BASE_SETTINGS))
        ordered = sorted(self.lists, key=lambda entry: entry.kind != "manifest")
        settings["trust"] = {
            "trust_config": TRUST_CONFIG,
            "anchors": [
                {"trust_anchors": entry.pem, "trust_kind": entry.kind, "trust_uri": entry.uri}
                for entry in ordered
            ],
        }
        return settings


def _from_file(path: Path, name: str, kind: Kind) -> AnchorList:
    try:
        pem = path.read_text("ascii")
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    except (OSError, UnicodeDecodeError):
        raise CredentialsError("anchors_unreadable", f"The trust list {path.name} cannot be read.") from None
    return AnchorList(name=name, pem=pem, kind=kind, dated=modified)


def anchors_of(chain: Sequence[x509.Certificate]) -> Trust:
    """Trust in the top of a chain that is more than a leaf, for checking one's own signature."""
    if len(chain) < 2:
        return Trust()
    pem = chain[-1].public_bytes(Encoding.PEM).decode("ascii")
    return Trust(lists=(AnchorList(name="own chain", pem=pem, dated=datetime.now(UTC).date()),))
