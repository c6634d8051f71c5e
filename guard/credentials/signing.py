"""Sign a finished file: check it, embed the manifest, read it back, and only then give it its name."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import c2pa
from pydantic import JsonValue

from guard.credentials import bmff
from guard.credentials.budget import MEMORY
from guard.credentials.claims import clean
from guard.credentials.context import context_for, presence_context
from guard.credentials.errors import CredentialsError
from guard.credentials.identity import Identity
from guard.credentials.manifest import PROMPT_LABEL, Ingredient, ManifestSpec, definition, ingredient_label
from guard.credentials.media_type import media_type
from guard.credentials.reading import read
from guard.credentials.timestamps import Relay, TimeStamping
from guard.credentials.trust import Trust, anchors_of
from guard.media.boxes import outermost
from guard.media.containers import is_boxes

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BUFFER = 1 << 17
"""Bytes read and written at a time; the library asks for a few kilobytes."""


@dataclass(frozen=True)
class Signed:
    """A signed file.

    Attributes:
        manifest_id: label of its manifest, "urn:c2pa:…"; a new one each time, even for the same input.
        manifest_digest: "sha256:…" of the manifest store's bytes.
        size: bytes of the signed file.
        manifest: the manifest store, for keeping: it can be found again by the soft bindings.
        stamped: whether an authority stamped the time of the signature.
    """

    manifest_id: str
    manifest_digest: str
    size: int
    manifest: bytes = field(repr=False)
    stamped: bool = False


def sign(
    source: Path,
    out: Path,
    spec: ManifestSpec,
    identity: Identity,
    *,
    time_stamps: TimeStamping | None = None,
) -> Signed:
    """Write `source` with its manifest to `out`.

    `out` appears complete and verified, by one rename, or not at all; it may be `source` itself. Its mode is
    0600.

    Args:
        source: a finished file of a format that can carry a manifest.
        out: where the signed file goes.
        spec: what the manifest says.
        identity: who signs.
        time_stamps: who stamps the time, and what to do if nobody does; no stamp if omitted.

    Returns:
        The manifest's id, digest and bytes, and whether it is stamped.

    Raises:
        CredentialsError: `format_unsupported`; `not_fully_protected`, `bmff_malformed` or `bmff_too_complex`
            if a signature would not cover all media; `credentials_would_be_lost` if the source carries a
            manifest that the spec does not keep as an ingredient; `signer_failed`, `signer_mismatch`;
            `time_stamp_unavailable`; `signing_failed`; `self_check_failed`; `storage_failed`.
    """
    kind = _checked_type(source)
    if source not in [entry.path for entry in spec.ingredients] and has_manifest(source):
        raise CredentialsError(
            "credentials_would_be_lost",
            "The file already carries Content Credentials, which a new manifest would replace; give it as "
            "its own "
            "parent ingredient to keep them.",
        )
    try:
        descriptor, name = tempfile.mkstemp(prefix=".signing-", dir=out.parent)
        temporary = Path(name)
        try:
            # To be read too: the library reads back what it wrote.
            with _Draft(io.FileIO(descriptor, "r+b"), _BUFFER) as destination:
                manifest, stamped = _stamped(source, kind, destination, spec, identity, time_stamps)
                destination.flush()
                os.fsync(destination.fileno())
            manifest_id = _self_check(temporary, identity)
            size = temporary.stat().st_size
            temporary.replace(out)
            _sync_folder(out.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CredentialsError(
            "storage_failed", f"The signed file could not be written to {out.parent}: {error.strerror}."
        ) from None
    return Signed(manifest_id, "sha256:" + sha256(manifest).hexdigest(), size, manifest, stamped)


class _Draft(io.BufferedRandom):
    """A file that remembers that the disk failed, since the library tells only that something did."""

    fault: OSError | None = None

    def write(self, data: Buffer) -> int:
        with self._remembering():
            return super().write(data)

    def flush(self) -> None:
        with self._remembering():
            super().flush()

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._remembering():
            return super().seek(offset, whence)

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.fault = error
            raise


def has_manifest(path: Path) -> bool:
    """Whether a file whose boxes, if it has any, can be walked carries or points to credentials, readable or not."""
    with path.open("rb") as file:
        if is_boxes(file.read(8)) and not any(box.kind == b"uuid" for box in outermost(file)):
            return False  # where both the manifest and the pointer to one would be
    try:
        reader = c2pa.Reader.try_create(path, context=presence_context())
    except c2pa.C2paError:
        return True
    if reader is None:
        return False
    reader.close()
    return True


def _checked_type(path: Path) -> str:
    kind = media_type(path)
    if kind is None:
        raise CredentialsError(
            "format_unsupported",
            f"{path.name} is of no format that can carry a C2PA manifest; convert it to mp4 first, for example with "
            "guard.media.strip_metadata, which copies pictures and sound as they are.",
        )
    bmff.require_protected(path)
    return kind


def _stamped(
    source: Path,
    kind: str,
    destination: _Draft,
    spec: ManifestSpec,
    identity: Identity,
    time_stamps: TimeStamping | None,
) -> tuple[bytes, bool]:
    """The manifest's bytes, and whether they hold a stamp."""
    if time_stamps is None:
        return _embed(source, definition(spec, kind), destination, spec, identity), False
    with Relay(time_stamps).running() as relay:
        try:
            return _embed(source, definition(spec, kind), destination, spec, identity, relay), True
        except CredentialsError as error:
            if error.code != "time_stamp_unavailable" or time_stamps.when_down == "hold":
                raise
    destination.seek(0)
    destination.truncate()
    return _embed(source, definition(spec, kind, unstamped=True), destination, spec, identity), False


