"""Read a file's Content Credentials and say what holds.

Reading needs the file and the anchors, nothing else: no network, no service, no database. Files of strangers
must be read in a sandboxed process; this module makes its library context at the first call in whatever
process it runs in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import c2pa

from guard.credentials import bmff, jumbf
from guard.credentials.budget import MEMORY
from guard.credentials.claims import (
    UNEXAMINED,
    Codes,
    clean,
    manifest_claims,
    time_is_trusted,
    validation_codes,
)
from guard.credentials.context import context_for
from guard.credentials.errors import CredentialsError
from guard.credentials.ingredients import Tree
from guard.credentials.manifest import UNSTAMPED
from guard.credentials.report import ConsultedList, CredentialsReport, ProtectionFinding, State
from guard.credentials.trust import AnchorList, Kind, Trust

_MAX_JSON = 32 << 20
_SILENT = {
    # Always there: our contexts do not ask responders, and every BMFF hash leaves out boxes.
    "signingCredential.ocsp.skipped",
    "assertion.bmffHash.additionalExclusionsPresent",
}


def read(path: Path, trust: Trust) -> CredentialsReport:
    """Read and validate the credentials of one file.

    Args:
        path: the file; its name and extension do not matter.
        trust: whom to believe.

    Returns:
        A report for any content whatsoever; a file that cannot be read as credentials has a state that says
        so.

    Raises:
        CredentialsError: `file_unreadable` if the file cannot be opened.
    """
    lists = tuple(ConsultedList(name=e.name, kind=e.kind, dated=e.dated.isoformat()) for e in trust.lists)
    report = partial(CredentialsReport, library=library(), trust_lists=lists)
    try:
        with path.open("rb") as file:
            return _read(file, trust, report)
    except OSError:
        raise CredentialsError("file_unreadable", f"{path.name} cannot be opened for reading.") from None


def _read(file: BinaryIO, trust: Trust, report: Callable[..., CredentialsReport]) -> CredentialsReport:
    try:
        store = _store(file, trust)
    except c2pa.C2paError as error:
        return _from_error(error, report)
    except (ValueError, RecursionError):
        return report(state="malformed", reason="manifest_unexpected")
    if store is None:
        return report(state="malformed", reason="manifest_too_large")
    try:
        return _report(file, store, trust, report)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        # The library accepted a manifest of a shape that no specification has.
        return report(state="malformed", reason="manifest_unexpected")


def _store(file: BinaryIO, trust: Trust, *, identities: bool = True) -> dict[str, Any] | None:
    """The library's JSON of all manifests, or None if it is too large."""
    context = context_for(trust, identities=identities)
    with (
        MEMORY.claim(file.seek(0, os.SEEK_END)),
        c2pa.Reader(_hint(file), file, context=context) as reader,
    ):
        text = reader.json()
    store: dict[str, Any] | None = json.loads(text) if len(text) <= _MAX_JSON else None
    return store


@cache
def library() -> str:
    """Name and versions of what reads."""
    return f"c2pa-python {version('c2pa-python')} (c2pa-rs {c2pa.sdk_version()})"


def _from_error(error: c2pa.C2paError, report: Callable[..., CredentialsReport]) -> CredentialsReport:
    """The state that an exception of the library stands for."""
    text = str(error)
    if isinstance(error, c2pa.C2paError.ManifestNotFound):
        return report(state="absent", reason="no_manifest")
    if isinstance(error, c2pa.C2paError.NotSupported):
        return report(state="absent", reason="format_unsupported")
    marker = "must fetch remote manifests from url "
    if marker in text:
        url = clean(text.split(marker, 1)[1].strip())
        return report(state="remote", reason="remote_manifest", remote_url=url)
    if isinstance(error, c2pa.C2paError.Io) or "asset could not be parsed" in text:
        # The container is what fails; whether there are credentials in it is not known.
        return report(state="malformed", reason="asset_unreadable")
    return report(state="malformed", reason="unreadable")


def _hint(file: BinaryIO) -> str | None:
    """The format, where the library cannot tell it by content; never the name, which a stranger chose."""
    file.seek(0)
    head = file.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n")
    file.seek(0)
    return "image/svg+xml" if head.startswith((b"<?xml", b"<svg", b"<!--")) and b"<svg" in head else None


