"""Signed files of six formats, and what is done to them: the cases of `benchmarks.credentials_agreement`.

Everything is made here. Each case is a file, with what a verifier should say: "trusted" where nothing that is signed
was changed, "untrusted" where only the signer is unknown, "broken", or "none" where no manifest is left.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import av
from PIL import Image

from guard.credentials import (
    Identity,
    Ingredient,
    ManifestSpec,
    Model,
    SoftBinding,
    Software,
    create_development_ca,
    load_identity,
    sign,
)
from guard.credentials.bmff_boxes import C2PA_USER_TYPE
from guard.media import strip_metadata
from tests import media
from tests.credentials_forge import created, definition, sign_as_is, write_mp4

FORMATS = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
}
BOXES = ("mp4", "mov", "avif")
VIDEO = ("mp4", "mov")


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        format: key of `FORMATS`.
        name: of what was done.
        path: of the file.
        expected: what a verifier should say.
    """

    format: str
    name: str
    path: Path
    expected: str


class Piece(NamedTuple):
    """A box, segment or chunk: type, and where it lies; `manifest` if it holds the credentials or a part of them."""

    kind: bytes
    start: int
    end: int
    payload: int
    manifest: bool


def pieces(data: bytes, kind: str) -> list[Piece]:
    """The outermost pieces of a file."""
    if kind in BOXES:
        return list(_boxes(data))
    return list({"jpg": _segments, "png": _png_chunks, "webp": _riff_chunks}[kind](data))


def _boxes(data: bytes) -> Iterator[Piece]:
    place = 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, place + 8)[0], 16
        ours = name == b"uuid" and data[place + 8 : place + 24] == C2PA_USER_TYPE
        yield Piece(name, place, place + size, place + head, ours)
        place += size


def _segments(data: bytes) -> Iterator[Piece]:
    place = 2
    while data[place + 1] != 0xDA:
        size = 2 + int.from_bytes(data[place + 2 : place + 4])
        marker = data[place : place + 2]
        yield Piece(
            marker,
            place,
            place + size,
            place + 4,
            marker == b"\xff\xeb" and data[place + 4 : place + 6] == b"JP",
        )
        place += size
    yield Piece(b"\xff\xda", place, len(data), place + 20, False)


def _png_chunks(data: bytes) -> Iterator[Piece]:
    place = 8
    while place < len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        yield Piece(name, place, place + size + 12, place + 8, name == b"caBX")
        place += size + 12


def _riff_chunks(data: bytes) -> Iterator[Piece]:
    place = 12
    while place < len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        yield Piece(name, place, place + 8 + size + size % 2, place + 8, name == b"C2PA")
        place += 8 + size + size % 2


_MEDIA = {
    "jpg": b"\xff\xda",
    "png": b"IDAT",
    "webp": (b"VP8 ", b"VP8L"),
    "mp4": b"mdat",
    "mov": b"mdat",
    "avif": b"mdat",
}
# A simple WebP has no header chunk, so its picture's own header is taken.
_HEADER = {
    "jpg": b"\xff\xdb",
    "png": b"IHDR",
    "webp": b"VP8 ",
    "mp4": b"moov",
    "mov": b"moov",
    "avif": b"meta",
}
_RENAMED = {
    "jpg": b"\xff\xea",
    "png": b"cbBX",
    "webp": b"XXXX",
    "mp4": b"free",
    "mov": b"free",
    "avif": b"free",
}