def _embed(
    source: Path,
    content: dict[str, JsonValue],
    destination: _Draft,
    spec: ManifestSpec,
    identity: Identity,
    relay: Relay | None = None,
) -> bytes:
    kind = str(content["format"])
    failures: list[CredentialsError] = []

    def answer(data: bytes) -> bytes:
        # The library logs the text of whatever leaves this function, so nothing may.
        try:
            return identity.cose_signature(data)
        except CredentialsError as error:
            failures.append(error)
        return b""

    algorithm = c2pa.C2paSigningAlg[identity.alg.upper()]
    url = None if relay is None else relay.url
    try:
        with (
            c2pa.Signer.from_callback(answer, algorithm, identity.chain_pem.decode("ascii"), url) as signer,
            c2pa.Builder(content, context=context_for(Trust())) as builder,
            source.open("rb", buffering=_BUFFER) as stream,
            MEMORY.claim(max(path.stat().st_size for path in (source, *(e.path for e in spec.ingredients)))),
        ):
            _add_ingredients(builder, spec.ingredients)
            if spec.prompt is not None:
                _add_prompt(builder, spec.prompt)
            return bytes(builder.sign(signer, kind, stream, destination))
    except c2pa.C2paError as error:
        detail = clean(str(error)) or type(error).__name__
        of_signature = isinstance(error, c2pa.C2paError.Signature)
    if failures:
        raise failures[0]
    if destination.fault is not None:
        raise destination.fault
    if relay is not None and relay.asked and of_signature:
        raise relay.unavailable()
    raise CredentialsError("signing_failed", f"The C2PA library could not sign {source.name}: {detail[:200]}")


def _add_ingredients(builder: c2pa.Builder, ingredients: Sequence[Ingredient]) -> None:
    for index, entry in enumerate(ingredients):
        kind = _checked_type(entry.path)
        description = {
            "title": entry.title,
            "relationship": entry.relationship,
            "label": ingredient_label(index),
            **({"description": entry.description} if entry.description else {}),
        }
        with entry.path.open("rb") as stream:
            builder.add_ingredient(json.dumps(description), kind, stream)


def _add_prompt(builder: c2pa.Builder, prompt: str) -> None:
    """The prompt as an input of the generator, its text in the manifest."""
    types: list[JsonValue] = [{"type": "c2pa.types.generator.prompt"}]
    description = {
        "title": "prompt",
        "relationship": "inputTo",
        "label": PROMPT_LABEL,
        "data_types": types,
        "data": {"format": "text/plain", "identifier": "prompt.txt", "data_types": types},
    }
    builder.add_resource("prompt.txt", io.BytesIO(prompt.encode()))
    builder.add_ingredient(json.dumps(description), "text/plain", io.BytesIO(prompt.encode()))


def _self_check(path: Path, identity: Identity) -> str:
    """Read the file back as a verifier would who trusts the top of our own chain."""
    trust = anchors_of(identity.chain)
    report = read(path, trust)
    wanted = "trusted" if trust.lists else "valid"
    if report.state != wanted or report.manifest_id is None:
        codes = ", ".join([report.reason or "", *report.failures]).strip(", ")
        raise CredentialsError(
            "self_check_failed",
            f"The signed file reads back as {report.state} ({codes}), so it was not released.",
        )
    return report.manifest_id


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
