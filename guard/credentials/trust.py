"""Whom a verifier believes: named lists of anchors.

The C2PA library knows kinds of lists (for manifests, for time stamps) but does not keep them apart: it calls
a file signed under a time-stamping root "Trusted". Each list therefore carries a URI of its own that the
library repeats in its result, and `guard.credentials.reading` believes only a URI of one of our manifest
lists.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel, ConfigDict, JsonValue

from guard.credentials.errors import CredentialsError
from guard.credentials.identity import load_chain
from guard.credentials.profile import SIGNING_USAGES

Kind = Literal["manifest", "tsa", "retired"]
"""What a list may vouch for: signers, times, or signers of the past, who are shown as such and not trusted."""

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


_HEAD, _TAIL = "-----BEGIN CERTIFICATE-----\n", "\n-----END CERTIFICATE-----\n"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


class AnchorList(BaseModel):
    """A named list of trust anchors.

    Attributes:
        name: short name, shown in every result.
        pem: certificates of authorities; of signers themselves too, in a list that is not for time stamps.
        kind: what they may vouch for.
        dated: date of the list (for a downloaded list, when it was published).
    """

    model_config = ConfigDict(frozen=True)

    name: str
    pem: str
    kind: Kind = "manifest"
    dated: date

    @property
    def digest(self) -> str:
        """Identifies the list with its kind, name and date: 64 hex digits."""
        return sha256(self.model_dump_json().encode()).hexdigest()


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

    @property
    def signers(self) -> tuple[AnchorList, ...]:
        """The lists that hold certificates of signers themselves."""
        return tuple(dict.fromkeys(m for group in _groups(self) if group.signers for m in group.members))

    def only(self, kind: Kind) -> Trust:
        """The lists of one kind."""
        return Trust(lists=tuple(entry for entry in self.lists if entry.kind == kind))

    def vouching(self, uri: str | None, kind: Kind) -> AnchorList | None:
        """The first list of that kind that holds the anchor by which the library trusted, or None."""
        members = (entry for group in _groups(self) if group.uri == uri for entry in group.members)
        return next((entry for entry in members if entry.kind == kind), None)

    def uris(self, kind: Kind) -> tuple[str, ...]:
        """All URIs by which a list of that kind vouches."""
        return tuple(group.uri for group in _groups(self) if self.vouching(group.uri, kind))

    @property
    def digest(self) -> str:
        """Identifies the set of lists, for the record of a verification: "sha256:…"."""
        return "sha256:" + sha256("\n".join(entry.digest for entry in self.lists).encode()).hexdigest()

    def settings(self, *, identities: bool = True) -> dict[str, JsonValue]:
        """Settings for a `c2pa.Context`, which checks the identities of actors if asked to."""
        settings: dict[str, Any] = json.loads(json.dumps(BASE_SETTINGS))
        settings["core"]["decode_identity_assertions"] = identities
        settings["trust"] = {
            "trust_config": TRUST_CONFIG,
            "anchors": [
                {
                    "trust_anchors": group.anchors,
                    "trust_kind": "tsa" if group.members[0].kind == "tsa" else "manifest",
                    "trust_uri": group.uri,
                    "allowed_list": group.signers,
                }
                for group in _groups(self)
            ],
        }
        return settings


@dataclass(frozen=True)
class _Group:
    """Certificates that are in exactly the same lists, and the URI by which the library knows them.

    The library does not give a URI if a signer's own certificate matched.
    """

    members: tuple[AnchorList, ...]
    anchors: str
    signers: str

    @cached_property
    def uri(self) -> str:
        digest = sha256("".join(entry.digest for entry in self.members).encode()).hexdigest()
        return f"urn:x-guard:trust:{digest[:32]}"


@lru_cache(maxsize=32)
def _groups(trust: Trust) -> tuple[_Group, ...]:
    """The certificates of all lists, each once.

    A certificate in two lists would be found by the library in either, at random; so it goes into a group of its
    own, which stands for both.
    """
    owners: dict[str, list[AnchorList]] = {}
    for entry in trust.lists:
        for block in dict.fromkeys("".join(block.split()) for block in _CERTIFICATE.findall(entry.pem)):
            owners.setdefault(block, []).append(entry)
    grouped: dict[tuple[AnchorList, ...], tuple[list[str], list[str]]] = {}
    for body, lists in owners.items():
        pem = _HEAD + "\n".join(textwrap.wrap(body, 64)) + _TAIL
        signer = lists[0].kind != "tsa" and _signs_itself(pem)
        grouped.setdefault(tuple(lists), ([], []))[signer].append(pem)
    return tuple(
        _Group(members, "".join(anchors), "".join(signers)) for members, (anchors, signers) in grouped.items()
    )


def _signs_itself(pem: str) -> bool:
    """Whether this is a signer's certificate rather than an authority's."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    try:
        return not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.issuer != certificate.subject


def _from_file(path: Path, name: str, kind: Kind) -> AnchorList:
    try:
        pem = path.read_text("ascii")
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    except (OSError, UnicodeDecodeError):
        raise CredentialsError(
            "anchors_unreadable", f"{path.name} is no readable file of PEM certificates."
        ) from None
    return AnchorList(name=name, pem=pem, kind=kind, dated=modified)


def anchors_of(chain: Sequence[x509.Certificate]) -> Trust:
    """Trust in the top of a chain that is more than a leaf, for checking one's own signature."""
    if len(chain) < 2:
        return Trust()
    pem = chain[-1].public_bytes(Encoding.PEM).decode("ascii")
    return Trust(lists=(AnchorList(name="own chain", pem=pem, dated=datetime.now(UTC).date()),))