class Attacker:
    """Changes signed files of one format.

    Args:
        kind: the format.
        signed: a signed file.
        other: another one, of other pictures.
    """

    def __init__(self, kind: str, signed: bytes, other: bytes) -> None:
        self.kind, self.data, self.other = kind, signed, other
        self.pieces = pieces(signed, kind)
        self.manifest = [piece for piece in self.pieces if piece.manifest]
        self.span = (self.manifest[0].start, self.manifest[-1].end)

    def flipped(self, offset: int) -> bytes:
        """One bit."""
        changed = bytearray(self.data)
        changed[offset] ^= 1
        return bytes(changed)

    def text(self, wanted: bytes, by: int = 0, *, last: bool = False) -> bytes:
        """One bit of a text in the manifest."""
        find = self.data.rfind if last else self.data.find
        found = find(wanted, *self.span)
        assert found > 0, (self.kind, wanted)
        return self.flipped(found + by)

    def piece(self, *names: bytes) -> Piece:
        """The first piece of these types."""
        return next(piece for piece in self.pieces if piece.kind in names)

    def media(self, share: float) -> bytes:
        """One bit of the coded media."""
        names = _MEDIA[self.kind]
        found = self.piece(*(names if isinstance(names, tuple) else (names,)))
        margin = 24
        return self.flipped(
            found.payload + margin + int(share * (found.end - found.payload - 2 * margin - 8))
        )

    def header(self) -> bytes:
        """One bit of the header."""
        found = self.piece(_HEADER[self.kind])
        return self.flipped(found.payload + (7 if self.kind in ("png", "webp", "jpg") else 40))

    def without(self) -> bytes:
        """The manifest cut out."""
        return self.rebuilt(lambda piece: b"" if piece.manifest else None)

    def renamed(self) -> bytes:
        """The manifest's pieces under another type."""
        name, changed = _RENAMED[self.kind], bytearray(self.data)
        for piece in self.manifest:
            place = piece.start + (4 if self.kind in (*BOXES, "png") else 0)
            changed[place : place + len(name)] = name
        return bytes(changed)

    def transplanted(self) -> bytes:
        """Another file's manifest in the place of this one's."""
        theirs = b"".join(
            self.other[piece.start : piece.end] for piece in pieces(self.other, self.kind) if piece.manifest
        )
        first = self.manifest[0]
        return self.rebuilt(lambda piece: (theirs if piece == first else b"") if piece.manifest else None)

    def doubled(self) -> bytes:
        """The manifest twice."""
        last, all_of_it = self.manifest[-1], self.data[self.span[0] : self.span[1]]
        return self.rebuilt(
            lambda piece: self.data[piece.start : piece.end] + all_of_it if piece == last else None
        )

    def with_metadata(self) -> bytes:
        """One more piece of metadata."""
        if self.kind in BOXES:
            return self.data + struct.pack(">I4s", 40, b"udta") + bytes(32)
        if self.kind == "jpg":
            return self.data[:2] + b"\xff\xfe\x00\x08remark"[:10] + self.data[2:]
        if self.kind == "png":
            import zlib

            body = b"tEXtComment\0hello"
            chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
            end = self.piece(b"IEND").start
            return self.data[:end] + chunk + self.data[end:]
        return self._riff(self.data + b"XMP " + struct.pack("<I", 4) + b"<x/>")

    def rebuilt(self, change: Callable[[Piece], bytes | None]) -> bytes:
        """The file with some pieces replaced; None leaves one as it is."""
        out, place = bytearray(), 0
        for piece in self.pieces:
            new = change(piece)
            out += self.data[place : piece.start] + (
                self.data[piece.start : piece.end] if new is None else new
            )
            place = piece.end
        return self._riff(bytes(out + self.data[place:]))

    def _riff(self, data: bytes) -> bytes:
        if self.kind != "webp":
            return data
        return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def byte_cases(attacker: Attacker) -> Iterator[tuple[str, bytes, str]]:
    """What needs nothing but a signed file: name, content, expectation."""
    kind, data = attacker.kind, attacker.data
    yield "intact", data, "trusted"
    for name, share in (("first", 0.0), ("middle", 0.5), ("last", 1.0)):
        yield f"media, {name} part", attacker.media(share), "broken"
    yield "header", attacker.header(), "broken"
    hash_label = b"c2pa.hash.bmff.v3" if kind in BOXES else b"c2pa.hash.data"
    texts = {
        "claim: generator": (b"claim_generator_info", 30),
        "claim: title": (b"dc:title", 12),
        "claim: instance": (b"xmp:iid:", 10),
        "claim: list of assertions": (b"created_assertions", 40),
        "assertion: source type": (b"trainedAlgorithmicMedia", 3),
        "assertion: soft binding": (b"ASNFZ4", 2),
        "assertion: disclosure": (b"humanOversightLevel", 24),
        "assertion: time": (b"2026-11-23T", 3),
        "assertion: hard binding": (hash_label, 120),
        "certificate: leaf": (b"Guard development signer", 3),
        "certificate: issuer": (b"Guard development intermediate", 3),
        "structure: label of an assertion": (b"c2pa.ai-disclosure", 8),
    }
    for name, (wanted, by) in texts.items():
        if data.find(wanted, *attacker.span) > 0:
            yield name, attacker.text(wanted, by), "broken"
    # The labels of these boxes are in no hash: type, then a byte of flags, then the label.
    for name, box in (
        ("manifests", "c2pa"),
        ("assertions", "c2as"),
        ("claim", "c2cl"),
        ("signature", "c2cs"),
    ):
        changed = attacker.text(b"jumd" + box.encode(), 4 + 16 + 1 + 3)
        yield f"structure: label of the box of {name}", changed, "broken"
    yield "structure: type of the outer box", attacker.text(b"jumb", 1), "broken"
    yield "signature", attacker.text(b"\xf6\x58\x40", 20, last=True), "broken"
    yield "padding of the signature", attacker.text(bytes(2000), 1000), "trusted"
    yield "manifest cut out", attacker.without(), "none"
    yield "manifest renamed", attacker.renamed(), "none"
    yield "manifest of another file", attacker.transplanted(), "broken"
    yield "manifest twice", attacker.doubled(), "broken"
    yield "metadata added", attacker.with_metadata(), "broken"
    yield "cut by 200 bytes", data[:-200], "broken"
    start, end = attacker.span
    half = (
        (end + len(data)) // 2 if end < len(data) - 100 else (start + end) // 2
    )  # the manifest stays, or half of it
    yield "cut in half", data[:half], "broken"
    yield "garbage appended", data + b"\x00\x00\x00\x05junk" * 4, "broken"
    if kind in BOXES:
        yield "free box appended", data + struct.pack(">I4s", 24, b"free") + bytes(16), "trusted"
        mdat = attacker.piece(b"mdat").start
        changed = data[: mdat + 4] + b"free" + data[mdat + 8 :]
        yield "media box renamed after signing", changed, "broken"


