"""What an attacker does to signed files, and manifests that our own code would never write."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guard.credentials import Identity, development
from guard.credentials.bmff_boxes import C2PA_USER_TYPE, Box, read_boxes
from guard.credentials.context import context_for
from guard.credentials.trust import Trust
from tests import media

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


ISSUER = development.make_authority()[1]
NOW = datetime.now(UTC)


def certificate(
    key: Any,
    *,
    usages: list[x509.ObjectIdentifier] | None = None,
    digital_signature: bool = True,
    authority_key: bool = True,
    ca: bool = False,
    start: datetime = NOW - timedelta(hours=1),
    end: datetime = NOW + timedelta(days=30),
    self_signed: bool = False,
) -> bytes:
    """A leaf by `ISSUER`, PEM, with what is asked for left out."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Studio")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if self_signed else ISSUER.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature, True, False, False, False, False, False, False, False),
            critical=True,
        )
    )
    wanted = [ExtendedKeyUsageOID.EMAIL_PROTECTION] if usages is None else usages
    if wanted:
        builder = builder.add_extension(x509.ExtendedKeyUsage(wanted), critical=False)
    if authority_key:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ISSUER.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
    signer = key if self_signed else ISSUER.key
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def pem(key: Any) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_mp4(path: Path, movflags: str, *, pictures: int = 24, seed: int = 0) -> Path:
    """A small H.264 clip, 160 x 96, a key picture every eight."""
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as output:
        stream = output.add_stream("libx264", rate=24, options={"preset": "veryfast", "g": "8"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.thread_count = 1
        for picture in media.scene(160, 96, pictures, seed=seed):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return path


def sign_as_is(
    source: Path,
    out: Path,
    definition: dict[str, Any],
    identity: Identity,
    *,
    kind: str = "video/mp4",
    ingredients: tuple[tuple[dict[str, Any], Path], ...] = (),
    remote_url: str | None = None,
    embed: bool = True,
) -> Path:
    """Sign any definition with the bare library, none of our checks in between."""
    chain = identity.chain_pem.decode()
    algorithm = c2pa.C2paSigningAlg[identity.alg.upper()]
    with (
        c2pa.Signer.from_callback(identity.cose_signature, algorithm, chain) as signer,
        c2pa.Builder(definition, context=context_for(Trust())) as builder,
        source.open("rb") as stream,
        out.open("w+b") as destination,
    ):
        for description, path in ingredients:
            with path.open("rb") as ingredient:
                builder.add_ingredient(description, "video/mp4", ingredient)
        if remote_url:
            builder.set_remote_url(remote_url)
        if not embed:
            builder.set_no_embed()
        builder.sign(signer, kind, stream, destination)
    return out


def definition(*actions: dict[str, Any], assertions: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """A manifest with these actions."""
    data = {"allActionsIncluded": True, "actions": list(actions)}
    return {
        "claim_generator_info": [{"name": "Somebody", "version": "9"}],
        "title": "theirs.mp4",
        "assertions": [{"label": "c2pa.actions.v2", "created": True, "data": data}, *assertions],
    }


def created(kind: str) -> dict[str, Any]:
    """The action of a file that came into being this way."""
    return {"action": "c2pa.created", "digitalSourceType": kind if "/" in kind else IPTC + kind}


def box(path: Path, name: str, index: int = 0) -> Box:
    """The box at this path, such as "/moov/trak"."""
    with path.open("rb") as file:
        return read_boxes(file).at(name)[index]


def altered(path: Path, out: Path, change: Callable[[bytearray], None]) -> Path:
    """A copy with its bytes changed in place."""
    data = bytearray(path.read_bytes())
    change(data)
    out.write_bytes(data)
    return out


def flipped(path: Path, out: Path, offset: int) -> Path:
    """A copy with one bit flipped."""

    def flip(data: bytearray) -> None:
        data[offset] ^= 1

    return altered(path, out, flip)


def retyped(path: Path, out: Path, name: str, kind: bytes) -> Path:
    """A copy in which one box has another type; all offsets stay."""
    start = box(path, name).start

    def rename(data: bytearray) -> None:
        data[start + 4 : start + 8] = kind

    return altered(path, out, rename)


def offset_of(path: Path, text: bytes) -> int:
    """Where these bytes first stand in the manifest box."""
    manifest = manifest_box(path)
    found = path.read_bytes().find(text, manifest.start, manifest.end)
    assert found > 0
    return found


def manifest_box(path: Path) -> Box:
    """The uuid box that holds the manifest store."""
    data = path.read_bytes()
    with path.open("rb") as file:
        boxes = read_boxes(file).at("/uuid")
    return next(b for b in boxes if data[b.start + 8 : b.start + 24] == C2PA_USER_TYPE)


def nested(levels: int) -> bytes:
    """Boxes within boxes."""
    data = b""
    for _ in range(levels):
        data = struct.pack(">I4s", 8 + len(data), b"moov") + data
    return struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + data