def _report(
    file: BinaryIO, store: dict[str, Any], trust: Trust, report: Callable[..., CredentialsReport]
) -> CredentialsReport:
    label = store["active_manifest"]
    manifest = store["manifests"].get(label)
    if manifest is None and store["validation_state"] != "Invalid":
        raise KeyError(label)
    results = store.get("validation_results") or {}
    codes = validation_codes(results.get("activeManifest"))
    tree = Tree(store, trust)
    ingredients = tree.below(label)
    failing = frozenset(codes.failures) | tree.now
    if failing & UNEXAMINED and failing <= UNEXAMINED | {"signingCredential.untrusted"}:
        # The library calls such a file Invalid; what it says of all the rest is what it says without identities.
        store = _store(file, trust, identities=False) or store
    believed = _signer_list(file, store, trust, "manifest")
    retired = None if believed else _signer_list(file, store, trust, "retired")
    state: State = "invalid"
    if store.get("validation_state") in ("Trusted", "Valid"):
        state = "trusted" if believed else "valid"
    mislabelled = jumbf.mislabelled(file) if state != "invalid" else ()
    if mislabelled:
        state = "invalid"
    protection, reason = _protection(file, manifest) if state != "invalid" else ((), None)
    if reason is not None:
        state = "not_fully_protected"
    elif state == "valid":
        reason = "signer_on_retired_list" if retired else "signer_unknown"
    claims = None
    if manifest is not None:
        claims = manifest_claims(label, manifest, time_trusted=_time_trusted(file, codes, trust))
    return report(
        state=state,
        reason=reason,
        claims=claims,
        failures=mislabelled
        + tuple(code for code in codes.failures if state == "invalid" or code not in UNEXAMINED),
        ingredient_failures=tree.failures,
        warnings=tuple(code for code in codes.informational if code not in _SILENT)
        + _exclusion_warnings(manifest or {})
        + _stamp_warnings(manifest or {})
        + (("identity_not_examined",) if failing & UNEXAMINED else ()),
        ingredients=ingredients,
        truncated=tree.truncated,
        protection=protection,
        trust_list=believed.name if believed else None,
        trust_list_date=believed.dated.isoformat() if believed else None,
        retired_list=retired.name if retired else None,
        retired_list_date=retired.dated.isoformat() if retired else None,
    )


def _signer_list(file: BinaryIO, store: dict[str, Any], trust: Trust, kind: Kind) -> AnchorList | None:
    """The list of that kind that vouches for the signer.

    Where a chain ends in lists of several kinds (root in one, intermediate in the other), the library names one of
    them, at random; and none if a list holds the signer's own certificate. So when it does not name the right kind, it
    is asked again with that kind alone.
    """
    if store.get("validation_state") != "Trusted":
        return None
    believed = trust.vouching(_matched(store), kind)
    if believed is not None or not (only := trust.only(kind)).lists:
        return believed
    again = _store(file, only, identities=False)
    if again is None or again.get("validation_state") != "Trusted":
        return None
    return only.vouching(_matched(again), kind) or next(
        (entry for entry in only.signers if _trusts(file, Trust(lists=(entry,)))), None
    )


def _trusts(file: BinaryIO, trust: Trust) -> bool:
    store = _store(file, trust, identities=False)
    return store is not None and store.get("validation_state") == "Trusted"


def _matched(store: dict[str, Any]) -> str | None:
    uri = (store.get("validation_results") or {}).get("trustListUri")
    return uri if isinstance(uri, str) else None


def _time_trusted(file: BinaryIO, codes: Codes, trust: Trust) -> bool:
    """As `_signer_list`, for the time stamp and the lists of authorities."""
    if not codes.time_trusted_by or time_is_trusted(codes, trust):
        return bool(codes.time_trusted_by)
    only = trust.only("tsa")
    again = _store(file, only) if only.lists else None
    results = (again or {}).get("validation_results") or {}
    return time_is_trusted(validation_codes(results.get("activeManifest")), only)


def _protection(file: BinaryIO, manifest: dict[str, Any]) -> tuple[tuple[ProtectionFinding, ...], str | None]:
    """Media outside the hash, and the code that says so; a file that cannot be walked is not vouched for."""
    try:
        exclusions = bmff.DEFAULT_EXCLUSIONS + tuple(
            exclusion for assertion in _hashes(manifest) for exclusion in bmff.exclusions_of(assertion)
        )
        findings = bmff.check_protected(file, exclusions)
    except CredentialsError as error:
        return (), error.code
    found = tuple(ProtectionFinding(**asdict(finding)) for finding in findings)
    return found, found[0].code if found else None


def _hashes(manifest: dict[str, Any]) -> list[Any]:
    return [
        entry.get("data")
        for entry in manifest.get("assertions", [])
        if str(entry.get("label", "")).startswith("c2pa.hash.bmff")
    ]


def _exclusion_warnings(manifest: dict[str, Any]) -> tuple[str, ...]:
    """Older BMFF hashes leave out the sample tables, so the order of what is shown is not protected."""
    for assertion in _hashes(manifest):
        paths = [str(entry.get("xpath")) for entry in assertion.get("exclusions", [])]
        if any(path.endswith(("/stco", "/co64", "/trun")) for path in paths):
            return ("sample_tables_unhashed",)
    return ()


def _stamp_warnings(manifest: dict[str, Any]) -> tuple[str, ...]:
    """Our own mark of a file that was signed while no time-stamp authority answered."""
    labels = (str(entry.get("label", "")) for entry in manifest.get("assertions", []))
    return ("time_stamp_unavailable",) if UNSTAMPED in labels else ()
