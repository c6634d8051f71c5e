"""Signed files of six formats, and what is done to them: the cases of `benchmarks.credentials_agreement`.

Everything is made here. Each case is a file, with what a verifier should say: "trusted" where nothing that is signed
was changed, "untrusted" where only the signer is unknown, "broken", or "none" where no manifest is left.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import av
from PIL import Image

from benchmarks.credentials_surgery import BOXES, FORMATS, VIDEO, Attacker, pieces
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
from guard.media import strip_metadata
from tests import media
from tests.credentials_forge import created, definition, sign_as_is, write_mp4


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

    def other_cases(self, kind: str) -> Iterator[Case]:
        """A few cases of a format of `OTHERS`."""
        source = self.folder / f"source.{kind}"
        if kind in ("gif", "tiff", "pdf"):
            Image.fromarray(next(media.scene(320, 200, 1))).save(source)
        elif kind == "avi":
            media.write_clip(source, media.scene(160, 96, 12))
        else:
            media.write_clip(source, [], sound={"wav": "pcm_s16le", "flac": "flac", "m4a": "aac"}[kind])
        signed = self.signed(source, "signed", kind="picture")
        yield Case(kind, "intact", signed, "trusted")
        yield Case(kind, "never signed", source, "none")
        stranger = self.signed(source, "stranger", self.stranger, kind="picture")
        yield Case(kind, "signed by a stranger", stranger, "untrusted")
        data = bytearray(signed.read_bytes())
        # A byte of the source that stands in the signed file too: media, not manifest.
        sample = source.read_bytes()[len(source.read_bytes()) // 2 :][:64]
        data[data.find(sample) + 32] ^= 1
        yield self._case(kind, "media, middle part", bytes(data), "broken")
        claim = bytearray(signed.read_bytes())
        claim[claim.find(b"claim_generator_info") + 30] ^= 1
        yield self._case(kind, "claim: generator", bytes(claim), "broken")

    def _kinds(
        self, kind: str, source: Path, other: Path, signed: Path, attacker: Attacker
    ) -> Iterator[Case]:
        reference = Ingredient(signed, "input", "inputTo")
        parent = Ingredient(signed, "parent", "parentOf")
        made = self.signed(other, "from-input", kind="image_to_video", ingredients=(reference,))
        yield Case(kind, "made from an input", made, "trusted")
        repeated = Ingredient(signed, "source", "inputTo", "Its settings alone.")
        remix = self.signed(other, "remix", kind="remix", ingredients=(repeated,))
        yield Case(kind, "remix of its settings", remix, "trusted")
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
