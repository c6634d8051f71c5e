"""Trust lists that were fetched by command: one file each, with where it came from and of which day it is.

trust/<name>.json      name, kind, certificates, date, source
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from pydantic import ValidationError

from guard.credentials.errors import CredentialsError
from guard.credentials.identity import load_chain
from guard.credentials.keyfolder import locked, write
from guard.credentials.trust import AnchorList, Kind, Trust

LARGEST = 4 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TIMEOUT = 20.0
_C2PA = "https://raw.githubusercontent.com/c2pa-org/conformance-public/refs/heads/main/trust-list/"
_INTERIM = "https://verify.contentauthenticity.org/trust/"


class StoredList(AnchorList):
    """A list with its source.

    Attributes:
        sources: paths or addresses it was read from, one after the other.
        fetched: when.
    """

    sources: tuple[str, ...]
    fetched: datetime

    @property
    def subjects(self) -> frozenset[str]:
        """Of its certificates."""
        return frozenset(entry.subject.rfc4514_string() for entry in certificates(self.pem))


class Known(AnchorList):
    """A list that everybody knows, before it was fetched."""

    pem: str = ""
    dated: date = date.min
    sources: tuple[str, ...]


KNOWN = {
    entry.name: entry
    for entry in (
        Known(name="c2pa", kind="manifest", sources=(_C2PA + "C2PA-TRUST-LIST.pem",)),
        Known(name="c2pa-tsa", kind="tsa", sources=(_C2PA + "C2PA-TSA-TRUST-LIST.pem",)),
        Known(
            name="c2pa-interim", kind="retired", sources=(_INTERIM + "anchors.pem", _INTERIM + "allowed.pem")
        ),
    )
}
"""The official lists of C2PA for signers and for time-stamp authorities, and the one before them, frozen since 2026."""


def certificates(pem: str) -> list[x509.Certificate]:
    """The certificates of a list."""
    return load_chain(pem.encode())


def stored(folder: Path) -> tuple[StoredList, ...]:
    """All lists of the folder, by name.

    Raises:
        CredentialsError: `anchors_unreadable` with the file's name.
    """
    return tuple(_load(path) for path in sorted(folder.glob("*.json")))


def _load(path: Path) -> StoredList:
    try:
        return StoredList.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise CredentialsError(
            "anchors_unreadable",
            f"The trust list {path} is damaged; remove the file, and fetch the list again with guard trust refresh.",
        ) from None


def trust_of(folder: Path) -> Trust:
    """Trust in all lists of the folder."""
    return Trust(
        lists=tuple(
            AnchorList(name=entry.name, pem=entry.pem, kind=entry.kind, dated=entry.dated)
            for entry in stored(folder)
        )
    )


def refresh(
    folder: Path,
    name: str,
    *,
    sources: Sequence[str] = (),
    kind: Kind | None = None,
    dated: date | None = None,
    now: datetime | None = None,
) -> tuple[StoredList, StoredList | None]:
    """Fetch a list and keep it, in the place of the one of that name.

    Args:
        folder: of the lists.
        name: of the list: one of `KNOWN`, one that is stored already, or a new one.
        sources: files or addresses to read it from; those of the stored or the known list if empty.
        kind: what it may vouch for; that of the stored or the known list if omitted, else "manifest".
        dated: its day; if omitted, the newest of the files' modification times or the servers' `Last-Modified`.
        now: the clock if omitted.

    Returns:
        The new list, and the one before it, if any.

    Raises:
        CredentialsError: `trust_list_unknown`, `trust_list_unavailable`, `anchors_unreadable`; the list that was there
            stays.
    """
    if not _NAME.fullmatch(name):
        raise CredentialsError(
            "trust_list_unknown", "A list's name has lower-case letters, digits and hyphens."
        )
    moment = now or datetime.now(UTC)
    path = folder / f"{name}.json"
    before = _load(path) if path.exists() else None
    known = before or KNOWN.get(name)
    if not sources and known is None:
        raise CredentialsError(
            "trust_list_unknown", f"There is no list {name}; say where it comes from with --from FILE or URL."
        )
    places = tuple(sources) or known.sources  # type: ignore[union-attr]
    parts = [_read(place, moment) for place in places]
    pem = "\n".join(text for text, _ in parts)
    found = StoredList(
        name=name,
        pem=pem,
        kind=kind or (known.kind if known else "manifest"),
        dated=dated or max(day for _, day in parts),
        sources=places,
        fetched=moment,
    )
    Trust.of(found)
    with locked(folder):
        write(path, found.model_dump_json(indent=1).encode() + b"\n", 0o644)
    return found, before


def remove(folder: Path, name: str) -> None:
    """Believe a list no more.

    Raises:
        CredentialsError: `trust_list_unknown`.
    """
    path = folder / f"{name}.json"
    if not _NAME.fullmatch(name) or not path.exists():
        raise CredentialsError("trust_list_unknown", f"There is no list {name} here; see guard trust list.")
    path.unlink()


def _read(place: str, now: datetime) -> tuple[str, date]:
    """Text and day of one source."""
    if "://" in place:
        data, day = _download(place, now)
    else:
        try:
            data = Path(place).read_bytes()
            day = datetime.fromtimestamp(Path(place).stat().st_mtime, UTC).date()
        except OSError as error:
            raise CredentialsError(
                "trust_list_unavailable", f"{place} cannot be read ({error.strerror}); name another file."
            ) from None
    if b"-----BEGIN CERTIFICATE-----" not in data or len(data) > LARGEST:
        raise CredentialsError(
            "anchors_unreadable", f"{place} is no list of PEM certificates, or larger than 4 MiB."
        )
    return data.decode("utf-8", errors="replace"), day


def _download(url: str, now: datetime) -> tuple[bytes, date]:
    """Over HTTPS alone, since whoever writes the list decides whom we believe; this machine may be asked plainly."""
    parts, data = urlsplit(url), bytearray()
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise CredentialsError(
            "trust_list_unavailable", f"{url} is not https; fetch the file and name it instead."
        )
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT, follow_redirects=False) as response:
            if response.status_code != 200:
                raise CredentialsError(
                    "trust_list_unavailable",
                    f"{url} answered HTTP {response.status_code}; the old list stays.",
                )
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > LARGEST:
                    break
            modified = response.headers.get("last-modified")
    except httpx.HTTPError as error:
        raise CredentialsError(
            "trust_list_unavailable",
            f"{url} could not be fetched ({type(error).__name__}); check the network, or give a file with "
            "--from. The old list stays.",
        ) from None
    try:
        return bytes(data), parsedate_to_datetime(modified).date()
    except (TypeError, ValueError):
        return bytes(data), now.date()
