"""Manifest stores that travel without their asset: what one says of itself, and the active manifest by itself."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from guard.credentials import Trust
from guard.media import sandbox
from guard.media.sandbox import Limits

MOST_BYTES = 8 * 2**20
"""Of a manifest store that is taken in."""
_TARGET = "guard.manifests:inspect"
_ID = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,250}")
_WITHOUT_ASSET = re.compile(r"assertion\.(bmffHash|dataHash|boxesHash|collectionHash)\.mismatch")
"""What a reader says of any manifest that it is given without the asset."""
_UNTRUSTED = "signingCredential.untrusted"
_HEAD = 8


class ManifestError(Exception):
    """A manifest store is not taken: ``manifest_malformed`` or ``manifest_invalid``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def manifest_id(path: Path, limits: Limits) -> str:
    """The identifier of a manifest store's active manifest, read in a fresh child process.

    Its signature must hold and its assertions must be the signed ones. Who signed it is for its reader to judge.

    Args:
        path: the manifest store's bytes; a stranger's.
        limits: of the child process.

    Raises:
        ManifestError: ``manifest_malformed``, ``manifest_invalid``.
        MediaError: the child failed.
    """
    found = sandbox.call(_TARGET, {"path": str(path)}, limits=limits, readable=[path])
    if not isinstance(found["id"], str) or not _ID.fullmatch(found["id"]):
        raise ManifestError("manifest_malformed", "This is no C2PA manifest store that can be read.")
    if found["failures"]:
        raise ManifestError(
            "manifest_invalid", "The manifest's signature or one of its assertions does not hold."
        )
    return str(found["id"])


def inspect(arguments: dict[str, Any]) -> dict[str, Any]:
    """The child's side of :func:`manifest_id`."""
    import c2pa

    from guard.credentials.context import context_for

    nothing: dict[str, Any] = {"id": None, "failures": []}
    try:
        stream = io.BytesIO(Path(arguments["path"]).read_bytes())
        with c2pa.Reader("application/c2pa", stream, context=context_for(Trust())) as reader:
            store = json.loads(reader.json())
        results = (store.get("validation_results") or {}).get("activeManifest") or {}
        codes = {str(item["code"]) for item in results.get("failure", [])}
        valid = {str(item["code"]) for item in results.get("success", [])}
        label = store["active_manifest"]
    except (c2pa.C2paError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return nothing
    if "claimSignature.validated" not in valid:
        codes.add("claimSignature.missing")
    failures = sorted(code for code in codes if code != _UNTRUSTED and not _WITHOUT_ASSET.fullmatch(code))
    return {"id": label, "failures": failures}


def digest(store: bytes) -> str:
    """``sha256:`` and the hex digest of a manifest store."""
    return f"sha256:{hashlib.sha256(store).hexdigest()}"


def only_active(store: bytes) -> bytes:
    """A manifest store with nothing in it but its active manifest, which is the last one.

    Args:
        store: a JUMBF superbox as it was signed.

    Raises:
        ManifestError: ``manifest_malformed``.
    """
    [(kind, whole)] = list(_boxes(store)) or [(b"", b"")]
    inner = list(_boxes(whole[_HEAD:]))
    manifests = [box for name, box in inner if name == b"jumb"]
    if kind != b"jumb" or not inner or inner[0][0] != b"jumd" or not manifests:
        raise ManifestError("manifest_malformed", "This is no C2PA manifest store that can be read.")
    content = inner[0][1] + manifests[-1]
    return (_HEAD + len(content)).to_bytes(4) + b"jumb" + content


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Boxes of 32-bit sizes, one after the other, each with its head."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        if size < _HEAD or at + size > len(data):
            raise ManifestError("manifest_malformed", "This is no C2PA manifest store that can be read.")
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size


def reading_limits(limits: Limits) -> Limits:
    """Of a child that reads a manifest: a tenth of the time that a whole file may take, and at least ten seconds."""
    return replace(limits, seconds=max(10.0, limits.seconds / 10))
