"""What a file says about itself, unsigned.

Anyone can write or remove such statements: a positive is a declaration, their absence means nothing. Read are
the text chunks of PNG; EXIF and XMP of JPEG, PNG and WebP; XMP of any other file; tags of video containers.
EXIF of HEIF, AVIF and TIFF is not read. The detector parses hostile bytes: run it in a sandboxed process.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from detectors.containers import MAX_ITEM, read_metadata
from detectors.evidence import Claim, Evidence, EvidenceType, Outcome, Strength
from detectors.generator_traces import Trace, aigc_label, digital_source, text_traces, tool
from detectors.protocol import Subject
from detectors.xmp import read_properties, values

_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_TC260 = "http://www.tc260.org.cn/ns/AIGC/1.0/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_EXIF_FIELDS = {0x010E: "description", 0x010F: "make", 0x0110: "model", 0x0131: "software"}
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_WITHOUT_TAGS = frozenset({"png", "jpeg", "webp"})

_SENTENCES: dict[Claim, tuple[str, str]] = {
    Claim.DECLARES_AI: (
        "The metadata say that the file was made with AI ({where}).",
        "Die Metadaten geben an, dass die Datei mit KI erzeugt wurde ({where}).",
    ),
    Claim.DECLARES_AI_EDIT: (
        "The metadata say that the file was edited with AI ({where}).",
        "Die Metadaten geben an, dass die Datei mit KI bearbeitet wurde ({where}).",
    ),
    Claim.MENTIONS_GENERATOR: (
        "The metadata hint at AI without clearly declaring it ({where}).",
        "Die Metadaten deuten auf KI hin, ohne sie eindeutig anzugeben ({where}).",
    ),
}
_CONVENTIONS: dict[str, tuple[str, str]] = {
    "iptc_digital_source_type": ("IPTC digital source type", "IPTC-Angabe zur digitalen Quelle"),
    "tc260_aigc_label": ("AIGC label", "AIGC-Kennzeichnung"),
    "comfyui_graph": ("ComfyUI workflow", "ComfyUI-Arbeitsablauf"),
    "webui_parameters": ("generation parameters", "Generierungsparameter"),
    "invokeai_metadata": ("InvokeAI metadata", "InvokeAI-Metadaten"),
    "invokeai_dream": ("InvokeAI command", "InvokeAI-Befehl"),
    "tool_name": ("name of a tool", "Name eines Werkzeugs"),
}


class DeclaredMetadata:
    """Looks for declarations of AI in a file's metadata."""

    id = "declared_metadata"
    version = "1"
    types = (EvidenceType.METADATA,)

    def examine(self, subject: Subject) -> list[Evidence]:
        """One piece of evidence per convention and place, or one that nothing is declared."""
        metadata = read_metadata(subject.path)
        found: dict[Trace, str] = {}
        for key, value in metadata.texts:
            for trace in text_traces(key, value):
                found.setdefault(trace, f"{metadata.format} text")
        for block in metadata.exif:
            for key, value in _exif_texts(block):
                for trace in text_traces(key, value):
                    found.setdefault(trace, "exif")
        for packet in metadata.xmp:
            for trace in _xmp_traces(packet):
                found.setdefault(trace, "xmp")
        if metadata.format not in _WITHOUT_TAGS:
            for key, value in _container_tags(subject.path, boxes=metadata.format == "bmff"):
                for trace in text_traces(key, value):
                    found.setdefault(trace, "container tag")
        if not found:
            return [_nothing(metadata.skipped)]
        return [_positive(trace, place) for trace, place in found.items()]


def _xmp_traces(packet: bytes) -> Iterator[Trace]:
    properties = read_properties(packet)
    for value in values(properties, _IPTC_EXT, "DigitalSourceType"):
        if trace := digital_source(value):
            yield trace
    for name in ("AIGC", "Label"):
        for value in values(properties, _TC260, name):
            if trace := aigc_label(value):
                yield trace
    for value in values(properties, _XMP, "CreatorTool"):
        if trace := tool(value):
            yield trace


def _exif_texts(block: bytes) -> list[tuple[str, str]]:
    """Texts of an EXIF block, up to where it is damaged."""
    texts: list[tuple[str, str]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on damage, which is to be expected here
        try:
            texts.extend(_exif_fields(block))
        except Exception:  # noqa: BLE001 - damaged EXIF fails in many ways; all mean that it declares nothing
            return texts
    return texts


def _exif_fields(block: bytes) -> Iterator[tuple[str, str]]:
    from PIL import Image

    exif = Image.Exif()
    exif.load(block)
    for tag, name in _EXIF_FIELDS.items():
        if isinstance(value := exif.get(tag), str):
            yield name, value
    comment = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    if isinstance(comment, bytes):
        yield "usercomment", _user_comment(comment)
    elif isinstance(comment, str):
        yield "usercomment", comment


def _user_comment(comment: bytes) -> str:
    """Text after the eight bytes that name its character set; UTF-16 comes in both byte orders."""
    charset, text = comment[:8], comment[8:]
    if not charset.startswith(b"UNICODE"):
        return text.decode("utf-8", errors="replace")
    little = text[1::2].count(0) >= text[::2].count(0)
    return text.decode("utf-16-le" if little else "utf-16-be", errors="replace")


# Without playlists, which would be followed to other files, whose tags are not this file's.
_WITHOUT_BOXES = "matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,mxf,mp3,wav,flac,aac,gif"


def _container_tags(path: Path, *, boxes: bool) -> list[tuple[str, str]]:
    """Tags of the container and its streams; none where it cannot be opened.

    A file that begins with boxes is read as boxes, or FFmpeg could take it for something else and read the tags
    of what others may have put into it.
    """
    import av

    options = {
        "probesize": "1000000",
        "format_whitelist": "mov" if boxes else _WITHOUT_BOXES,
        "protocol_whitelist": "file",
    }
    kind = "mov" if boxes else None
    try:
        with av.open(str(path), "r", kind, metadata_errors="replace", options=options) as container:
            groups = [container.metadata, *(stream.metadata for stream in container.streams)]
            return [(key, value) for tags in groups for key, value in tags.items() if len(value) <= MAX_ITEM]
    except (av.FFmpegError, ValueError, UnicodeError):
        return []


def _positive(trace: Trace, place: str) -> Evidence:
    hint = trace.claim is Claim.MENTIONS_GENERATOR
    english, german = _SENTENCES[trace.claim]
    name_en, name_de = _CONVENTIONS[trace.kind]
    return Evidence(
        type=EvidenceType.METADATA,
        detector=DeclaredMetadata.id,
        version=DeclaredMetadata.version,
        outcome=Outcome.DETECTED,
        strength=Strength.HINT if hint else Strength.DECLARED,
        claim=trace.claim,
        summary={"en": english.format(where=name_en), "de": german.format(where=name_de)},
        details={"convention": trace.kind, "place": place, "value": trace.value},
    )


def _nothing(skipped: int) -> Evidence:
    return Evidence(
        type=EvidenceType.METADATA,
        detector=DeclaredMetadata.id,
        version=DeclaredMetadata.version,
        outcome=Outcome.NOT_DETECTED,
        strength=Strength.DECLARED,
        summary={
            "en": "The metadata declare nothing about AI.",
            "de": "Die Metadaten enthalten keine Angabe zu KI.",
        },
        details={"skipped": skipped},
    )