class Maker:
    """Makes media and signs them.

    Args:
        folder: for all files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        create_development_ca(folder / "keys")
        create_development_ca(folder / "others")
        self.identity = load_identity(folder / "keys")
        self.stranger = load_identity(folder / "others")
        self.anchor = (folder / "keys" / "ca.pem").read_text()

    def spec(self, **changes: object) -> ManifestSpec:
        """A manifest."""
        plain = ManifestSpec(
            title="a title",
            kind="text_to_video",
            created=datetime(2026, 11, 23, 12, tzinfo=UTC),
            model=Model("scenes", "r7", "sha256:" + "ab" * 32),
            watermark=SoftBinding("io.github.generation-guard.lattice.1", bytes.fromhex("0123456789abcdef")),
            fingerprint=SoftBinding("io.github.generation-guard.pdq.1", bytes(range(64))),
            application=Software("Guard", "0.1.0"),
            training_mining={"cawg.ai_training": "notAllowed"},
        )
        return replace(plain, **changes)  # type: ignore[arg-type]

    def media(self, kind: str, seed: int = 0) -> Path:
        """An unsigned file."""
        path = self.folder / f"source-{seed}.{kind}"
        if kind in VIDEO:
            return write_mp4(path, "faststart", seed=seed)
        picture = Image.fromarray(next(media.scene(320, 200, 1, seed=seed)))
        picture.save(path, **({"quality": 90} if kind != "png" else {}))
        return path

    def signed(self, source: Path, name: str, identity: Identity | None = None, **changes: object) -> Path:
        """A signed file."""
        out = self.folder / f"{name}{source.suffix}"
        sign(source, out, self.spec(**changes), identity or self.identity)
        return out

    def cases(self, kind: str) -> Iterator[Case]:
        """All cases of one format."""
        source, other = self.media(kind), self.media(kind, seed=5)
        made = "text_to_video" if kind in VIDEO else "picture"
        signed = self.signed(source, "signed", kind=made)
        attacker = Attacker(kind, signed.read_bytes(), self.signed(other, "other", kind=made).read_bytes())
        for name, data, expected in byte_cases(attacker):
            yield self._case(kind, name, data, expected)
        yield Case(kind, "never signed", source, "none")
        stranger = self.signed(source, "stranger", self.stranger, kind=made)
        yield Case(kind, "signed by a stranger", stranger, "untrusted")
        yield from self._kinds(kind, source, other, signed, attacker)
        yield self._encoded(kind, signed)
        if kind in VIDEO:
            strip_metadata(signed, self.folder / f"copied.{kind}")
            yield Case(kind, "copied without coding", self.folder / f"copied.{kind}", "none")
        if kind in BOXES:
            yield from self._unhashed(kind, source)

    def _kinds(
        self, kind: str, source: Path, other: Path, signed: Path, attacker: Attacker
    ) -> Iterator[Case]:
        reference = Ingredient(signed, "input", "inputTo")
        parent = Ingredient(signed, "parent", "parentOf")
        made = self.signed(other, "from-input", kind="image_to_video", ingredients=(reference,))
        yield Case(kind, "made from an input", made, "trusted")
        edit = self.signed(other, "edit", kind="edit", ingredients=(parent,))
        yield Case(kind, "edit", edit, "trusted")
        told = self.signed(source, "told", kind="text_to_video", prompt="a boat on a lake")
        yield Case(kind, "with its prompt", told, "trusted")
        bad = self.folder / f"bad-parent.{kind}"
        bad.write_bytes(attacker.media(0.5))
        broken = Ingredient(bad, "parent", "parentOf")
        hidden = self.signed(other, "hidden", kind="edit", ingredients=(broken,))
        yield Case(kind, "edit of a tampered parent", hidden, "trusted")
        inside = Attacker(kind, edit.read_bytes(), b"")
        yield self._case(kind, "ingredient: source type", inside.text(b"trainedAlgo", 3), "broken")
        yield self._case(kind, "ingredient: claim", inside.text(b"claim_generator_info", 30), "broken")

    def _encoded(self, kind: str, signed: Path) -> Case:
        path = self.folder / f"encoded.{kind}"
        if kind in VIDEO:
            with av.open(str(signed)) as container:
                frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            media.write_clip(path, frames, crf=28)
        else:
            Image.open(signed).convert("RGB").save(path)
        return Case(kind, "encoded anew", path, "none")

    def _unhashed(self, kind: str, source: Path) -> Iterator[Case]:
        """Media in a box that no hash covers, signed with the bare library, then changed."""
        sources = {"media in a free box, changed": source}
        if kind == "mp4":
            flags = "frag_keyframe+empty_moov+default_base_moof"
            sources["fragments in free boxes, changed"] = write_mp4(self.folder / "frag.mp4", flags)
            yield Case(
                kind,
                "fragmented",
                self.signed(sources["fragments in free boxes, changed"], "fragmented"),
                "trusted",
            )
        for name, clip in sources.items():
            data = bytearray(clip.read_bytes())
            for piece in pieces(bytes(data), kind):
                if piece.kind == b"mdat":
                    data[piece.start + 4 : piece.start + 8] = b"free"
            hollow = self.folder / f"hollow-{len(name)}.{kind}"
            hollow.write_bytes(data)
            content = definition(created("trainedAlgorithmicMedia"))
            out = self.folder / f"hollow-signed-{len(name)}.{kind}"
            sign_as_is(hollow, out, content, self.identity, kind=FORMATS[kind])
            changed = bytearray(out.read_bytes())
            largest = max(
                (piece for piece in pieces(bytes(changed), kind) if piece.kind == b"free"),
                key=lambda piece: piece.end - piece.start,
            )
            changed[(largest.payload + largest.end) // 2] ^= 1
            yield self._case(kind, name, bytes(changed), "broken")

    def _case(self, kind: str, name: str, data: bytes, expected: str) -> Case:
        plain = "".join(letter if letter.isalnum() else "-" for letter in name)
        path = self.folder / f"case-{plain}.{kind}"
        path.write_bytes(data)
        return Case(kind, name, path, expected)
